// SPDX-License-Identifier: Apache-2.0
// Table of a network's layers: windows, strides, dilation, receptive fields.
#pragma once

#include <torch/nn/modules/conv.h>

#include <cstdint>
#include <string>
#include <vector>

#include "clew/nn/backbones/layer_graph.h"

namespace clew::nn {

/// A layer of windows.
struct LayerRow {
  std::string name;
  std::int64_t kernel = 1;  // side, elements of the layer's input
  double stride = 1;        // in elements of the layer's input; 0.5: upsampling by 2
  std::int64_t dilation = 1, channels = 0;
  MapGeometry geometry{};  // of the layer's output
};

/// Convolutions and max poolings that `wanted` needs, in forward order. Names are the modules' behind `prefix`, and
/// "max_pool".
std::vector<LayerRow> layer_rows(const LayerGraph& graph, const std::vector<LayerId>& wanted,
                                 const std::string& prefix = "");
/// A convolution on a map of geometry `from`, which keeps the centres of elements.
LayerRow layer_row(const std::string& name, const torch::nn::Conv2dImpl& convolution,
                   const MapGeometry& from);

}  // namespace clew::nn
