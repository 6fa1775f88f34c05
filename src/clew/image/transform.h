// SPDX-License-Identifier: Apache-2.0
// Geometry of pictures: resize, crop, flip, affine; u8 or f32 [H,W,C] -> a new picture of the same
// type. The differentiable sampler is in ops.
#pragma once

#include <array>

#include "clew/image/image.h"

namespace clew::image {

/// Interpolation. kArea averages the source pixels that an output pixel covers.
enum class Interpolation { kNearest, kBilinear, kArea };

/// Resizes the whole picture, with aligned outer edges (half-pixel centres). kArea is bilinear for
/// upscaling.
[[nodiscard]] Image resize(const Image& picture, int width, int height,
                           Interpolation how = Interpolation::kArea);
[[nodiscard]] FloatImage resize(const FloatImage& picture, int width, int height,
                                Interpolation how = Interpolation::kArea);

/// Fit of a picture to another aspect ratio.
enum class Fit {
  kStretch,    // ignores the aspect ratio
  kInside,     // largest size that fits; one side may be shorter than requested
  kCrop,       // smallest size that covers, then a centre crop
  kLetterbox,  // as kInside, padded with bars on both sides
};
/// Resizes to width x height (kInside: within it), antialiased (kArea). `bars`: of kLetterbox,
/// 0..255 also for floats.
[[nodiscard]] Image resize(const Image& picture, int width, int height, Fit fit, Colour bars = {});
[[nodiscard]] FloatImage resize(const FloatImage& picture, int width, int height, Fit fit,
                                Colour bars = {});

/// A rectangle of whole pixels.
struct Box {
  int x = 0, y = 0, width = 0, height = 0;
};

/// Crop; `box` must lie within the picture.
[[nodiscard]] Image crop(const Image& picture, Box box);
[[nodiscard]] FloatImage crop(const FloatImage& picture, Box box);
/// Largest centre crop of this aspect ratio.
[[nodiscard]] Box centre_box(int width, int height, double width_to_height = 1);

/// Horizontal and vertical flip.
[[nodiscard]] Image flip_x(const Image& picture);
[[nodiscard]] FloatImage flip_x(const FloatImage& picture);
[[nodiscard]] Image flip_y(const Image& picture);
[[nodiscard]] FloatImage flip_y(const FloatImage& picture);

struct AffineOptions {
  int width = 0, height = 0;                     // of the output; 0: the picture's
  Interpolation how = Interpolation::kBilinear;  // not kArea
  Colour fill = {};                              // outside the picture, 0..255 also for floats
};

/// Output pixel (x, y) samples the picture at (m0 x + m1 y + m2, m3 x + m4 y + m5); pixel centres
/// are whole numbers. OpenCV interpolates in steps of 1/32 pixel.
[[nodiscard]] Image affine(const Image& picture, const std::array<double, 6>& map,
                           AffineOptions options = {});
[[nodiscard]] FloatImage affine(const FloatImage& picture, const std::array<double, 6>& map,
                                AffineOptions options = {});
/// Map of a rotation counter-clockwise on screen about the centre, and a scale.
[[nodiscard]] std::array<double, 6> turn_map(int width, int height, double degrees,
                                             double scale = 1);

}  // namespace clew::image
