// SPDX-License-Identifier: Apache-2.0
#include "clew/nn/backbones/layer_table.h"

namespace clew::nn {

std::vector<LayerRow> layer_rows(const LayerGraph& graph, const std::vector<LayerId>& wanted,
                                 const std::string& prefix) {
  std::vector<LayerRow> rows;
  const auto is_needed = graph.needed(wanted);
  for (std::size_t i = 0; i < graph.layers().size(); ++i) {
    const auto& layer = graph.layers()[i];
    const bool is_pool = layer.kind == LayerGraph::Kind::kMaxPool;
    if (!is_needed[i] || (!is_pool && layer.kind != LayerGraph::Kind::kConvolution)) continue;
    rows.push_back({.name = prefix + (is_pool ? "max_pool" : layer.path),
                    .kernel = layer.kernel,
                    .stride = static_cast<double>(layer.stride),
                    .dilation = layer.dilation_of_window,
                    .channels = layer.channels,
                    .geometry = layer.geometry});
  }
  return rows;
}

LayerRow layer_row(const std::string& name, const torch::nn::Conv2dImpl& convolution,
                   const MapGeometry& from) {
  const auto& options = convolution.options;
  const auto kernel = options.kernel_size()->at(0), stride = options.stride()->at(0),
             dilation = options.dilation()->at(0);
  auto geometry = from;
  geometry.stride *= static_cast<double>(stride);
  geometry.field += from.stride * static_cast<double>(dilation * (kernel - 1));
  return {.name = name,
          .kernel = kernel,
          .stride = static_cast<double>(stride),
          .dilation = dilation,
          .channels = options.out_channels(),
          .geometry = geometry};
}

}  // namespace clew::nn
