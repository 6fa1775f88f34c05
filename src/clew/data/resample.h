// SPDX-License-Identifier: Apache-2.0
// Resampling of planes from a rectangle of the source to a grid of pixels. Private to the module.
#pragma once

#include <cstdint>

#include "clew/ops/tensor.h"

namespace clew::data {

/// A rectangle of the source in pixels, pixel i covering [i, i+1], and the picture it becomes. It
/// may reach beyond the source.
struct Placement {
  double left = 0, top = 0, width = 0, height = 0;
  std::int64_t out_width = 0, out_height = 0;
  bool is_flipped = false;  // left and right change places afterwards
};

/// planes [...,H,W] f32 -> [...,h,w] f32: bilinear, with a filter as wide as an output pixel where
/// the picture shrinks (antialiasing, as Pillow's and torchvision's). An output pixel whose centre
/// lies outside the source is `fill`.
torch::Tensor resample(const torch::Tensor& planes, const Placement& to, float fill);

/// planes [...,H,W] of any type -> [...,h,w]: the source pixel under each output pixel's centre, or
/// `fill`.
torch::Tensor resample_nearest(const torch::Tensor& planes, const Placement& to, std::int64_t fill);

}  // namespace clew::data
