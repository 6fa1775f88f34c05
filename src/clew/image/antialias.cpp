// SPDX-License-Identifier: Apache-2.0
#include "clew/image/antialias.h"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <vector>

#include "clew/core/error.h"
#include "clew/image/transform.h"

namespace clew::image {
namespace {

double value_of(Kernel kernel, double x) {
  x = std::fabs(x);
  if (kernel == Kernel::kBilinear) return x < 1 ? 1 - x : 0;
  constexpr double kA = -0.5;
  if (x < 1) return ((kA + 2) * x - (kA + 3)) * x * x + 1;
  return x < 2 ? (((x - 5) * x + 8) * x - 4) * kA : 0;
}

/// Source elements and weights of one output element.
struct Taps {
  int first = 0;
  std::vector<float> weights;
};

std::vector<Taps> taps_of(int from, int to, Kernel kernel) {
  const double scale = static_cast<double>(from) / to, spread = std::max(scale, 1.0),
               support = (kernel == Kernel::kBilinear ? 1 : 2) * spread;
  std::vector<Taps> all(static_cast<std::size_t>(to));
  for (int i = 0; i < to; ++i) {
    const double centre = (i + 0.5) * scale;
    auto& taps = all[static_cast<std::size_t>(i)];
    taps.first = std::max(0, static_cast<int>(centre - support + 0.5));
    const int end = std::min(from, static_cast<int>(centre + support + 0.5));
    double sum = 0;
    for (int at = taps.first; at < end; ++at) {
      const double weight = value_of(kernel, (at - centre + 0.5) / spread);
      taps.weights.push_back(static_cast<float>(weight));
      sum += weight;
    }
    for (auto& weight : taps.weights) weight = static_cast<float>(weight / sum);
  }
  return all;
}

std::uint8_t rounded_byte(float value) {
  return static_cast<std::uint8_t>(std::clamp(value + 0.5F, 0.0F, 255.0F));
}

/// Horizontal pass.
Image resize_rows(const Image& picture, int width, Kernel kernel) {
  Image result{.width = width, .height = picture.height, .channels = picture.channels};
  const auto channels = static_cast<std::size_t>(picture.channels);
  result.pixels.resize(static_cast<std::size_t>(width) * static_cast<std::size_t>(picture.height) *
                       channels);
  const auto taps = taps_of(picture.width, width, kernel);
  const std::uint8_t* row = picture.pixels.data();
  std::uint8_t* out = result.pixels.data();
  for (int y = 0; y < picture.height;
       ++y, row += static_cast<std::size_t>(picture.width) * channels) {
    for (const auto& [first, weights] : taps) {
      const std::uint8_t* from = row + static_cast<std::size_t>(first) * channels;
      for (std::size_t c = 0; c < channels; ++c) {
        float sum = 0;
        for (std::size_t i = 0; i < weights.size(); ++i)
          sum += weights[i] * static_cast<float>(from[i * channels + c]);
        *out++ = rounded_byte(sum);
      }
    }
  }
  return result;
}

/// Vertical pass, row by row.
Image resize_columns(const Image& picture, int height, Kernel kernel) {
  Image result{.width = picture.width, .height = height, .channels = picture.channels};
  const auto row =
      static_cast<std::size_t>(picture.width) * static_cast<std::size_t>(picture.channels);
  result.pixels.resize(row * static_cast<std::size_t>(height));
  std::vector<float> sums(row);
  std::uint8_t* out = result.pixels.data();
  for (const auto& [first, weights] : taps_of(picture.height, height, kernel)) {
    std::ranges::fill(sums, 0.0F);
    const std::uint8_t* from = picture.pixels.data() + static_cast<std::size_t>(first) * row;
    for (const float weight : weights) {
      for (std::size_t i = 0; i < row; ++i) sums[i] += weight * static_cast<float>(from[i]);
      from += row;
    }
    for (std::size_t i = 0; i < row; ++i) out[i] = rounded_byte(sums[i]);
    out += row;
  }
  return result;
}

}  // namespace

Image resize_antialiased(const Image& picture, int width, int height, Kernel kernel) {
  CLEW_CHECK(!picture.pixels.empty() && width > 0 && height > 0,
             "a picture is resized to at least 1x1 pixels, got ", width, "x", height, " of ",
             picture.width, "x", picture.height);
  auto result = width == picture.width ? picture : resize_rows(picture, width, kernel);
  return height == picture.height ? result : resize_columns(result, height, kernel);
}

Image resize_and_crop(const Image& picture, int side, int crop_side, Kernel kernel) {
  CLEW_CHECK(crop_side > 0 && crop_side <= side, "a crop of ", crop_side,
             " must be at least 1 and at most the short side, ", side);
  const auto scaled = [&](int length, int shorter) {
    return static_cast<int>(static_cast<std::int64_t>(side) * length / std::max(1, shorter));
  };
  const int shorter = std::min(picture.width, picture.height);
  const auto resized = resize_antialiased(
      picture, picture.width == shorter ? side : scaled(picture.width, shorter),
      picture.height == shorter ? side : scaled(picture.height, shorter), kernel);
  const auto middle = [&](int length) {
    return static_cast<int>(std::lround((length - crop_side) / 2.0));
  };
  return crop(resized, {.x = middle(resized.width),
                        .y = middle(resized.height),
                        .width = crop_side,
                        .height = crop_side});
}

}  // namespace clew::image
