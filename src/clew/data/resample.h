// SPDX-License-Identifier: Apache-2.0
// Resampling of a source rectangle to a grid of pixels. Private to the module.
#pragma once

#include <cstdint>

#include "clew/ops/tensor.h"

namespace clew::data {

/// Source rectangle in pixels (pixel i covers [i, i+1]; may extend beyond the source) and output
/// size.
struct Placement {
  double left = 0, top = 0, width = 0, height = 0;
  std::int64_t out_width = 0, out_height = 0;
  bool is_flipped = false;  // horizontally, afterwards
};

/// planes [...,H,W] f32 -> [...,h,w] f32: bilinear, antialiased when downscaling as in Pillow and
/// torchvision. Output pixels with their centre outside the source are `fill`.
torch::Tensor resample(const torch::Tensor& planes, const Placement& to, float fill);

/// planes [...,H,W] of any dtype -> [...,h,w]: nearest source pixel, or `fill` outside.
torch::Tensor resample_nearest(const torch::Tensor& planes, const Placement& to, std::int64_t fill);

}  // namespace clew::data
