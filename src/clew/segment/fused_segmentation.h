// SPDX-License-Identifier: Apache-2.0
// Inference of segmentation networks by oneDNN.
#pragma once

#include <torch/types.h>

#include <cstdint>
#include <memory>

#include "clew/nn/inference/fused_graph.h"
#include "clew/ops/precision.h"
#include "clew/segment/network.h"

namespace clew::segment {

/// A snapshot of a network's convolutions in evaluation mode (nn::FusedGraph); later changes of its weights have no
/// effect. Scores agree with SegmentationNetwork::forward to rounding.
class FusedSegmentation {
 public:
  explicit FusedSegmentation(std::shared_ptr<const SegmentationNetwork> network,
                             ops::PrecisionChoice precision = ops::PrecisionChoice::kFp32);

  /// images [B,3,H,W] f32 in [0,1], RGB, of any size -> scores. No gradient. Blocks.
  Scores scores(const torch::Tensor& images) const;
  /// FLOPs of the convolutions for a picture of that size; a multiply-add counts as two.
  double operations(std::int64_t height, std::int64_t width) const;
  /// fp32 or bf16.
  ops::Precision precision() const { return dense_.precision(); }

 private:
  std::shared_ptr<const SegmentationNetwork> network_;
  nn::FusedGraph dense_;
};

}  // namespace clew::segment
