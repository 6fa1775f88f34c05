// SPDX-License-Identifier: Apache-2.0
#include "clew/maze/labels.h"

#include <algorithm>
#include <cmath>
#include <cstring>

#include "clew/core/error.h"

namespace clew::maze {
namespace {

constexpr float kTrailUnits = 128;  // per cell; 255 cells and their differences fit i16

// Exact: a difference fits 16 bits, a sum of two squares 31.
inline std::int32_t distance2(std::int16_t x, std::int16_t y, std::int16_t x0, std::int16_t y0) {
  const auto dx = static_cast<std::int16_t>(x - x0), dy = static_cast<std::int16_t>(y - y0);
  // Unsigned, because a forged snapshot may have any positions.
  const auto dx2 = static_cast<std::uint32_t>(dx * dx), dy2 = static_cast<std::uint32_t>(dy * dy);
  return static_cast<std::int32_t>(dx2 + dy2);
}

}  // namespace

void depth_classes(std::span<const float> depth, int width, int height, std::uint8_t* out) {
  CLEW_ASSERT(depth.size() == static_cast<std::size_t>(width) * static_cast<std::size_t>(height));
  for (int row = 0; row < kDepthRows; ++row) {
    const float* line =
        depth.data() + static_cast<std::ptrdiff_t>((33 + 26 * row) * height / 168) * width;
    for (int column = 0; column < kDepthColumns; ++column) {
      const float d = line[(5 + 10 * column) * width / 168];
      int c = 0;
      for (const float edge : kDepthEdges) c += static_cast<int>(d >= edge);
      *out++ = static_cast<std::uint8_t>(c);
    }
  }
}

void Trail::clear() {
  x_.clear();
  y_.clear();
}

void Trail::append(float x, float y) {
  const auto qx = static_cast<std::int16_t>(x * kTrailUnits + 0.5F);
  const auto qy = static_cast<std::int16_t>(y * kTrailUnits + 0.5F);
  if (!x_.empty() && x_.back() == qx && y_.back() == qy) return;
  x_.push_back(qx);
  y_.push_back(qy);
}

Trail::Reach Trail::reach_of(float near, float far) {
  const double n = double{near} * kTrailUnits, f = double{far} * kTrailUnits;
  constexpr double most = 2147483647.0;
  return {static_cast<std::int32_t>(std::min(std::floor(n * n), most)),
          static_cast<std::int32_t>(std::min(std::ceil(f * f), most))};
}

bool Trail::is_loop(const Reach& reach) const {
  if (x_.size() < 3) return false;
  const auto last = static_cast<std::ptrdiff_t>(x_.size()) - 1;
  const std::int16_t *x = x_.data(), *y = y_.data();
  const std::int16_t x0 = x[last], y0 = y[last];
  // For any pair t' < t'', the latest far point leaves the most candidates for a near one.
  std::ptrdiff_t far = last - 1;
  while (far > 0 && distance2(x[far], y[far], x0, y0) < reach.far2) --far;
  // Blocks without early exit, so that they are vectorised; the last one is short.
  constexpr std::ptrdiff_t block = 64;
  std::ptrdiff_t i = 0;
  for (; i + block <= far; i += block) {
    int is_near = 0;
    for (std::ptrdiff_t j = i; j < i + block; ++j) {
      is_near |= static_cast<int>(distance2(x[j], y[j], x0, y0) <= reach.near2);
    }
    if (is_near != 0) return true;
  }
  for (; i < far; ++i) {
    if (distance2(x[i], y[i], x0, y0) <= reach.near2) return true;
  }
  return false;
}

void Trail::write(std::byte* out) const {
  if (x_.empty()) return;
  std::memcpy(out, x_.data(), 2 * x_.size());
  std::memcpy(out + 2 * x_.size(), y_.data(), 2 * y_.size());
}

void Trail::read(std::span<const std::byte> bytes) {
  CLEW_ASSERT(bytes.size() % 4 == 0);
  const std::size_t count = bytes.size() / 4;
  x_.resize(count);
  y_.resize(count);
  if (count == 0) return;
  std::memcpy(x_.data(), bytes.data(), 2 * count);
  std::memcpy(y_.data(), bytes.data() + 2 * count, 2 * count);
}

}  // namespace clew::maze
