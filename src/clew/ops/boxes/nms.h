// SPDX-License-Identifier: Apache-2.0
// Non-maximum suppression: greedy, in descending order of score (Felzenszwalb et al. 2010). The same boxes in the
// same order as torchvision's operators on the CPU: equal scores in the order given, NaN scores first, and
// nothing overlaps a box that has NaN or no area.
#pragma once

#include "clew/ops/tensor.h"

namespace clew::ops {

/// boxes [N,4] f32 or f64, scores [N] of the same type, threshold >= 0 -> numbers [K] i64 of the boxes kept,
/// by descending score. A box goes when its intersection over union with one kept before it is above the
/// threshold. Any number of threads gives the same.
torch::Tensor nms(const torch::Tensor& boxes, const torch::Tensor& scores, double threshold);

/// The same within each class, classes [N] i64: boxes of different classes do not suppress each other. Exact:
/// the boxes are not moved apart, as torchvision does with up to 1000 of them. Equal scores keep the order given.
torch::Tensor batched_nms(const torch::Tensor& boxes, const torch::Tensor& scores,
                          const torch::Tensor& classes, double threshold);

}  // namespace clew::ops
