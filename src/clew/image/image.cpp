// SPDX-License-Identifier: Apache-2.0
#include "clew/image/image.h"

#include <algorithm>
#include <cmath>

#include "clew/core/error.h"

namespace clew::image {
namespace {

template <class T>
void check_any(const BasicImage<T>& picture, const char* where) {
  CLEW_CHECK(picture.width >= 1 && picture.width <= kMaxSide && picture.height >= 1 &&
                 picture.height <= kMaxSide,
             "an image must be 1..", kMaxSide, " pixels wide and high, got ", picture.width, "x",
             picture.height, " (", where, ")");
  CLEW_CHECK(picture.channels == 1 || picture.channels == 3,
             "an image must have 1 or 3 channels, got ", picture.channels, " (", where, ")");
  const std::size_t wanted = static_cast<std::size_t>(picture.width) *
                             static_cast<std::size_t>(picture.height) *
                             static_cast<std::size_t>(picture.channels);
  CLEW_CHECK(picture.pixels.size() == wanted, "an image of ", picture.width, "x", picture.height,
             "x", picture.channels, " must have ", wanted, sizeof(T) == 1 ? " bytes" : " numbers",
             ", got ", picture.pixels.size(), " (", where, ")");
}

std::uint8_t grey_of(const std::uint8_t* rgb) {
  return static_cast<std::uint8_t>((299 * rgb[0] + 587 * rgb[1] + 114 * rgb[2] + 500) / 1000);
}
float grey_of(const float* rgb) { return .299F * rgb[0] + .587F * rgb[1] + .114F * rgb[2]; }

template <class T>
BasicImage<T> grey_picture(const BasicImage<T>& picture) {
  check_any(picture, "to_grey");
  if (picture.channels == 1) return picture;
  BasicImage<T> out{.width = picture.width, .height = picture.height, .channels = 1, .pixels = {}};
  out.pixels.reserve(picture.pixels.size() / 3);
  for (std::size_t i = 0; i < picture.pixels.size(); i += 3)
    out.pixels.push_back(grey_of(&picture.pixels[i]));
  return out;
}

template <class T>
BasicImage<T> rgb_picture(const BasicImage<T>& picture) {
  check_any(picture, "to_rgb");
  if (picture.channels == 3) return picture;
  BasicImage<T> out{.width = picture.width, .height = picture.height, .channels = 3, .pixels = {}};
  out.pixels.reserve(3 * picture.pixels.size());
  for (const T value : picture.pixels) out.pixels.insert(out.pixels.end(), 3, value);
  return out;
}

}  // namespace

void check(const Image& picture, const char* where) { check_any(picture, where); }
void check(const FloatImage& picture, const char* where) { check_any(picture, where); }

Image blank(int width, int height, int channels, Colour colour) {
  Image picture{.width = width, .height = height, .channels = channels, .pixels = {}};
  if (width >= 1 && height >= 1 && (channels == 1 || channels == 3)) {
    picture.pixels.resize(static_cast<std::size_t>(width) * static_cast<std::size_t>(height) *
                          static_cast<std::size_t>(channels));
  }
  check(picture, "blank");
  const std::uint8_t values[3] = {colour.r, colour.g, colour.b};
  const auto step = static_cast<std::size_t>(channels);
  for (std::size_t i = 0; i < picture.pixels.size(); i += step)
    for (std::size_t c = 0; c < step; ++c) picture.pixels[i + c] = values[c];
  return picture;
}

FloatImage to_float(const Image& picture) {
  check(picture, "to_float");
  FloatImage out{.width = picture.width,
                 .height = picture.height,
                 .channels = picture.channels,
                 .pixels = std::vector<float>(picture.pixels.size())};
  for (std::size_t i = 0; i < out.pixels.size(); ++i)
    out.pixels[i] = static_cast<float>(picture.pixels[i]) / 255;
  return out;
}

Image to_bytes(const FloatImage& picture) {
  check(picture, "to_bytes");
  Image out{.width = picture.width,
            .height = picture.height,
            .channels = picture.channels,
            .pixels = std::vector<std::uint8_t>(picture.pixels.size())};
  for (std::size_t i = 0; i < out.pixels.size(); ++i) {
    const float value = picture.pixels[i];
    out.pixels[i] = static_cast<std::uint8_t>((value > 0 ? std::min(value, 1.F) : 0.F) * 255 + .5F);
  }
  return out;
}

Image to_grey(const Image& picture) { return grey_picture(picture); }
FloatImage to_grey(const FloatImage& picture) { return grey_picture(picture); }
Image to_rgb(const Image& picture) { return rgb_picture(picture); }
FloatImage to_rgb(const FloatImage& picture) { return rgb_picture(picture); }

std::vector<float> to_planes(const FloatImage& picture) {
  check(picture, "to_planes");
  const auto channels = static_cast<std::size_t>(picture.channels);
  const std::size_t area = picture.pixels.size() / channels;
  std::vector<float> planes(picture.pixels.size());
  for (std::size_t c = 0; c < channels; ++c)
    for (std::size_t i = 0; i < area; ++i) planes[c * area + i] = picture.pixels[i * channels + c];
  return planes;
}

FloatImage from_planes(const std::vector<float>& planes, int width, int height, int channels) {
  FloatImage picture{.width = width, .height = height, .channels = channels, .pixels = planes};
  check(picture, "from_planes");
  const auto step = static_cast<std::size_t>(channels);
  const std::size_t area = planes.size() / step;
  for (std::size_t c = 0; c < step; ++c)
    for (std::size_t i = 0; i < area; ++i) picture.pixels[i * step + c] = planes[c * area + i];
  return picture;
}

}  // namespace clew::image
