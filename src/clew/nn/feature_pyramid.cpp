// SPDX-License-Identifier: Apache-2.0
#include "clew/nn/feature_pyramid.h"

#include <torch/nn/init.h>
#include <torch/nn/modules/container/sequential.h>
#include <torch/nn/modules/conv.h>
#include <torch/types.h>

#include <memory>

#include "clew/core/error.h"
#include "clew/core/text.h"
#include "clew/nn/upsample.h"

namespace clew::nn {
namespace {

/// Kaiming-uniform with slope 1, no bias at first, as torchvision.
torch::nn::Sequential pyramid_block(std::int64_t in, std::int64_t out, std::int64_t kernel) {
  torch::nn::Conv2d convolution(torch::nn::Conv2dOptions(in, out, kernel).padding(kernel / 2));
  torch::nn::init::kaiming_uniform_(convolution->weight, 1);
  torch::nn::init::zeros_(convolution->bias);
  return torch::nn::Sequential(convolution);
}

torch::Tensor run_block(torch::nn::ModuleList& blocks, std::size_t i, const torch::Tensor& x) {
  return blocks->at<torch::nn::SequentialImpl>(i).forward(x);
}

}  // namespace

FeaturePyramidImpl::FeaturePyramidImpl(const std::vector<std::int64_t>& channels, std::int64_t out)
    : inner_blocks_(register_module("inner_blocks", torch::nn::ModuleList())),
      layer_blocks_(register_module("layer_blocks", torch::nn::ModuleList())) {
  CLEW_CHECK(!channels.empty(), "a feature pyramid needs at least one map");
  for (const auto in : channels) {
    inner_blocks_->push_back(pyramid_block(in, out, 1));
    layer_blocks_->push_back(pyramid_block(out, out, 3));
  }
}

std::vector<torch::Tensor> FeaturePyramidImpl::forward(const std::vector<torch::Tensor>& maps) {
  CLEW_CHECK(maps.size() == inner_blocks_->size(), "a feature pyramid takes ",
             inner_blocks_->size(), " maps, got ", maps.size());
  std::vector<torch::Tensor> results(maps.size());
  torch::Tensor sum;
  for (std::size_t i = maps.size(); i-- > 0;) {
    auto x = run_block(inner_blocks_, i, maps[i]);
    if (sum.defined()) x = x + upsample_like(sum, x);
    sum = x;
    results[i] = run_block(layer_blocks_, i, sum);
  }
  results.push_back(torch::max_pool2d(results.back(), 1, 2, 0));
  return results;
}

std::vector<LayerId> FeaturePyramidImpl::add_to(LayerGraph& graph,
                                                const std::vector<LayerId>& maps) const {
  CLEW_CHECK(maps.size() == inner_blocks_->size(), "a feature pyramid takes ",
             inner_blocks_->size(), " maps, got ", maps.size());
  const auto convolve = [&](const torch::nn::ModuleList& blocks, const char* name, std::size_t i,
                            LayerId x) {
    return graph.convolution(
        std::dynamic_pointer_cast<torch::nn::Conv2dImpl>(blocks->ptr(i)->children()[0]),
        concat(name, ".", i, ".0"), x);
  };
  std::vector<LayerId> results(maps.size());
  LayerId sum;
  for (std::size_t i = maps.size(); i-- > 0;) {
    auto x = convolve(inner_blocks_, "inner_blocks", i, maps[i]);
    if (sum.index >= 0) x = graph.add(x, graph.upsample(sum, x));
    sum = x;
    results[i] = convolve(layer_blocks_, "layer_blocks", i, sum);
  }
  results.push_back(graph.max_pool(results.back(), 1, 2));
  return results;
}

}  // namespace clew::nn
