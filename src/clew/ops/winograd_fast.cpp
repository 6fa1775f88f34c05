// SPDX-License-Identifier: Apache-2.0
#include "clew/ops/winograd_fast.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "clew/ops/winograd_fast.cpp"
#if defined(__GNUC__) && !defined(__clang__)
// GCC 12 warns of its own AVX-512 intrinsics (PR 105593).
#pragma GCC diagnostic ignored "-Wuninitialized"
#pragma GCC diagnostic ignored "-Wmaybe-uninitialized"
#endif
// clang-format off
#include <hwy/foreach_target.h>  // must stand before the others
#include <hwy/highway.h>
// clang-format on

HWY_BEFORE_NAMESPACE();
namespace clew::ops::HWY_NAMESPACE {
namespace {

namespace hn = hwy::HWY_NAMESPACE;

/// B^T x, six values `from` apart -> `to` apart.
template <class D>
HWY_INLINE void input_line(D d, const float* x, std::int64_t from, float* y, std::int64_t to) {
  const auto at = [&](std::int64_t i) { return hn::LoadU(d, x + i * from); };
  const auto put = [&](std::int64_t i, auto value) { hn::StoreU(value, d, y + i * to); };
  const auto x0 = at(0), x1 = at(1), x2 = at(2), x3 = at(3), x4 = at(4), x5 = at(5);
  const auto near = hn::Set(d, kNearPoint), far = hn::Set(d, kFarPoint);
  const auto near_2 = hn::Set(d, kNearPoint * kNearPoint),
             far_2 = hn::Set(d, kFarPoint * kFarPoint);
  const auto sum = hn::Set(d, kNearPoint * kNearPoint + kFarPoint * kFarPoint),
             product = hn::Set(d, kNearPoint * kNearPoint * kFarPoint * kFarPoint);
  const auto near_even = hn::NegMulAdd(far_2, x2, x4),
             near_odd = hn::Mul(near, hn::NegMulAdd(far_2, x1, x3));
  const auto far_even = hn::NegMulAdd(near_2, x2, x4),
             far_odd = hn::Mul(far, hn::NegMulAdd(near_2, x1, x3));
  put(0, hn::MulAdd(product, x0, hn::NegMulAdd(sum, x2, x4)));
  put(1, hn::Add(near_even, near_odd));
  put(2, hn::Sub(near_even, near_odd));
  put(3, hn::Add(far_even, far_odd));
  put(4, hn::Sub(far_even, far_odd));
  put(5, hn::MulAdd(product, x1, hn::NegMulAdd(sum, x3, x5)));
}

/// A^T x of six values `from` apart.
template <class D, class V>
HWY_INLINE void output_line(D d, const float* x, std::int64_t from, V& y0, V& y1, V& y2, V& y3) {
  const auto at = [&](std::int64_t i) { return hn::LoadU(d, x + i * from); };
  const auto x0 = at(0), x1 = at(1), x2 = at(2), x3 = at(3), x4 = at(4), x5 = at(5);
  const auto near_sum = hn::Add(x1, x2), near_difference = hn::Sub(x1, x2),
             far_sum = hn::Add(x3, x4), far_difference = hn::Sub(x3, x4);
  const auto near = hn::Set(d, kNearPoint), far = hn::Set(d, kFarPoint);
  const auto near_2 = hn::Set(d, kNearPoint * kNearPoint),
             far_2 = hn::Set(d, kFarPoint * kFarPoint);
  const auto near_3 = hn::Set(d, kNearPoint * kNearPoint * kNearPoint),
             far_3 = hn::Set(d, kFarPoint * kFarPoint * kFarPoint);
  y0 = hn::Add(x0, hn::Add(near_sum, far_sum));
  y1 = hn::MulAdd(near, near_difference, hn::Mul(far, far_difference));
  y2 = hn::MulAdd(near_2, near_sum, hn::Mul(far_2, far_sum));
  y3 = hn::MulAdd(near_3, near_difference, hn::MulAdd(far_3, far_difference, x5));
}

template <class D>
void input_tile(D d, const WinogradPlane& plane, const float* map, const WinogradTile& tile,
                std::int64_t stride, float* parts) {
  constexpr std::int64_t kSide = 6, kLanes = 16;
  const auto lanes = static_cast<std::int64_t>(hn::Lanes(d));
  HWY_ALIGN float pixels[kSide * kSide * kLanes], columns[kSide * kSide * kLanes];
  const auto top = tile.y - tile.step, left = tile.x - tile.step, reach = 5 * tile.step;
  const bool is_inside =
      top >= 0 && left >= 0 && top + reach < plane.height && left + reach < plane.width;
  for (std::int64_t lane = 0; lane < plane.block; lane += lanes) {
    const float* from = map + lane;
    const auto row = plane.width * plane.block * tile.step, column = plane.block * tile.step;
    if (is_inside) {
      const float* const first = from + (top * plane.width + left) * plane.block;
      for (std::int64_t x = 0; x < kSide; ++x)
        input_line(d, first + x * column, row, columns + x * lanes, kSide * lanes);
    } else {
      for (std::int64_t i = 0; i < kSide; ++i) {
        for (std::int64_t j = 0; j < kSide; ++j) {
          const auto y = top + i * tile.step, x = left + j * tile.step;
          const bool is_there = y >= 0 && x >= 0 && y < plane.height && x < plane.width;
          const auto value =
              is_there ? hn::LoadU(d, from + (y * plane.width + x) * plane.block) : hn::Zero(d);
          hn::StoreU(value, d, pixels + (i * kSide + j) * lanes);
        }
      }
      for (std::int64_t x = 0; x < kSide; ++x)
        input_line(d, pixels + x * lanes, kSide * lanes, columns + x * lanes, kSide * lanes);
    }
    for (std::int64_t y = 0; y < kSide; ++y)
      input_line(d, columns + y * kSide * lanes, lanes, parts + lane + y * kSide * stride, stride);
  }
}

template <class D>
void output_tile(D d, const WinogradPlane& plane, const float* parts, std::int64_t stride,
                 const float* bias, bool has_addend, float low, float high,
                 const WinogradTile& tile, float* map) {
  constexpr std::int64_t kSide = 6, kOut = 4, kLanes = 16;
  const auto lanes = static_cast<std::int64_t>(hn::Lanes(d));
  HWY_ALIGN float columns[kOut * kSide * kLanes];
  const auto least = hn::Set(d, low), most = hn::Set(d, high);
  for (std::int64_t lane = 0; lane < plane.block; lane += lanes) {
    auto y0 = hn::Zero(d), y1 = y0, y2 = y0, y3 = y0;
    for (std::int64_t x = 0; x < kSide; ++x) {
      output_line(d, parts + lane + x * stride, kSide * stride, y0, y1, y2, y3);
      hn::StoreU(y0, d, columns + x * lanes);
      hn::StoreU(y1, d, columns + (kSide + x) * lanes);
      hn::StoreU(y2, d, columns + (2 * kSide + x) * lanes);
      hn::StoreU(y3, d, columns + (3 * kSide + x) * lanes);
    }
    const auto own_bias = hn::LoadU(d, bias + lane);
    for (std::int64_t i = 0; i < kOut; ++i) {
      const auto y = tile.y + i * tile.step;
      if (y >= plane.height) break;
      output_line(d, columns + i * kSide * lanes, lanes, y0, y1, y2, y3);
      const auto put = [&](std::int64_t j, auto value) {
        const auto x = tile.x + j * tile.step;
        if (x >= plane.width) return;
        float* const to = map + (y * plane.width + x) * plane.block + lane;
        value = hn::Add(value, own_bias);
        if (has_addend) value = hn::Add(value, hn::LoadU(d, to));
        hn::StoreU(hn::Min(most, hn::Max(least, value)), d, to);
      };
      put(0, y0);
      put(1, y1);
      put(2, y2);
      put(3, y3);
    }
  }
}

void WinogradInputTile(const WinogradPlane& plane, const float* map, const WinogradTile& tile,
                       std::int64_t stride, float* parts) {
  if (plane.block == 16)
    return input_tile(hn::CappedTag<float, 16>(), plane, map, tile, stride, parts);
  input_tile(hn::CappedTag<float, 8>(), plane, map, tile, stride, parts);
}

void WinogradOutputTile(const WinogradPlane& plane, const float* parts, std::int64_t stride,
                        const float* bias, bool has_addend, float low, float high,
                        const WinogradTile& tile, float* map) {
  if (plane.block == 16)
    return output_tile(hn::CappedTag<float, 16>(), plane, parts, stride, bias, has_addend, low,
                       high, tile, map);
  output_tile(hn::CappedTag<float, 8>(), plane, parts, stride, bias, has_addend, low, high, tile,
              map);
}

}  // namespace
}  // namespace clew::ops::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace clew::ops {

HWY_EXPORT(WinogradInputTile);
HWY_EXPORT(WinogradOutputTile);

void winograd_input_tile(const WinogradPlane& plane, const float* map, const WinogradTile& tile,
                         std::int64_t stride, float* parts) {
  HWY_DYNAMIC_DISPATCH(WinogradInputTile)(plane, map, tile, stride, parts);
}

void winograd_output_tile(const WinogradPlane& plane, const float* parts, std::int64_t stride,
                          const float* bias, bool has_addend, float low, float high,
                          const WinogradTile& tile, float* map) {
  HWY_DYNAMIC_DISPATCH(WinogradOutputTile)
  (plane, parts, stride, bias, has_addend, low, high, tile, map);
}

}  // namespace clew::ops
#endif
