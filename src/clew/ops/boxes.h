// SPDX-License-Identifier: Apache-2.0
// Boxes with edges along the axes: [.,4], xyxy.
#pragma once

#include "clew/ops/tensor.h"

namespace clew::ops {

/// boxes [B,4], targets [B,4] f, xyxy -> intersection over union [B] in [0,1]; 0 for two boxes without
/// area. By LibTorch's operators, gradient included.
torch::Tensor box_overlap(const torch::Tensor& boxes, const torch::Tensor& targets);

}  // namespace clew::ops
