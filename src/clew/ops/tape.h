// SPDX-License-Identifier: Apache-2.0
// Small helpers of the operators that record calls on a tape: graph nodes and typed buffers.
// Private to the room.
//
// The nodes derive from torch::autograd::Node and not from torch::autograd::Function, because they
// keep C++ objects and must know which gradients are asked for.
#pragma once

#include <torch/csrc/autograd/function.h>
#include <torch/csrc/autograd/functions/utils.h>
#include <torch/types.h>

#include <memory>
#include <utility>
#include <vector>

#include "clew/core/error.h"
#include "clew/ops/kernels.h"
#include "clew/ops/workspace.h"

namespace clew::ops {

template <class NodeType, class... Args>
std::shared_ptr<NodeType> make_node(Args&&... args) {
  return std::shared_ptr<NodeType>(new NodeType(std::forward<Args>(args)...),
                                   torch::autograd::deleteNode);
}

inline float* floats(const Buffer& buffer) { return reinterpret_cast<float*>(buffer.get()); }
inline Word* words(const Buffer& buffer) { return reinterpret_cast<Word*>(buffer.get()); }

inline Buffer take_words(const Workspace& workspace, std::size_t count) {
  return workspace.take(count * sizeof(Word));
}

/// A tensor the backward pass reads again, and the proof that nobody wrote into it.
class Kept {
 public:
  Kept() = default;
  explicit Kept(const torch::Tensor& tensor)
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
