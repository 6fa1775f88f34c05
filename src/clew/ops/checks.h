// SPDX-License-Identifier: Apache-2.0
// Argument checks of this module's operators. Private to the module.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <initializer_list>
#include <utility>
#include <vector>

#include "clew/core/error.h"

namespace clew::ops {

/// A weight, its name for errors and its required shape.
struct NamedWeight {
  const char* name;
  const at::Tensor* tensor;
  std::vector<std::int64_t> shape;
};

/// Throws unless all weights are defined, dense, of the required shapes, of one floating type and
/// on one device.
inline void check_weights(const char* where, const std::vector<NamedWeight>& weights) {
  for (const NamedWeight& w : weights) {
    CLEW_CHECK(w.tensor->defined(), w.name, " must be a tensor, got an undefined one (", where,
               ")");
    CLEW_CHECK(w.tensor->sizes() == at::IntArrayRef(w.shape), w.name, " must be ",
               at::IntArrayRef(w.shape), ", got ", w.tensor->sizes(), " (", where, ")");
    const at::Tensor& first = *weights.front().tensor;
    CLEW_CHECK(at::isFloatingType(w.tensor->scalar_type()), w.name,
               " must be of a floating type, got ", w.tensor->scalar_type(), " (", where, ")");
    CLEW_CHECK(w.tensor->scalar_type() == first.scalar_type(), w.name, " must be of type ",
               first.scalar_type(), " as ", weights.front().name, ", got ", w.tensor->scalar_type(),
               " (", where, ")");
    CLEW_CHECK(w.tensor->device() == first.device(), w.name, " must be on ", first.device(), " as ",
               weights.front().name, ", got ", w.tensor->device(), " (", where, ")");
  }
}

/// Version counters of packed weights.
class Versions {
 public:
  Versions() = default;
  explicit Versions(std::vector<at::Tensor> weights) : weights_(std::move(weights)) {
    for (const at::Tensor& w : weights_) versions_.push_back(w._version());
  }
  void check_unchanged(const char* where) const {
    for (std::size_t i = 0; i < weights_.size(); ++i)
      CLEW_CHECK(weights_[i]._version() == versions_[i], "the weights of an ", where,
                 " must not change while it is in use, got another version of weight ", i,
                 "; make a new one after each optimiser step");
  }

 private:
  std::vector<at::Tensor> weights_;
  std::vector<std::uint32_t> versions_;
};

}  // namespace clew::ops
