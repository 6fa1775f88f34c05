// SPDX-License-Identifier: Apache-2.0
#include "clew/nn/export/inference.h"

#include <torch/nn/module.h>
#include <torch/types.h>

#include <algorithm>

#include "clew/core/error.h"
#include "clew/nn/export/onnx_shape.h"

namespace clew::nn {
namespace {

std::vector<std::int64_t> example_shape(const OnnxEdge& edge, bool is_tall) {
  auto shape = edge.shape;
  std::ranges::replace(shape, kOnnxBatch, std::int64_t{2});
  if (!is_free(shape)) return shape;
  CLEW_CHECK(edge.example_size.size() == 2 &&
                 std::ranges::all_of(edge.example_size, [](auto side) { return side > 0; }),
             "input '", edge.name, "': example_size must be a height and a width of at least 1");
  for (std::size_t i = 0; i < shape.size(); ++i) {
    if (shape[i] != kOnnxFree) continue;
    const bool is_height = i + 2 == shape.size();
    shape[i] = edge.example_size[is_height ? 0 : 1] * (is_height && is_tall ? 2 : 1);
  }
  return shape;
}

}  // namespace

Evaluating::Evaluating(torch::nn::Module& module) {
  remember(module);
  module.eval();
}

Evaluating::~Evaluating() {
  for (const auto& [part, is_training] : modes_) part->train(is_training);
}

// Parent first: its train() is recursive, and children are set afterwards.
void Evaluating::remember(torch::nn::Module& module) {
  modes_.emplace_back(&module, module.is_training());
  for (const auto& child : module.children()) remember(*child);
}

std::string reason_of(const std::exception& error) {
  const auto* from_operator = dynamic_cast<const c10::Error*>(&error);
  std::string what =
      from_operator != nullptr ? from_operator->what_without_backtrace() : error.what();
  const auto at = what.rfind("\nRuntimeError: ");
  if (at != std::string::npos) what.erase(0, at + 1);
  return what.substr(0, what.find('\n'));
}

bool has_free_sides(const std::vector<OnnxEdge>& inputs) {
  return std::ranges::any_of(inputs, [](const auto& edge) { return is_free(edge.shape); });
}

std::vector<torch::Tensor> example_inputs(const std::vector<OnnxEdge>& inputs, bool is_tall) {
  std::vector<torch::Tensor> examples;
  for (const auto& edge : inputs) {
    const auto shape = example_shape(edge, is_tall);
    if (!torch::isFloatingType(edge.dtype)) {
      auto numbers = torch::ones(shape).flatten().cumsum(0).sub(1).remainder(2);
      if (numbers.numel() > 0) numbers[-1] = 1;
      examples.push_back(numbers.view(shape).to(edge.dtype));
      continue;
    }
    const auto numbers = torch::ones(shape).cumsum(0).flatten().cumsum(0);
    examples.push_back((numbers.sin() * 0.5 + 0.5).view(shape).to(edge.dtype));
  }
  return examples;
}

}  // namespace clew::nn
