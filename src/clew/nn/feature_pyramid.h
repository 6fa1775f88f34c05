// SPDX-License-Identifier: Apache-2.0
// Feature pyramid network (Lin et al. 2017, arXiv 1612.03144), by the names of torchvision's.
#pragma once

#include <torch/nn/module.h>
#include <torch/nn/modules/container/modulelist.h>
#include <torch/nn/pimpl.h>
#include <torch/types.h>

#include <cstdint>
#include <vector>

#include "clew/nn/backbones/layer_graph.h"

namespace clew::nn {

/// Maps [B,channels[i],H_i,W_i] from the finest to the coarsest -> as many maps [B,out,H_i,W_i]: 1x1 convolutions, each
/// added to the next coarser one by nearest-neighbour upsampling, then 3x3 convolutions; and one more, every second pixel
/// of the coarsest.
class FeaturePyramidImpl : public torch::nn::Module {
 public:
  FeaturePyramidImpl(const std::vector<std::int64_t>& channels, std::int64_t out);

  std::vector<torch::Tensor> forward(const std::vector<torch::Tensor>& maps);
  /// The same as layers of a graph with these modules.
  std::vector<LayerId> add_to(LayerGraph& graph, const std::vector<LayerId>& maps) const;

 private:
  torch::nn::ModuleList inner_blocks_, layer_blocks_;
};
TORCH_MODULE(FeaturePyramid);

}  // namespace clew::nn
