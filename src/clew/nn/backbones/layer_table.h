// SPDX-License-Identifier: Apache-2.0
// Rows of a network's layers (layer_row.h).
#pragma once

#include <torch/nn/modules/conv.h>

#include <string>
#include <vector>

#include "clew/nn/backbones/layer_graph.h"
#include "clew/nn/backbones/layer_row.h"

namespace clew::nn {

/// Convolutions and max poolings that `wanted` needs, in forward order. Names are the modules' behind `prefix`, and
/// "max_pool".
std::vector<LayerRow> layer_rows(const LayerGraph& graph, const std::vector<LayerId>& wanted,
                                 const std::string& prefix = "");
/// A convolution on a map of geometry `from`, which keeps the centres of elements.
LayerRow layer_row(const std::string& name, const torch::nn::Conv2dImpl& convolution,
                   const MapGeometry& from);

}  // namespace clew::nn
