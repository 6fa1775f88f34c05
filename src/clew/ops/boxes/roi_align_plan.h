// SPDX-License-Identifier: Apache-2.0
// Weights of RoIAlign. The mean of a bin's samples is a sum over pixels whose weights are products of one for
// the row and one for the column, because samples form a grid and bilinear weights are products: for each
// RoI a short list of taps for each row of bins and each column of bins, shared by all channels. Private to the folder.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <vector>

namespace clew::ops {

/// Taps of all RoIs along one axis: those of bin p of RoI k are first[k * bins + p], ... up to the next.
template <class T>
struct RoiTaps {
  std::int64_t bins = 0;
  std::vector<std::int32_t> first = {0}, pixel;
  std::vector<T> weight;            // of the pixel in the bin's mean
  std::vector<T> by_start, by_end;  // its derivatives by the box's two edges, when asked for
  std::vector<std::int32_t> lowest, highest;  // pixels of each RoI; highest < lowest: none

  std::int64_t length_of(std::int64_t roi) const { return highest[roi] - lowest[roi] + 1; }
};

/// A sample between pixels low and low + 1 along one axis.
template <class T>
struct RoiSample {
  std::int64_t low = -1;  // -1: not on the map; low + 1 is on it unless `part` is zero
  T part = 0;             // of the way to low + 1
  T slope = 0;   // of `part` by the coordinate in the boxes' pixels: the scale, or 0 at the border
  T of_end = 0;  // the coordinate's derivative by the box's end; by its start 1 - of_end
};

/// Samples along one axis of a map.
template <class T>
struct RoiAxis {
  std::int64_t pixels, bins, sampling_ratio;
  T scale;
  bool is_aligned, has_gradient;

  /// A RoI's edge on the map.
  struct Side {
    T start, bin;  // pixels of the map
    bool is_widened;
    std::int64_t grid;  // samples to a bin
  };
  Side side_of(T box_start, T box_end) const {
    const T start = box_start * scale - (is_aligned ? T(0.5) : T(0)),
            end = box_end * scale - (is_aligned ? T(0.5) : T(0));
    T side = end - start;
    // Written so that NaN is not widened.
    const bool is_widened = !is_aligned && side < 1;
    if (is_widened) side = 1;
    const T bin = side / static_cast<T>(bins);
    if (!std::isfinite(start) || !std::isfinite(bin)) return {start, bin, is_widened, 0};
    const double grid = sampling_ratio > 0 ? static_cast<double>(sampling_ratio)
                                           : std::ceil(static_cast<double>(bin));
    return {start, bin, is_widened, static_cast<std::int64_t>(std::clamp(grid, 0.0, 1e15))};
  }

  /// Sample i of bin p. In torchvision's order of operations, for one at the edge of the map is on it or not.
  RoiSample<T> sample(const Side& side, std::int64_t p, std::int64_t i) const {
    const T grid = static_cast<T>(side.grid),
            in_bin = static_cast<T>(static_cast<float>(i) + 0.5F) * side.bin / grid;
    T at = side.start + static_cast<T>(p) * side.bin + in_bin;
    if (!(at >= -1 && at <= static_cast<T>(pixels))) return {};
    const bool is_before = at <= 0;
    if (is_before) at = 0;
    const auto low = std::min(static_cast<std::int64_t>(at), pixels - 1);
    const bool is_last = low == pixels - 1;
    return {.low = low,
            .part = is_last ? T(0) : at - static_cast<T>(low),
            .slope = is_before || is_last ? T(0) : scale,
            .of_end = side.is_widened ? T(0)
                                      : (static_cast<T>(p) + (static_cast<T>(i) + T(0.5)) / grid) /
                                            static_cast<T>(bins)};
  }

