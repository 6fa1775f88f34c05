// SPDX-License-Identifier: Apache-2.0
// Warping of digits by affine, projective and thin-plate spline maps, bilinear, 0 outside. Plain
// loops for data sets; the differentiable sampler is in ops.
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

/// Output pixel (x, y) -> sampling coordinates (u, v) in the source; pixel centres are whole
/// numbers. u = (xx x + xy y + x0) / w, v = (yx x + yy y + y0) / w, w = wx x + wy y + w0.
struct PixelMap {
  float xx = 1, xy = 0, x0 = 0;
  float yx = 0, yy = 1, y0 = 0;
  float wx = 0, wy = 0, w0 = 1;

  bool is_projective() const { return wx != 0 || wy != 0; }
};

/// Rotation counter-clockwise on screen by `turn`, scale, and the digit's centre (13.5, 13.5) at
/// `centre`.
PixelMap affine_map(Direction turn, float scale, PointF centre);

/// Projective map of the digit's square (pixel edges, not centres) to `corners`: top left, top
/// right, bottom right, bottom left; must be convex.
PixelMap quad_map(const std::array<PointF, 4>& corners);
/// `map` with its sampling coordinates scaled by `factor` around the digit's centre.
PixelMap zoomed(const PixelMap& map, float factor);
/// True if the corners are convex and clockwise on screen, by a clear margin.
bool is_convex(const std::array<PointF, 4>& corners);

/// digit [28,28] u8 -> out [side,side] f32 in [0,1]: bilinear samples at `map`'s coordinates, 0
/// outside. `shift`: null, or [2,side,side] f32 added to each pixel's x and y before the map.
void warp_digit(std::span<const std::uint8_t, kDigitPixels> digit, const PixelMap& map, int side,
                const float* shift, float* out);

/// Thin-plate spline (Bookstein 1989) over 4x4 control points on the digit's pixels 0, 9, 18, 27 in
/// the middle of a picture of side x side. Solved once; evaluation is sixteen multiplications a
/// pixel.
class ControlGrid {
 public:
  static constexpr int kPoints = 16;

  explicit ControlGrid(int side);  // even, at least 28
  /// moves: displacement of each control point, row-major, pixels -> shift [2,side,side] f32,
  /// pixels.
  void shift_of(const std::array<PointF, kPoints>& moves, std::vector<float>& shift) const;
  /// Position of control point `i`, pixels.
  PointF point(int i) const;

 private:
  int side_;
  std::vector<float> weights_;  // [16,side,side]: displacement of a pixel per control point's
};

}  // namespace clew::data
