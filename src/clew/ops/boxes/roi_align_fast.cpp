// SPDX-License-Identifier: Apache-2.0
#include "clew/ops/boxes/roi_align_fast.h"

#include <algorithm>

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "clew/ops/boxes/roi_align_fast.cpp"
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

template <class T>
struct RoiVectors {
  static constexpr std::size_t kMost = (HWY_HAVE_SCALABLE ? 16 : 64) / sizeof(T);
  using D = hn::CappedTag<T, kMost>;
  using V = hn::Vec<D>;
  using Four = hn::CappedTag<T, 4>;
  static constexpr std::int64_t kLanes = hn::MaxLanes(D());
  static_assert(kRoiLanes % kLanes == 0);

  static HWY_INLINE void copy_four(const T* from, T* to) {
    const Four four;
    for (std::size_t i = 0; i < 4; i += hn::Lanes(four))
      hn::StoreU(hn::LoadU(four, from + i), four, to + i);
  }

  static void to_pixels(const T* planes, std::int64_t plane_step, std::int64_t count,
                        std::int64_t channels, T* pixels, std::int64_t width) {
    const D d;
    if (count < kLanes) {
      for (std::int64_t i = 0; i < count; ++i)
        for (std::int64_t c = 0; c < width; ++c)
          pixels[i * width + c] = c < channels ? planes[c * plane_step + i] : T(0);
      return;
    }
    HWY_ALIGN T parts[kRoiBlock * kLanes];
    for (std::int64_t first = 0; first < count; first += kLanes) {
      // The last vector may begin among the pixels of the one before.
      const std::int64_t at = HWY_MIN(first, count - kLanes);
      const auto plane = [&](std::int64_t c) {
        return c < channels ? hn::LoadU(d, planes + c * plane_step + at) : hn::Zero(d);
      };
      for (std::int64_t c = 0; c < width; c += 4)
        hn::StoreInterleaved4(plane(c), plane(c + 1), plane(c + 2), plane(c + 3), d,
                              parts + c * kLanes);
      for (std::int64_t i = 0; i < kLanes; ++i)
        for (std::int64_t c = 0; c < width; c += 4)
          copy_four(parts + c * kLanes + 4 * i, pixels + (at + i) * width + c);
    }
  }

  static void to_planes(const T* pixels, std::int64_t width, std::int64_t count,
                        std::int64_t channels, T* planes, std::int64_t plane_step) {
    const D d;
    if (count < kLanes) {
      for (std::int64_t c = 0; c < channels; ++c)
        for (std::int64_t i = 0; i < count; ++i) planes[c * plane_step + i] = pixels[i * width + c];
      return;
    }
    HWY_ALIGN T parts[kRoiBlock * kLanes];
    for (std::int64_t first = 0; first < count; first += kLanes) {
      const std::int64_t at = HWY_MIN(first, count - kLanes);
      // All before the first is read again: what was written in fours cannot be read in sixteens before
      // it has left the core.
      for (std::int64_t i = 0; i < kLanes; ++i)
        for (std::int64_t c = 0; c < width; c += 4)
          copy_four(pixels + (at + i) * width + c, parts + c * kLanes + 4 * i);
      for (std::int64_t c = 0; c < channels; c += 4) {
        V v0, v1, v2, v3;
        hn::LoadInterleaved4(d, parts + c * kLanes, v0, v1, v2, v3);
        T* const to = planes + c * plane_step + at;
        hn::StoreU(v0, d, to);
        if (c + 1 < channels) hn::StoreU(v1, d, to + plane_step);
        if (c + 2 < channels) hn::StoreU(v2, d, to + 2 * plane_step);
        if (c + 3 < channels) hn::StoreU(v3, d, to + 3 * plane_step);
      }
    }
  }

  /// The taps of one bin along one axis.
  struct Bin {
    HWY_INLINE Bin(const RoiTaps<T>& taps, std::int64_t k, std::int64_t p)
        : begin(taps.first[k * taps.bins + p]), end(taps.first[k * taps.bins + p + 1]) {}
    std::int32_t begin, end;
  };

