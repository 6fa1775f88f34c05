// SPDX-License-Identifier: Apache-2.0
// Helpers of operators that record calls on a tape: graph nodes and typed buffers. Private to the
// module.
//
// The nodes derive from torch::autograd::Node and not from torch::autograd::Function, because they
// keep C++ objects and must know which gradients are asked for.
#pragma once

#include <ATen/TracerMode.h>
#include <c10/util/intrusive_ptr.h>
#include <torch/csrc/autograd/function.h>
#include <torch/csrc/autograd/functions/utils.h>

#include <memory>
#include <type_traits>
#include <utility>
#include <vector>

#include "clew/core/error.h"
#include "clew/ops/kernels.h"
#include "clew/ops/tensor.h"
#include "clew/ops/workspace.h"

namespace clew::ops {

/// Graph node in LibTorch's pointer type: std::shared_ptr with a custom deleter (1.13, 2.9), or
/// c10::intrusive_ptr (2.13).
template <class NodeType, class... Args>
auto make_node(Args&&... args) {
  if constexpr (std::is_base_of_v<c10::intrusive_ptr_target, NodeType>) {
    return c10::make_intrusive<NodeType>(std::forward<Args>(args)...);
  } else {
    // Found by ADL, only if this branch is compiled: 2.13 has no such function.
    return std::shared_ptr<NodeType>(new NodeType(std::forward<Args>(args)...),
                                     [](auto* node) { deleteNode(node); });
  }
}

inline float* floats(const Buffer& buffer) { return reinterpret_cast<float*>(buffer.get()); }
inline Word* words(const Buffer& buffer) { return reinterpret_cast<Word*>(buffer.get()); }

inline Buffer take_words(const Workspace& workspace, std::size_t count) {
  return workspace.take(count * sizeof(Word));
}

/// True in a TorchScript trace, which can record LibTorch's operators only.
inline bool is_tracing() { return at::tracer::impl::is_dispatch_enabled(); }

/// A tensor saved for backward, with its version to detect in-place changes.
class SavedTensor {
 public:
  SavedTensor() = default;
  explicit SavedTensor(const torch::Tensor& tensor)
      : tensor_(tensor.detach()), version_(tensor._version()) {}
  const torch::Tensor& get(const char* name, const char* where) const {
    CLEW_CHECK(tensor_._version() == version_, name,
               " must not be changed in place before backward (", where, ")");
    return tensor_;
  }

 private:
  torch::Tensor tensor_;  // shares memory and version counter
  std::uint32_t version_ = 0;
};

inline void refuse_second_derivative(const char* where) {
  CLEW_CHECK(!at::GradMode::is_enabled(), "the fast ", where,
             " has no second derivative: backward must not be called with create_graph; use f64 "
             "weights for that");
}

}  // namespace clew::ops
