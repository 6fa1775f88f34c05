// SPDX-License-Identifier: Apache-2.0
#include "clew/image/colour.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <opencv2/imgproc.hpp>
#include <type_traits>

#include "clew/core/error.h"
#include "clew/image/mat.h"

namespace clew::image {
namespace {

void check_factor(float factor, const char* where) {
  CLEW_CHECK(factor >= 0 && std::isfinite(factor), "a factor must be a number of at least 0, got ",
             factor, " (", where, ")");
}

/// Maximal value: 1 for floats, 255 for bytes.
template <class T>
constexpr float kMost = std::is_same_v<T, float> ? 1.F : 255.F;

/// Clamped to the type's range; rounded for bytes.
template <class T>
T value_of(float value) {
  const float cut = std::clamp(value, 0.F, kMost<T>);
  return std::is_same_v<T, float> ? static_cast<T>(cut) : static_cast<T>(cut + .5F);
}

template <class T>
float grey_of(const T* rgb) {
  return .299F * static_cast<float>(rgb[0]) + .587F * static_cast<float>(rgb[1]) +
         .114F * static_cast<float>(rgb[2]);
}

template <class T>
BasicImage<T> brightness(const BasicImage<T>& picture, float factor) {
  check(picture, "adjust_brightness");
  check_factor(factor, "adjust_brightness");
  BasicImage<T> out = picture;
  for (auto& value : out.pixels) value = value_of<T>(static_cast<float>(value) * factor);
  return out;
}

template <class T>
BasicImage<T> contrast(const BasicImage<T>& picture, float factor) {
  check(picture, "adjust_contrast");
  check_factor(factor, "adjust_contrast");
  double sum = 0;
  if (picture.channels == 1) {
    for (const auto value : picture.pixels) sum += value;
  } else {
    for (std::size_t i = 0; i < picture.pixels.size(); i += 3) sum += grey_of(&picture.pixels[i]);
  }
  const auto mean =
      static_cast<float>(sum * picture.channels / static_cast<double>(picture.pixels.size()));
  BasicImage<T> out = picture;
  for (auto& value : out.pixels)
    value = value_of<T>(mean + factor * (static_cast<float>(value) - mean));
  return out;
}

template <class T>
BasicImage<T> saturation(const BasicImage<T>& picture, float factor) {
  check(picture, "adjust_saturation");
  check_factor(factor, "adjust_saturation");
  BasicImage<T> out = picture;
  if (picture.channels == 1) return out;
  for (std::size_t i = 0; i < out.pixels.size(); i += 3) {
    const float grey = grey_of(&picture.pixels[i]);
    for (std::size_t c = 0; c < 3; ++c)
      out.pixels[i + c] =
          value_of<T>(grey + factor * (static_cast<float>(picture.pixels[i + c]) - grey));
  }
  return out;
}

template <class T>
BasicImage<T> hue(const BasicImage<T>& picture, float turns) {
  check(picture, "adjust_hue");
  CLEW_CHECK(turns >= -.5F && turns <= .5F, "a hue turns by -0.5..0.5, got ", turns,
             " (adjust_hue)");
  if (picture.channels == 1 || turns == 0) return picture;
  cv::Mat scaled, hsv;
  view(picture).convertTo(scaled, CV_32FC3, 1. / kMost<T>);
  cv::cvtColor(scaled, hsv, cv::COLOR_RGB2HSV);  // hue 0..360, saturation and value 0..1
  for (int y = 0; y < hsv.rows; ++y) {
    auto* row = hsv.ptr<cv::Vec3f>(y);
    for (int x = 0; x < hsv.cols; ++x) {
      const float angle = row[x][0] + 360 * turns;
      row[x][0] = angle < 0 ? angle + 360 : angle >= 360 ? angle - 360 : angle;
    }
  }
  cv::cvtColor(hsv, scaled, cv::COLOR_HSV2RGB);
  BasicImage<T> out = same_kind(picture, picture.width, picture.height);
  cv::Mat to = view(out);
  scaled.convertTo(to, mat_type<T>(3), kMost<T>);
  return out;
}

template <class T>
BasicImage<T> jittered(const BasicImage<T>& picture, const ColourJitter& jitter, const Key& key) {
  check(picture, "jitter_colour");
  for (const float amount :
       {jitter.brightness, jitter.contrast, jitter.saturation, jitter.hue, jitter.grey_share}) {
    CLEW_CHECK(amount >= 0 && std::isfinite(amount),
               "colour jitter must be numbers of at least 0, got ", amount);
  }
  CLEW_CHECK(jitter.hue <= .5F, "colour jitter's hue must be in 0..0.5, got ", jitter.hue);
  Stream stream(key);
  std::array<int, 4> order = {0, 1, 2, 3};
  for (std::uint32_t i = 3; i > 0; --i) std::swap(order[i], order[stream.below(i + 1)]);
  const auto factor = [&stream](float amount) {
    const float low = std::max(0.F, 1 - amount);
    return low + (1 + amount - low) * stream.uniform();
  };
  const float brighter = factor(jitter.brightness), starker = factor(jitter.contrast),
              richer = factor(jitter.saturation), turns = jitter.hue * (2 * stream.uniform() - 1);
  BasicImage<T> out = picture;
  for (const int what : order) {
    if (what == 0 && jitter.brightness > 0) out = brightness(out, brighter);
    if (what == 1 && jitter.contrast > 0) out = contrast(out, starker);
    if (what == 2 && jitter.saturation > 0) out = saturation(out, richer);
    if (what == 3 && jitter.hue > 0) out = hue(out, turns);
  }
  if (stream.uniform() < jitter.grey_share) out = saturation(out, 0);
  return out;
}

}  // namespace

Image adjust_brightness(const Image& picture, float factor) { return brightness(picture, factor); }
FloatImage adjust_brightness(const FloatImage& picture, float factor) {
  return brightness(picture, factor);
}
Image adjust_contrast(const Image& picture, float factor) { return contrast(picture, factor); }
FloatImage adjust_contrast(const FloatImage& picture, float factor) {
  return contrast(picture, factor);
}
Image adjust_saturation(const Image& picture, float factor) { return saturation(picture, factor); }
FloatImage adjust_saturation(const FloatImage& picture, float factor) {
  return saturation(picture, factor);
}
Image adjust_hue(const Image& picture, float turns) { return hue(picture, turns); }
FloatImage adjust_hue(const FloatImage& picture, float turns) { return hue(picture, turns); }
Image jitter_colour(const Image& picture, const ColourJitter& jitter, const Key& key) {
  return jittered(picture, jitter, key);
}
FloatImage jitter_colour(const FloatImage& picture, const ColourJitter& jitter, const Key& key) {
  return jittered(picture, jitter, key);
}

}  // namespace clew::image
