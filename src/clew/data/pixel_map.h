// SPDX-License-Identifier: Apache-2.0
// Warps a small grey picture: where each pixel of the result lies in the source, bilinear, nothing
// outside. Plain loops on the caller's memory, for data sets that draw every example anew; the
// differentiable sampler is in ops.
#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <vector>

#include "clew/core/turns.h"
#include "clew/data/digits.h"

namespace clew::data {

struct PointF {
  float x = 0, y = 0;
};

/// Pixel (x, y) of the result -> the point (u, v) of the source; pixel centres are whole numbers.
/// u = (xx x + xy y + x0) / w, v = (yx x + yy y + y0) / w, w = wx x + wy y + w0.
struct PixelMap {
  float xx = 1, xy = 0, x0 = 0;
  float yx = 0, yy = 1, y0 = 0;
  float wx = 0, wy = 0, w0 = 1;

  bool is_projective() const { return wx != 0 || wy != 0; }
};

/// The digit turned counter-clockwise on screen by `turn` (its cosine and sine), scaled, its middle
/// (13.5, 13.5) at `centre`.
PixelMap affine_map(Direction turn, float scale, PointF centre);

/// The digit's square, half a pixel around the centres of its outer pixels, with its corners (top
/// left, top right, bottom right, bottom left) at `corners`, which must be convex.
PixelMap quad_map(const std::array<PointF, 4>& corners);
/// The same with the digit's square shrunk by `factor` around its middle before.
PixelMap zoomed(const PixelMap& map, float factor);
/// True when the four corners turn the same way, clockwise on screen, by a clear margin.
bool is_convex(const std::array<PointF, 4>& corners);

/// What `out` [side,side] f32 shows through `map`: digit [28,28] u8 / 255 by bilinear
/// interpolation, 0 outside it. `shift`: null, or [2,side,side] f32 added to each pixel's x and y
/// before the map.
void warp_digit(std::span<const std::uint8_t, kDigitPixels> digit, const PixelMap& map, int side,
                const float* shift, float* out);

/// A thin-plate spline over 4x4 control points on the digit's pixels 0, 9, 18, 27 in the middle of
/// a picture of side x side: the smoothest field that moves the control points as told (Bookstein
/// 1989). Solved once; a draw is sixteen multiplications a pixel.
class ControlGrid {
 public:
  static constexpr int kPoints = 16;

  explicit ControlGrid(int side);  // even, at least 28
  /// moves: how far each control point moves, row by row -> shift [2,side,side] f32, pixels.
  void shift_of(const std::array<PointF, kPoints>& moves, std::vector<float>& shift) const;
  /// Where control point `i` lies.
  PointF point(int i) const;

 private:
  int side_;
  std::vector<float> weights_;  // [16,side,side]: what a move of one point does to a pixel
};

}  // namespace clew::data