  /// Bins of N vectors of channels, from the first of `map` on; GCC keeps four sums in registers.
  template <int N>
  static HWY_INLINE void bins(const RoiPlan<T>& plan, std::int64_t k, const RoiMap<const T>& map,
                              T* to) {
    const D d;
    const std::int32_t *const row = plan.rows.pixel.data(), *const column =
                                                                plan.columns.pixel.data();
    const T *const row_weight = plan.rows.weight.data(), *const column_weight =
                                                             plan.columns.weight.data();
    constexpr std::int64_t k1 = kLanes, k2 = N > 2 ? 2 * kLanes : 0, k3 = N > 2 ? 3 * kLanes : 0;
    for (std::int64_t p = 0; p < plan.height; ++p) {
      const Bin rows(plan.rows, k, p);
      for (std::int64_t q = 0; q < plan.width; ++q, to += map.width) {
        const Bin columns(plan.columns, k, q);
        V a0 = hn::Zero(d), a1 = a0, a2 = a0, a3 = a0;
        for (std::int32_t r = rows.begin; r < rows.end; ++r) {
          const T* const line = map.pixels + row[r] * map.row_step;
          V b0 = hn::Zero(d), b1 = b0, b2 = b0, b3 = b0;
          for (std::int32_t s = columns.begin; s < columns.end; ++s) {
            const T* const pixel = line + column[s] * map.pixel_step;
            const V weight = hn::Set(d, column_weight[s]);
            b0 = hn::MulAdd(weight, hn::LoadU(d, pixel), b0);
            if constexpr (N > 1) b1 = hn::MulAdd(weight, hn::LoadU(d, pixel + k1), b1);
            if constexpr (N > 2) b2 = hn::MulAdd(weight, hn::LoadU(d, pixel + k2), b2);
            if constexpr (N > 2) b3 = hn::MulAdd(weight, hn::LoadU(d, pixel + k3), b3);
          }
          const V weight = hn::Set(d, row_weight[r]);
          a0 = hn::MulAdd(weight, b0, a0);
          if constexpr (N > 1) a1 = hn::MulAdd(weight, b1, a1);
          if constexpr (N > 2) a2 = hn::MulAdd(weight, b2, a2);
          if constexpr (N > 2) a3 = hn::MulAdd(weight, b3, a3);
        }
        hn::StoreU(a0, d, to);
        if constexpr (N > 1) hn::StoreU(a1, d, to + k1);
        if constexpr (N > 2) hn::StoreU(a2, d, to + k2);
        if constexpr (N > 2) hn::StoreU(a3, d, to + k3);
      }
    }
  }

  static void forward(const RoiPlan<T>& plan, std::int64_t k, const RoiMap<const T>& map,
                      std::int64_t channels, T* scratch, T* planes) {
    for (std::int64_t c = 0; c < map.width;) {
      const std::int64_t left = (map.width - c) / kLanes, count = left >= 4 ? 4 : left >= 2 ? 2 : 1;
      const RoiMap<const T> from{map.pixels + c, map.row_step, map.pixel_step, map.width};
      if (count == 4) bins<4>(plan, k, from, scratch + c);
      if (count == 2) bins<2>(plan, k, from, scratch + c);
      if (count == 1) bins<1>(plan, k, from, scratch + c);
      c += count * kLanes;
    }
    to_planes(scratch, map.width, plan.bins(), channels, planes, plan.bins());
  }

  /// Adds N vectors of channels of the bins' gradients to the map.
  template <int N>
  static HWY_INLINE void spread(const RoiPlan<T>& plan, std::int64_t k, const T* up,
                                const RoiMap<T>& map) {
    const D d;
    const std::int32_t *const row = plan.rows.pixel.data(), *const column =
                                                                plan.columns.pixel.data();
    const T *const row_weight = plan.rows.weight.data(), *const column_weight =
                                                             plan.columns.weight.data();
    constexpr std::int64_t k1 = kLanes, k2 = N > 2 ? 2 * kLanes : 0, k3 = N > 2 ? 3 * kLanes : 0;
    constexpr std::int64_t second = N > 1 ? k1 : 0;
    for (std::int64_t p = 0; p < plan.height; ++p) {
      const Bin rows(plan.rows, k, p);
      for (std::int64_t q = 0; q < plan.width; ++q, up += map.width) {
        const Bin columns(plan.columns, k, q);
        const V g0 = hn::LoadU(d, up), g1 = hn::LoadU(d, up + second), g2 = hn::LoadU(d, up + k2),
                g3 = hn::LoadU(d, up + k3);
        for (std::int32_t r = rows.begin; r < rows.end; ++r) {
          T* const line = map.pixels + row[r] * map.row_step;
          const V weight = hn::Set(d, row_weight[r]);
          const V b0 = hn::Mul(g0, weight), b1 = hn::Mul(g1, weight), b2 = hn::Mul(g2, weight),
                  b3 = hn::Mul(g3, weight);
          for (std::int32_t s = columns.begin; s < columns.end; ++s) {
            T* const pixel = line + column[s] * map.pixel_step;
            const V share = hn::Set(d, column_weight[s]);
            add(b0, share, pixel);
            if constexpr (N > 1) add(b1, share, pixel + k1);
            if constexpr (N > 2) add(b2, share, pixel + k2);
            if constexpr (N > 2) add(b3, share, pixel + k3);
          }
        }
      }
    }
  }
  static HWY_INLINE void add(V value, V weight, T* to) {
    hn::StoreU(hn::MulAdd(value, weight, hn::LoadU(D(), to)), D(), to);
  }

