// SPDX-License-Identifier: Apache-2.0
// Parts of this module's networks in ONNX graphs. Not installed.
#pragma once

#include <torch/types.h>

#include <vector>

#include "clew/nn/export/onnx_graph.h"
#include "clew/ops/normalise.h"

namespace clew::segment {

/// images [B,3,H,W] -> (images - mean) / deviation.
inline nn::OnnxValue onnx_normalised(nn::OnnxGraph& graph, const nn::OnnxValue& images,
                                     const ops::ChannelStatistics& statistics) {
  const auto column = [&](const std::vector<double>& values, const char* name) {
    return graph.constant(
        torch::tensor(values, torch::kFloat64).to(torch::kFloat32).view({1, -1, 1, 1}), name);
  };
  return graph.div(graph.sub(images, column(statistics.mean, "mean")),
                   column(statistics.deviation, "deviation"));
}

}  // namespace clew::segment
