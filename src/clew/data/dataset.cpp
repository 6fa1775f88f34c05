// SPDX-License-Identifier: Apache-2.0
#include "clew/data/dataset.h"

#include <torch/utils.h>

#include <cstring>

#include "clew/core/error.h"

namespace clew::data {

void check_index(const Dataset& dataset, std::int64_t index) {
  CLEW_CHECK(index >= 0 && index < dataset.size(), "an example's index must be in 0..",
             dataset.size() - 1, ", got ", index);
}

torch::Tensor stack(const std::vector<torch::Tensor>& tensors, const std::string& what) {
  CLEW_CHECK(!tensors.empty(), "a batch needs at least one ", what, " (stack)");
  CLEW_CHECK(tensors[0].defined(), what, " 0 of a batch must be a tensor, got an undefined one");
  const auto& first = tensors[0];
  std::vector<std::int64_t> shape = {static_cast<std::int64_t>(tensors.size())};
  shape.insert(shape.end(), first.sizes().begin(), first.sizes().end());
  const auto out =
      torch::empty(shape, torch::TensorOptions().dtype(first.dtype()).device(torch::kCPU));
  const std::size_t bytes = static_cast<std::size_t>(first.numel()) * first.element_size();
  auto* to = static_cast<char*>(out.data_ptr());
  for (std::size_t i = 0; i < tensors.size(); ++i) {
    const auto& tensor = tensors[i];
    const auto want = [i](bool is_right, const auto&... text) {
      if (!is_right) throw StackError(concat(text...), i);
    };
    want(tensor.defined(), what, " ", i, " of a batch must be a tensor, got an undefined one");
    want(tensor.sizes() == first.sizes(), what, "s of a batch must have one shape, got ",
         first.sizes(), " and, at place ", i, ", ", tensor.sizes(),
         "; resize them, or override collate");
    want(tensor.scalar_type() == first.scalar_type(), what, "s of a batch must have one type, got ",
         first.scalar_type(), " and, at place ", i, ", ", tensor.scalar_type());
    want(tensor.device().is_cpu(), what, "s of a batch must be on the CPU, got ", tensor.device());
    if (bytes > 0) std::memcpy(to + i * bytes, tensor.contiguous().data_ptr(), bytes);
  }
  return out;
}

Batch Dataset::collate(std::vector<Sample> samples) const {
  std::vector<torch::Tensor> inputs, targets;
  for (auto& sample : samples) {
    inputs.push_back(std::move(sample.input));
    targets.push_back(std::move(sample.target));
  }
  return {stack(inputs, "input"), stack(targets, "target"), {}};
}

}  // namespace clew::data