  void add(T box_start, T box_end, RoiTaps<T>& taps) const {
    const Side side = side_of(box_start, box_end);
    taps.lowest.push_back(static_cast<std::int32_t>(pixels));
    taps.highest.push_back(-1);
    for (std::int64_t p = 0; p < bins; ++p) {
      const auto first = static_cast<std::int64_t>(taps.pixel.size());
      if (side.grid > 0) add_bin(side, p, taps);
      taps.first.push_back(static_cast<std::int32_t>(taps.pixel.size()));
      for (auto i = first; i < taps.first.back(); ++i) {
        taps.lowest.back() = std::min(taps.lowest.back(), taps.pixel[i]);
        taps.highest.back() = std::max(taps.highest.back(), taps.pixel[i]);
      }
    }
  }

 private:
  void add_bin(const Side& side, std::int64_t p, RoiTaps<T>& taps) const {
    std::int64_t begin = 0, end = side.grid;
    if (side.grid > 64) {
      // A box may be larger than its map by far: only samples that may be on it are looked at.
      const double step = static_cast<double>(side.bin) / static_cast<double>(side.grid),
                   from = static_cast<double>(side.start) + static_cast<double>(p) * side.bin;
      const auto number = [&](double at, double more) {
        const double i = (at - from) / step - 0.5;
        return static_cast<std::int64_t>(
            std::clamp(i + more * (2 + 1e-6 * std::abs(i)), 0.0, static_cast<double>(side.grid)));
      };
      const double last = static_cast<double>(pixels);
      if (step > 0) begin = number(-1, -1), end = number(last, 1);
      if (step < 0) begin = number(last, -1), end = number(-1, 1);
    }
    const auto oldest = static_cast<std::int64_t>(taps.pixel.size());
    const T share = T(1) / static_cast<T>(side.grid);
    for (std::int64_t i = begin; i < end; ++i) {
      const RoiSample<T> s = sample(side, p, i);
      if (s.low < 0) continue;
      const T slope = has_gradient ? s.slope * share : T(0);
      add_tap(oldest, s.low, (1 - s.part) * share, -slope, s.of_end, taps);
      if (s.part != 0 || slope != 0)
        add_tap(oldest, s.low + 1, s.part * share, slope, s.of_end, taps);
    }
  }

  /// Adds to the tap of that pixel, which is one of the newest if it is there.
  void add_tap(std::int64_t oldest, std::int64_t pixel, T weight, T slope, T of_end,
               RoiTaps<T>& taps) const {
    auto i = static_cast<std::int64_t>(taps.pixel.size()) - 1;
    const auto stop = std::max(oldest, i - 2);
    while (i >= stop && taps.pixel[i] != pixel) --i;
    if (i < stop) {
      i = static_cast<std::int64_t>(taps.pixel.size());
      taps.pixel.push_back(static_cast<std::int32_t>(pixel));
      taps.weight.push_back(0);
      if (has_gradient) {
        taps.by_start.push_back(0);
        taps.by_end.push_back(0);
      }
    }
    taps.weight[i] += weight;
    if (has_gradient) {
      taps.by_start[i] += slope * (1 - of_end);
      taps.by_end[i] += slope * of_end;
    }
  }
};

/// RoIs of one image on one level, and the pixels that any of them reads.
struct RoiGroup {
  std::int64_t level = 0, image = 0;
  std::vector<std::int64_t> rois;  // ascending
  std::int64_t top = 0, left = 0, rows = 0, columns = 0;
  std::int64_t pixels_of_each = 0;  // summed over its RoIs
};

template <class T>
struct RoiPlan {
  std::int64_t height = 0, width = 0, count = 0;  // bins, RoIs
  RoiTaps<T> rows, columns;
  std::vector<RoiGroup> groups;        // level by level, image by image
  std::vector<std::int32_t> group_of;  // RoI
  std::int64_t bins() const { return height * width; }

  /// Rectangle of pixels that RoI k reads.
  std::int64_t pixels_of(std::int64_t k) const {
    return std::max<std::int64_t>(0, rows.length_of(k)) *
           std::max<std::int64_t>(0, columns.length_of(k));
  }
};

}  // namespace clew::ops
