// SPDX-License-Identifier: Apache-2.0
// RoI max pooling: on whole pixels (Girshick 2015, arXiv 1504.08083, section 2.1), and in the form that can be
// differentiated by the boxes (RoI warping: Dai, He and Sun 2016, arXiv 1512.04412, section 3.2). Values and
// gradients do not depend on the number of threads.
#pragma once

#include <cstdint>

#include "clew/ops/tensor.h"

namespace clew::ops {

struct RoiPoolOptions {
  std::int64_t height = 7, width = 7;  // bins
  double scale = 1;                    // pixels of the features to a pixel of the boxes
};

/// features [B,C,H,W] f32 or f64, rois [K,5] of the same type: number of the image, x1, y1, x2, y2 ->
/// [K,C,height,width]. Torchvision's rules: edges rounded to whole pixels, the last one included; bins may share
/// pixels; one without a pixel of the map is 0, as for a box with NaN; the gradient goes to the first largest
/// pixel, and none to the boxes, whose rounding has none. On the CPU. No second derivative.
torch::Tensor roi_pool(const torch::Tensor& features, const torch::Tensor& rois,
                       const RoiPoolOptions& options = {});

struct RoiWarpOptions {
  std::int64_t height = 7, width = 7;  // bins
  double scale = 1;                    // pixels of the features to a pixel of the boxes
  std::int64_t sampling_ratio = 2;     // samples along a bin
  bool is_aligned = false;             // as in RoiAlignOptions
};

/// The same shapes: the largest of a bin's bilinear samples, which are RoIAlign's (roi_align.h); those off the map
/// are left out, and a bin without any is 0. Gradients to features and boxes by the first largest sample.
torch::Tensor roi_warp_pool(const torch::Tensor& features, const torch::Tensor& rois,
                            const RoiWarpOptions& options = {});

}  // namespace clew::ops
