// SPDX-License-Identifier: Apache-2.0
// Kernels of RoIAlign by vectors over the channels. Private to the folder.
//
// A map is read and written by blocks of channels, pixel after pixel: a pointer to pixel (0,0), the
// steps from row to row and pixel to pixel, and the width of the block, whole vectors.
#pragma once

#include <cstdint>

#include "clew/ops/boxes/roi_align_plan.h"

namespace clew::ops {

/// Channels to a block at most: of a copy, which should stay in the second-level cache, and where they are; and
/// the divisor of widths.
inline constexpr std::int64_t kRoiTileBlock = 32, kRoiBlock = 64, kRoiLanes = 16;

template <class Number>
struct RoiMap {
  Number* pixels;
  std::int64_t row_step, pixel_step, width;
};

template <class T>
struct RoiKernels {
  /// RoI k of a map -> planes [channels,bins]; scratch [bins * width].
  void (*forward)(const RoiPlan<T>& plan, std::int64_t k, const RoiMap<const T>& map,
                  std::int64_t channels, T* scratch, T* planes);
  /// Adds the gradient of planes [channels,bins] to the map; scratch [bins * width].
  void (*backward)(const RoiPlan<T>& plan, std::int64_t k, const T* planes, std::int64_t channels,
                   T* scratch, const RoiMap<T>& map);
  /// Adds the gradient of planes to that of the box: sums [4], x1 y1 x2 y2 of the box.
  void (*box_gradient)(const RoiPlan<T>& plan, std::int64_t k, const RoiMap<const T>& map,
                       const T* planes, std::int64_t channels, T* scratch, double* sums);
  /// planes, `plane_step` apart, `count` pixels of each -> pixels [count,width]; channels that are not there are
  /// zeros. And back.
  void (*to_pixels)(const T* planes, std::int64_t plane_step, std::int64_t count,
                    std::int64_t channels, T* pixels, std::int64_t width);
  void (*to_planes)(const T* pixels, std::int64_t width, std::int64_t count, std::int64_t channels,
                    T* planes, std::int64_t plane_step);
};

/// Those of this CPU.
template <class T>
const RoiKernels<T>& roi_kernels();
template <>
const RoiKernels<float>& roi_kernels<float>();
template <>
const RoiKernels<double>& roi_kernels<double>();

}  // namespace clew::ops
