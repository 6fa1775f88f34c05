// SPDX-License-Identifier: Apache-2.0
#include "clew/nn/layers.h"

#include <torch/nn/module.h>
#include <torch/nn/modules/activation.h>
#include <torch/nn/modules/linear.h>
#include <torch/nn/modules/pooling.h>
#include <torch/types.h>

#include "clew/ops/linear.h"
#include "clew/ops/pool_relu.h"

namespace clew::nn {
namespace {

bool is_pooling_by_two(const torch::nn::Module& layer) {
  const auto* pooling = layer.as<torch::nn::MaxPool2d>();
  if (pooling == nullptr) return false;
  const auto is = [](const torch::ExpandingArray<2>& sides, std::int64_t side) {
    return sides->at(0) == side && sides->at(1) == side;
  };
  const auto& o = pooling->options;
  return is(o.kernel_size(), 2) && is(o.stride(), 2) && is(o.padding(), 0) && is(o.dilation(), 1) &&
         !o.ceil_mode();
}

}  // namespace

torch::Tensor LayersImpl::forward(torch::Tensor x, std::vector<torch::Tensor>* behind_relus) {
  for (auto layer = begin(); layer != end(); ++layer) {
    const auto next = layer + 1;
    const bool has_relu = next != end() && next->ptr()->as<torch::nn::ReLU>() != nullptr;
    const auto* const linear = layer->ptr()->as<torch::nn::Linear>();
    const bool is_pooling = has_relu && is_pooling_by_two(*layer->ptr());
    if (is_pooling) {
      x = ops::max_pool_relu(x);
    } else if (linear != nullptr) {
      x = ops::linear(x, linear->weight, linear->bias,
                      {.has_relu = has_relu, .workspace = workspace_});
    } else {
      x = layer->forward(x);
    }
    if (is_pooling || (linear != nullptr && has_relu)) layer = next;
    if (behind_relus != nullptr && layer->ptr()->as<torch::nn::ReLU>() != nullptr)
      behind_relus->push_back(x);
  }
  return x;
}

torch::Device device_of(const torch::nn::Module& module) {
  const auto parameters = module.parameters();
  return parameters.empty() ? torch::Device(torch::kCPU) : parameters[0].device();
}

std::int64_t parameter_total(const torch::nn::Module& module) {
  std::int64_t total = 0;
  for (const auto& parameter : module.parameters()) total += parameter.numel();
  return total;
}

}  // namespace clew::nn
