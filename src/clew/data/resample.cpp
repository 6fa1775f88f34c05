// SPDX-License-Identifier: Apache-2.0
#include "clew/data/resample.h"

#include <ATen/Dispatch.h>
#include <torch/types.h>
#include <torch/utils.h>

#include <algorithm>
#include <cmath>
#include <vector>

#include "clew/core/error.h"

namespace clew::data {
namespace {

/// Source pixels and weights of an output pixel along one axis; empty: filled.
struct Taps {
  std::int64_t first = 0;
  std::vector<float> weights;
};

std::vector<Taps> taps_along(double begin, double length, std::int64_t outputs,
                             std::int64_t source) {
  std::vector<Taps> all(static_cast<std::size_t>(outputs));
  const double scale = length / static_cast<double>(outputs);
  const double reach = std::max(1.0, scale);
  for (std::int64_t i = 0; i < outputs; ++i) {
    const double centre = begin + (static_cast<double>(i) + 0.5) * scale;
    if (centre < 0 || centre >= static_cast<double>(source)) continue;
    Taps& taps = all[static_cast<std::size_t>(i)];
    const auto low =
        std::max<std::int64_t>(0, static_cast<std::int64_t>(std::floor(centre - reach + 0.5)));
    const auto high = std::min(source, static_cast<std::int64_t>(std::floor(centre + reach + 0.5)));
    std::vector<double> weights;
    double sum = 0;
    for (std::int64_t x = low; x < high; ++x) {
      const double distance = std::abs(static_cast<double>(x) + 0.5 - centre) / reach;
      weights.push_back(std::max(0.0, 1 - distance));
      sum += weights.back();
    }
    taps.first = low;
    for (const double weight : weights) taps.weights.push_back(static_cast<float>(weight / sum));
  }
  return all;
}

/// Nearest source pixel of each output pixel; -1: none.
std::vector<std::int64_t> pixels_along(double begin, double length, std::int64_t outputs,
                                       std::int64_t source) {
  std::vector<std::int64_t> all(static_cast<std::size_t>(outputs));
  const double scale = length / static_cast<double>(outputs);
  for (std::int64_t i = 0; i < outputs; ++i) {
    const double at = std::floor(begin + (static_cast<double>(i) + 0.5) * scale);
    const bool is_inside = at >= 0 && at < static_cast<double>(source);
    all[static_cast<std::size_t>(i)] = is_inside ? static_cast<std::int64_t>(at) : -1;
  }
  return all;
}

void check(const torch::Tensor& planes, const Placement& to) {
  CLEW_CHECK(planes.dim() >= 2 && planes.size(-1) >= 1 && planes.size(-2) >= 1,
             "planes must be [..,H,W] with at least one pixel, got ", planes.sizes(),
             " (resample)");
  CLEW_CHECK(to.width > 0 && to.height > 0 && to.out_width >= 1 && to.out_height >= 1,
             "a picture must be at least one pixel, got ", to.out_width, "x", to.out_height,
             " from ", to.width, "x", to.height, " (resample)");
}

std::vector<std::int64_t> shape_of(const torch::Tensor& planes, const Placement& to) {
  auto shape = planes.sizes().vec();
  shape[shape.size() - 2] = to.out_height;
  shape[shape.size() - 1] = to.out_width;
  return shape;
}

}  // namespace

torch::Tensor resample(const torch::Tensor& planes, const Placement& to, float fill) {
  check(planes, to);
  CLEW_CHECK(planes.scalar_type() == torch::kFloat32, "planes must be Float, got ",
             planes.scalar_type(), " (resample)");
  const auto source = planes.contiguous();
  const std::int64_t height = source.size(-2), width = source.size(-1),
                     count = source.numel() / (height * width);
  auto columns = taps_along(to.left, to.width, to.out_width, width);
  if (to.is_flipped) std::reverse(columns.begin(), columns.end());
  const auto rows = taps_along(to.top, to.height, to.out_height, height);
  auto out = torch::empty(shape_of(planes, to), torch::kFloat32);
  // Separable: first along the needed rows, then along columns.
  std::int64_t low = height, high = 0;
  for (const Taps& taps : rows) {
    if (taps.weights.empty()) continue;
    low = std::min(low, taps.first);
    high = std::max(high, taps.first + std::ssize(taps.weights));
  }
  std::vector<float> narrow(
      static_cast<std::size_t>(std::max<std::int64_t>(0, high - low) * to.out_width));
  for (std::int64_t plane = 0; plane < count; ++plane) {
    const float* const from = source.data_ptr<float>() + plane * height * width;
    for (std::int64_t y = low; y < high; ++y) {
      float* const line = narrow.data() + (y - low) * to.out_width;
      for (std::int64_t x = 0; x < to.out_width; ++x) {
        const Taps& taps = columns[static_cast<std::size_t>(x)];
        const float* const pixels = from + y * width + taps.first;
        float sum = 0;
        for (std::size_t k = 0; k < taps.weights.size(); ++k) sum += taps.weights[k] * pixels[k];
        line[x] = sum;
      }
    }
    float* const result = out.data_ptr<float>() + plane * to.out_height * to.out_width;
    for (std::int64_t y = 0; y < to.out_height; ++y) {
      const Taps& taps = rows[static_cast<std::size_t>(y)];
      float* const line = result + y * to.out_width;
      if (taps.weights.empty()) {
        std::fill_n(line, to.out_width, fill);
        continue;
      }
      std::fill_n(line, to.out_width, 0.0F);
      for (std::size_t k = 0; k < taps.weights.size(); ++k) {
        const float weight = taps.weights[k];
        const float* const above =
            narrow.data() + (taps.first - low + static_cast<std::int64_t>(k)) * to.out_width;
        for (std::int64_t x = 0; x < to.out_width; ++x) line[x] += weight * above[x];
      }
      for (std::int64_t x = 0; x < to.out_width; ++x) {
        if (columns[static_cast<std::size_t>(x)].weights.empty()) line[x] = fill;
      }
    }
  }
  return out;
}

torch::Tensor resample_nearest(const torch::Tensor& planes, const Placement& to,
                               std::int64_t fill) {
  check(planes, to);
  const auto source = planes.contiguous();
  const std::int64_t height = source.size(-2), width = source.size(-1);
  auto columns = pixels_along(to.left, to.width, to.out_width, width);
  if (to.is_flipped) std::reverse(columns.begin(), columns.end());
  const auto rows = pixels_along(to.top, to.height, to.out_height, height);
  auto out = torch::empty(shape_of(planes, to), planes.options());
  AT_DISPATCH_ALL_TYPES_AND(at::kBool, planes.scalar_type(), "resample_nearest", [&] {
    const auto* from = source.data_ptr<scalar_t>();
    auto* result = out.data_ptr<scalar_t>();
    for (const auto* const end = from + source.numel(); from < end; from += height * width) {
      for (const std::int64_t y : rows) {
        for (const std::int64_t x : columns)
          *result++ = y < 0 || x < 0 ? static_cast<scalar_t>(fill) : from[y * width + x];
      }
    }
  });
  return out;
}

}  // namespace clew::data
