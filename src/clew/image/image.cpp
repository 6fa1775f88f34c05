// SPDX-License-Identifier: Apache-2.0
#include "clew/image/image.h"

#include <algorithm>
#include <cmath>

#include "clew/core/error.h"

namespace clew::image {
namespace {

constexpr int kMaxSide = 65535;  // what a JPEG can hold

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
  for (std::size_t i = 0; i < picture.pixels.size(); ++i) picture.pixels[i] = values[i % step];
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

Image to_grey(const Image& picture) {
  check(picture, "to_grey");
  if (picture.channels == 1) return picture;
  Image out{.width = picture.width, .height = picture.height, .channels = 1, .pixels = {}};
  out.pixels.reserve(picture.pixels.size() / 3);
  for (std::size_t i = 0; i < picture.pixels.size(); i += 3) {
    const int sum =
        299 * picture.pixels[i] + 587 * picture.pixels[i + 1] + 114 * picture.pixels[i + 2];
    out.pixels.push_back(static_cast<std::uint8_t>((sum + 500) / 1000));
  }
  return out;
}

Image to_rgb(const Image& picture) {
  check(picture, "to_rgb");
  if (picture.channels == 3) return picture;
  Image out{.width = picture.width, .height = picture.height, .channels = 3, .pixels = {}};
  out.pixels.reserve(3 * picture.pixels.size());
  for (const std::uint8_t value : picture.pixels) out.pixels.insert(out.pixels.end(), 3, value);
  return out;
}

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
