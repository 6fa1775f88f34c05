// SPDX-License-Identifier: Apache-2.0
// Geometry of pictures: resize, crop, flip, affine. Every function takes and gives bytes or floats
// [H,W,C] and leaves its argument alone. The differentiable sampler is in ops.
#pragma once

#include <array>

#include "clew/image/image.h"

namespace clew::image {

/// How pixels between pixels come about. kArea averages what a smaller picture's pixel covers.
enum class Interpolation { kNearest, kBilinear, kArea };

/// The whole picture at another size: corners of the outer pixels stay corners. kArea is bilinear
/// where the picture grows.
[[nodiscard]] Image resize(const Image& picture, int width, int height,
                           Interpolation how = Interpolation::kArea);
[[nodiscard]] FloatImage resize(const FloatImage& picture, int width, int height,
                                Interpolation how = Interpolation::kArea);

/// Ways to bring a picture to another shape.
enum class Fit {
  kStretch,    // each side by a factor of its own
  kInside,     // one factor: the largest size that fits, so one side may be shorter than wanted
  kCrop,       // one factor: the smallest that covers, and what hangs over is cut off on both sides
  kLetterbox,  // as kInside, in the middle of bars
};
/// `picture` at width x height, or for kInside within it, antialiased (kArea). `bars`: of kLetterbox,
/// 0..255 also for floats.
[[nodiscard]] Image resize(const Image& picture, int width, int height, Fit fit, Colour bars = {});
[[nodiscard]] FloatImage resize(const FloatImage& picture, int width, int height, Fit fit,
                                Colour bars = {});

/// A rectangle of whole pixels.
struct Box {
  int x = 0, y = 0, width = 0, height = 0;
};

/// The pixels of `box`, which must lie in the picture.
[[nodiscard]] Image crop(const Image& picture, Box box);
[[nodiscard]] FloatImage crop(const FloatImage& picture, Box box);
/// The largest crop in the middle with this shape; the shape is a ratio, 1 for a square.
[[nodiscard]] Box centre_box(int width, int height, double width_to_height = 1);

/// Left and right, or top and bottom, change places.
[[nodiscard]] Image flip_x(const Image& picture);
[[nodiscard]] FloatImage flip_x(const FloatImage& picture);
[[nodiscard]] Image flip_y(const Image& picture);
[[nodiscard]] FloatImage flip_y(const FloatImage& picture);

struct AffineOptions {
  int width = 0, height = 0;                     // of the result; 0: as the picture
  Interpolation how = Interpolation::kBilinear;  // not kArea
  Colour fill = {};                              // outside the picture, 0..255 also for floats
};

/// Pixel (x, y) of the result shows the point (m0 x + m1 y + m2, m3 x + m4 y + m5) of the picture;
/// pixel centres are whole numbers. OpenCV interpolates at 1/32 of a pixel.
[[nodiscard]] Image affine(const Image& picture, const std::array<double, 6>& map,
                           AffineOptions options = {});
[[nodiscard]] FloatImage affine(const FloatImage& picture, const std::array<double, 6>& map,
                                AffineOptions options = {});
/// The map that turns a picture counter-clockwise on screen about its middle and scales it.
[[nodiscard]] std::array<double, 6> turn_map(int width, int height, double degrees,
                                             double scale = 1);

}  // namespace clew::image
