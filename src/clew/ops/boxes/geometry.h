// SPDX-License-Identifier: Apache-2.0
// Boxes with edges along the axes, [N,4] as x1, y1, x2, y2 in pixels: areas, overlaps, regression targets,
// borders. The results are torchvision's, to rounding, for boxes without area, turned around or with NaN too.
#pragma once

#include <array>

#include "clew/ops/sampler.h"
#include "clew/ops/tensor.h"

namespace clew::ops {

/// boxes [N,4] f -> width times height [N]; negative where one of the two is.
torch::Tensor box_area(const torch::Tensor& boxes);

/// boxes [N,4], targets [N,4] f -> intersection over union of each pair [N] in [0,1]; 0 for two boxes
/// without area. By LibTorch's operators, gradient included.
torch::Tensor box_overlap(const torch::Tensor& boxes, const torch::Tensor& targets);

/// boxes [N,4], others [M,4] of one type, f32 or f64 -> intersection over union [N,M] in [0,1]; NaN for two
/// boxes without area, and for NaN. Vectorised on the CPU; where a gradient is wanted, LibTorch's operators.
torch::Tensor box_iou(const torch::Tensor& boxes, const torch::Tensor& others);

/// Regression targets of boxes relative to anchors (Girshick et al. 2014, arXiv 1311.2524, eq. 6-9; weights
/// of Fast R-CNN's code).
struct BoxCoding {
  std::array<double, 4> weights = {1, 1, 1, 1};  // of x, y, width, height
  double largest_log = 4.135166556742356;        // log(1000/16): sizes grow 62.5 times at most
};

/// boxes [N,4], anchors [N,4] of one type -> codes [N,4]: weights times (dx/w, dy/h, log(w'/w), log(h'/h)) of
/// centres and sizes; infinite or NaN where a side is 0 or negative. Gradient included.
torch::Tensor encode_boxes(const torch::Tensor& boxes, const torch::Tensor& anchors,
                           const BoxCoding& coding = {});

/// codes [N,4*C] f (C boxes to an anchor, as one for each class), anchors [N,4] f -> boxes [N,C,4] of the codes'
/// type. The inverse of encode_boxes but for logarithms above largest_log. Gradient included.
torch::Tensor decode_boxes(const torch::Tensor& codes, const torch::Tensor& anchors,
                           const BoxCoding& coding = {});

/// boxes [...,4] f -> the same within [0,width] and [0,height]. Gradient included, 0 where cut.
torch::Tensor clip_boxes(const torch::Tensor& boxes, ImageSize image);

/// boxes [N,4] f -> numbers [K] i64, ascending, of those whose sides are at least `side` pixels (torchvision's
/// remove_small_boxes); NaN is small.
torch::Tensor large_boxes(const torch::Tensor& boxes, double side);

}  // namespace clew::ops
