// SPDX-License-Identifier: Apache-2.0
#include "clew/data/pixel_map.h"

#include <algorithm>
#include <cmath>

#include "clew/core/error.h"

namespace clew::data {
namespace {

constexpr float kMiddle = (kDigitSide - 1) / 2.F;

/// The digit as floats, zero-padded by two pixels, so that no pixel needs a border test.
constexpr int kBorder = 2, kPadded = kDigitSide + 2 * kBorder;
using Padded = std::array<float, kPadded * kPadded>;

float sample(const Padded& source, float u, float v) {
  // All zero beyond 1.5 pixels outside; NaN is clamped to the lower bound.
  constexpr float kLow = -1.5F, kHigh = kDigitSide + .5F;
  u = (u > kLow ? std::min(u, kHigh) : kLow) + kBorder;
  v = (v > kLow ? std::min(v, kHigh) : kLow) + kBorder;
  const int x = static_cast<int>(u), y = static_cast<int>(v);
  const float ax = u - static_cast<float>(x), ay = v - static_cast<float>(y);
  const float* at = source.data() + y * kPadded + x;
  const float top = at[0] + ax * (at[1] - at[0]);
  const float bottom = at[kPadded] + ax * (at[kPadded + 1] - at[kPadded]);
  return top + ay * (bottom - top);
}

/// Solves a x = b by Gaussian elimination with pivoting; b [n,m] becomes x.
void solve(std::vector<double>& a, std::vector<double>& b, std::size_t n, std::size_t m) {
  for (std::size_t column = 0; column < n; ++column) {
    std::size_t pivot = column;
    for (std::size_t row = column + 1; row < n; ++row) {
      if (std::abs(a[row * n + column]) > std::abs(a[pivot * n + column])) pivot = row;
    }
    for (std::size_t i = 0; i < n; ++i) std::swap(a[column * n + i], a[pivot * n + i]);
    for (std::size_t i = 0; i < m; ++i) std::swap(b[column * m + i], b[pivot * m + i]);
    for (std::size_t row = 0; row < n; ++row) {
      if (row == column) continue;
      const double factor = a[row * n + column] / a[column * n + column];
      for (std::size_t i = column; i < n; ++i) a[row * n + i] -= factor * a[column * n + i];
      for (std::size_t i = 0; i < m; ++i) b[row * m + i] -= factor * b[column * m + i];
    }
  }
  for (std::size_t row = 0; row < n; ++row) {
    for (std::size_t i = 0; i < m; ++i) b[row * m + i] /= a[row * n + row];
  }
}

/// r^2 log r, the spline's kernel.
double kernel(double dx, double dy) {
  const double square = dx * dx + dy * dy;
  return square > 0 ? .5 * square * std::log(square) : 0;
}

}  // namespace

PixelMap affine_map(Direction turn, float scale, PointF centre) {
  // Inverse of scale, rotation, translation. y points down, so counter-clockwise is (c, s; -s, c).
  const float c = turn.x / scale, s = turn.y / scale;
  return {.xx = c,
          .xy = -s,
          .x0 = kMiddle - (c * centre.x - s * centre.y),
          .yx = s,
          .yy = c,
          .y0 = kMiddle - (s * centre.x + c * centre.y)};
}

bool is_convex(const std::array<PointF, 4>& corners) {
  constexpr float kMargin = 4;  // square pixels: twice the area of the smallest corner's triangle
  for (std::size_t i = 0; i < 4; ++i) {
    const PointF a = corners[i], b = corners[(i + 1) % 4], c = corners[(i + 2) % 4];
    if ((b.x - a.x) * (c.y - b.y) - (b.y - a.y) * (c.x - b.x) < kMargin) return false;
  }
  return true;
}

PixelMap quad_map(const std::array<PointF, 4>& corners) {
  CLEW_ASSERT(is_convex(corners));
  // Unit square -> corners (Heckbert 1989), then its inverse by the adjugate, then unit square ->
  // digit.
  const double x0 = corners[0].x, x1 = corners[1].x, x2 = corners[2].x, x3 = corners[3].x;
  const double y0 = corners[0].y, y1 = corners[1].y, y2 = corners[2].y, y3 = corners[3].y;
  const double dx1 = x1 - x2, dx2 = x3 - x2, dx3 = x0 - x1 + x2 - x3;
  const double dy1 = y1 - y2, dy2 = y3 - y2, dy3 = y0 - y1 + y2 - y3;
  const double area = dx1 * dy2 - dx2 * dy1;
  const double g = (dx3 * dy2 - dx2 * dy3) / area, h = (dx1 * dy3 - dx3 * dy1) / area;
  const double a = x1 - x0 + g * x1, b = x3 - x0 + h * x3, c = x0;
  const double d = y1 - y0 + g * y1, e = y3 - y0 + h * y3, f = y0;
  double m[9] = {e - f * h,     c * h - b,     b * f - c * e,  //
                 f * g - d,     a - c * g,     c * d - a * f,  //
                 d * h - e * g, b * g - a * h, a * e - b * d};
  // Normalised to positive w at the digit; negative beyond the horizon.
  const double mx = (x0 + x1 + x2 + x3) / 4, my = (y0 + y1 + y2 + y3) / 4;
  const double w = m[6] * mx + m[7] * my + m[8];
  for (double& v : m) v /= w;
  const auto number = [](double v) { return static_cast<float>(v); };
  return {.xx = number(kDigitSide * m[0] - .5 * m[6]),
          .xy = number(kDigitSide * m[1] - .5 * m[7]),
          .x0 = number(kDigitSide * m[2] - .5 * m[8]),
          .yx = number(kDigitSide * m[3] - .5 * m[6]),
          .yy = number(kDigitSide * m[4] - .5 * m[7]),
          .y0 = number(kDigitSide * m[5] - .5 * m[8]),
          .wx = number(m[6]),
          .wy = number(m[7]),
          .w0 = number(m[8])};
}

PixelMap zoomed(const PixelMap& map, float factor) {
  constexpr float kMiddle = (kDigitSide - 1) / 2.F;
  const auto moved = [&](float of, float w) { return factor * of + (1 - factor) * kMiddle * w; };
  return {.xx = moved(map.xx, map.wx),
          .xy = moved(map.xy, map.wy),
          .x0 = moved(map.x0, map.w0),
          .yx = moved(map.yx, map.wx),
          .yy = moved(map.yy, map.wy),
          .y0 = moved(map.y0, map.w0),
          .wx = map.wx,
          .wy = map.wy,
          .w0 = map.w0};
}

void warp_digit(std::span<const std::uint8_t, kDigitPixels> digit, const PixelMap& map, int side,
                const float* shift, float* out) {
  Padded source = {};
  for (int y = 0; y < kDigitSide; ++y) {
    for (int x = 0; x < kDigitSide; ++x) {
      source[static_cast<std::size_t>((y + kBorder) * kPadded + x + kBorder)] =
          static_cast<float>(digit[static_cast<std::size_t>(y * kDigitSide + x)]) / 255;
    }
  }
  const bool is_projective = map.is_projective();
  const int pixels = side * side;
  for (int y = 0; y < side; ++y) {
    for (int x = 0; x < side; ++x) {
      const int at = y * side + x;
      float px = static_cast<float>(x), py = static_cast<float>(y);
      if (shift) px += shift[at], py += shift[pixels + at];
      float u = map.xx * px + map.xy * py + map.x0, v = map.yx * px + map.yy * py + map.y0;
      if (is_projective) {
        const float w = map.wx * px + map.wy * py + map.w0;
        if (w <= 1e-3F) {
          out[at] = 0;
          continue;
        }
        u /= w, v /= w;
      }
      out[at] = sample(source, u, v);
    }
  }
}

ControlGrid::ControlGrid(int side) : side_(side) {
  CLEW_CHECK(side >= kDigitSide && side % 2 == 0,
             "a control grid needs an even side of at least 28 pixels, got ", side);
  // [K P; P' 0] [weights; affine] = [moves; 0], solved for a unit displacement of each point.
  constexpr std::size_t kUnknowns = kPoints + 3;
  std::vector<double> a(kUnknowns * kUnknowns), b(kUnknowns * kPoints);
  for (std::size_t i = 0; i < kPoints; ++i) {
    const PointF p = point(static_cast<int>(i));
    for (std::size_t j = 0; j < kPoints; ++j) {
      const PointF q = point(static_cast<int>(j));
      a[i * kUnknowns + j] = kernel(p.x - q.x, p.y - q.y);
    }
    const double affine[3] = {1, p.x, p.y};
    for (std::size_t j = 0; j < 3; ++j) {
      a[i * kUnknowns + kPoints + j] = a[(kPoints + j) * kUnknowns + i] = affine[j];
    }
    b[i * kPoints + i] = 1;
  }
  solve(a, b, kUnknowns, kPoints);
  const auto pixels = static_cast<std::size_t>(side) * static_cast<std::size_t>(side);
  weights_.resize(kPoints * pixels);
  for (int y = 0; y < side; ++y) {
    for (int x = 0; x < side; ++x) {
      double basis[kUnknowns];
      for (std::size_t i = 0; i < kPoints; ++i) {
        const PointF p = point(static_cast<int>(i));
        basis[i] = kernel(x - p.x, y - p.y);
      }
      basis[kPoints] = 1, basis[kPoints + 1] = x, basis[kPoints + 2] = y;
      for (std::size_t k = 0; k < kPoints; ++k) {
        double sum = 0;
        for (std::size_t i = 0; i < kUnknowns; ++i) sum += basis[i] * b[i * kPoints + k];
        weights_[k * pixels + static_cast<std::size_t>(y * side + x)] = static_cast<float>(sum);
      }
    }
  }
}

PointF ControlGrid::point(int i) const {
  const auto offset = static_cast<float>((side_ - kDigitSide) / 2);
  return {offset + 9 * static_cast<float>(i % 4), offset + 9 * static_cast<float>(i / 4)};
}

void ControlGrid::shift_of(const std::array<PointF, kPoints>& moves,
                           std::vector<float>& shift) const {
  const auto pixels = static_cast<std::size_t>(side_) * static_cast<std::size_t>(side_);
  shift.assign(2 * pixels, 0);
  for (std::size_t k = 0; k < kPoints; ++k) {
    const float* weights = weights_.data() + k * pixels;
    const float x = moves[k].x, y = moves[k].y;
    for (std::size_t i = 0; i < pixels; ++i) {
      shift[i] += weights[i] * x;
      shift[pixels + i] += weights[i] * y;
    }
  }
}

}  // namespace clew::data