  static void backward(const RoiPlan<T>& plan, std::int64_t k, const T* planes,
                       std::int64_t channels, T* scratch, const RoiMap<T>& map) {
    to_pixels(planes, plan.bins(), plan.bins(), channels, scratch, map.width);
    for (std::int64_t c = 0; c < map.width;) {
      const std::int64_t left = (map.width - c) / kLanes, count = left >= 4 ? 4 : left >= 2 ? 2 : 1;
      const RoiMap<T> to{map.pixels + c, map.row_step, map.pixel_step, map.width};
      if (count == 4) spread<4>(plan, k, scratch + c, to);
      if (count == 2) spread<2>(plan, k, scratch + c, to);
      if (count == 1) spread<1>(plan, k, scratch + c, to);
      c += count * kLanes;
    }
  }

  static void box_gradient(const RoiPlan<T>& plan, std::int64_t k, const RoiMap<const T>& map,
                           const T* planes, std::int64_t channels, T* scratch, double* sums) {
    const D d;
    to_pixels(planes, plan.bins(), plan.bins(), channels, scratch, map.width);
    const RoiTaps<T>&rows = plan.rows, &columns = plan.columns;
    V x1 = hn::Zero(d), y1 = hn::Zero(d), x2 = hn::Zero(d), y2 = hn::Zero(d);
    for (std::int64_t p = 0; p < plan.height; ++p) {
      const Bin in_rows(rows, k, p);
      for (std::int64_t q = 0; q < plan.width; ++q) {
        const Bin in_columns(columns, k, q);
        const T* const up = scratch + (p * plan.width + q) * map.width;
        for (std::int64_t c = 0; c < map.width; c += kLanes) {
          const V given = hn::LoadU(d, up + c);
          for (std::int32_t r = in_rows.begin; r < in_rows.end; ++r) {
            const T* const line = map.pixels + c + rows.pixel[r] * map.row_step;
            V value = hn::Zero(d), by_start = hn::Zero(d), by_end = hn::Zero(d);
            for (std::int32_t s = in_columns.begin; s < in_columns.end; ++s) {
              const V pixel = hn::LoadU(d, line + columns.pixel[s] * map.pixel_step);
              value = hn::MulAdd(hn::Set(d, columns.weight[s]), pixel, value);
              by_start = hn::MulAdd(hn::Set(d, columns.by_start[s]), pixel, by_start);
              by_end = hn::MulAdd(hn::Set(d, columns.by_end[s]), pixel, by_end);
            }
            const V weighted = hn::Mul(given, hn::Set(d, rows.weight[r]));
            x1 = hn::MulAdd(weighted, by_start, x1);
            x2 = hn::MulAdd(weighted, by_end, x2);
            value = hn::Mul(given, value);
            y1 = hn::MulAdd(value, hn::Set(d, rows.by_start[r]), y1);
            y2 = hn::MulAdd(value, hn::Set(d, rows.by_end[r]), y2);
          }
        }
      }
    }
    sums[0] += static_cast<double>(hn::GetLane(hn::SumOfLanes(d, x1)));
    sums[1] += static_cast<double>(hn::GetLane(hn::SumOfLanes(d, y1)));
    sums[2] += static_cast<double>(hn::GetLane(hn::SumOfLanes(d, x2)));
    sums[3] += static_cast<double>(hn::GetLane(hn::SumOfLanes(d, y2)));
  }

  static constexpr RoiKernels<T> kTable = {forward, backward, box_gradient, to_pixels, to_planes};
};

const RoiKernels<float>* TableF32() { return &RoiVectors<float>::kTable; }
const RoiKernels<double>* TableF64() { return &RoiVectors<double>::kTable; }

}  // namespace
}  // namespace clew::ops::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace clew::ops {

HWY_EXPORT(TableF32);
HWY_EXPORT(TableF64);

template <>
const RoiKernels<float>& roi_kernels<float>() {
  return *HWY_DYNAMIC_DISPATCH(TableF32)();
}
template <>
const RoiKernels<double>& roi_kernels<double>() {
  return *HWY_DYNAMIC_DISPATCH(TableF64)();
}

}  // namespace clew::ops
#endif
