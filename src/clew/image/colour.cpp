// SPDX-License-Identifier: Apache-2.0
#include "clew/image/colour.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <opencv2/imgproc.hpp>

#include "clew/core/error.h"
#include "clew/image/mat.h"

namespace clew::image {
namespace {

void check_factor(float factor, const char* where) {
  CLEW_CHECK(factor >= 0 && std::isfinite(factor), "a factor must be a number of at least 0, got ",
             factor, " (", where, ")");
}

std::uint8_t rounded(float value) {
  return static_cast<std::uint8_t>(std::clamp(value, 0.F, 255.F) + .5F);
}

float grey_of(const std::uint8_t* rgb) {
  return .299F * static_cast<float>(rgb[0]) + .587F * static_cast<float>(rgb[1]) +
         .114F * static_cast<float>(rgb[2]);
}

}  // namespace

Image adjust_brightness(const Image& picture, float factor) {
  check(picture, "adjust_brightness");
  check_factor(factor, "adjust_brightness");
  Image out = picture;
  for (auto& value : out.pixels) value = rounded(static_cast<float>(value) * factor);
  return out;
}

Image adjust_contrast(const Image& picture, float factor) {
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
  Image out = picture;
  for (auto& value : out.pixels)
    value = rounded(mean + factor * (static_cast<float>(value) - mean));
  return out;
}

Image adjust_saturation(const Image& picture, float factor) {
  check(picture, "adjust_saturation");
  check_factor(factor, "adjust_saturation");
  Image out = picture;
  if (picture.channels == 1) return out;
  for (std::size_t i = 0; i < out.pixels.size(); i += 3) {
    const float grey = grey_of(&picture.pixels[i]);
    for (std::size_t c = 0; c < 3; ++c)
      out.pixels[i + c] =
          rounded(grey + factor * (static_cast<float>(picture.pixels[i + c]) - grey));
  }
  return out;
}

Image adjust_hue(const Image& picture, float turns) {
  check(picture, "adjust_hue");
  CLEW_CHECK(turns >= -.5F && turns <= .5F, "a hue turns by -0.5..0.5, got ", turns,
             " (adjust_hue)");
  if (picture.channels == 1 || turns == 0) return picture;
  cv::Mat scaled, hsv;
  view(picture).convertTo(scaled, CV_32FC3, 1. / 255);
  cv::cvtColor(scaled, hsv, cv::COLOR_RGB2HSV);  // hue 0..360, saturation and value 0..1
  for (int y = 0; y < hsv.rows; ++y) {
    auto* row = hsv.ptr<cv::Vec3f>(y);
    for (int x = 0; x < hsv.cols; ++x) {
      const float hue = row[x][0] + 360 * turns;
      row[x][0] = hue < 0 ? hue + 360 : hue >= 360 ? hue - 360 : hue;
    }
  }
  cv::cvtColor(hsv, scaled, cv::COLOR_HSV2RGB);
  Image out = same_kind(picture, picture.width, picture.height);
  cv::Mat to = view(out);
  scaled.convertTo(to, CV_8UC3, 255);
  return out;
}

Image jitter_colour(const Image& picture, const ColourJitter& jitter, const Key& key) {
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
  const float brightness = factor(jitter.brightness), contrast = factor(jitter.contrast),
              saturation = factor(jitter.saturation), hue = jitter.hue * (2 * stream.uniform() - 1);
  Image out = picture;
  for (const int what : order) {
    if (what == 0 && jitter.brightness > 0) out = adjust_brightness(out, brightness);
    if (what == 1 && jitter.contrast > 0) out = adjust_contrast(out, contrast);
    if (what == 2 && jitter.saturation > 0) out = adjust_saturation(out, saturation);
    if (what == 3 && jitter.hue > 0) out = adjust_hue(out, hue);
  }
  if (stream.uniform() < jitter.grey_share) out = adjust_saturation(out, 0);
  return out;
}

}  // namespace clew::image
