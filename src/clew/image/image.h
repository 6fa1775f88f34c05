// SPDX-License-Identifier: Apache-2.0
// One picture in memory, as bytes or floats, and conversions. Files: files.h.
#pragma once

#include <cstdint>
#include <vector>

namespace clew::image {

inline constexpr int kMaxSide = 65535;  // pixels; JPEG's limit
/// Limit of readers and grids: 800 MB of RGB. A file that declares more has a damaged header.
inline constexpr std::uint64_t kMaxPixels = std::uint64_t{1} << 28;

/// Pixels [height,width,channels], row-major; channels 3 = RGB, 1 = grey. Invariant where a
/// function takes one: pixels.size() == height * width * channels.
template <class T>
struct BasicImage {
  int width = 0, height = 0;  // pixels, 1..kMaxSide each
  int channels = 3;
  std::vector<T> pixels;
};

using Image = BasicImage<std::uint8_t>;  // u8, 0..255
using FloatImage = BasicImage<float>;    // f32, [0,1] unless a function says otherwise

/// A colour; grey pictures use `r`.
struct Colour {
  std::uint8_t r = 0, g = 0, b = 0;
};

/// Throws unless the sides are in 1..65535, channels 1 or 3, and the number of pixels matches.
/// `where` is for errors.
void check(const Image& picture, const char* where);
void check(const FloatImage& picture, const char* where);

/// A picture of one colour.
[[nodiscard]] Image blank(int width, int height, int channels = 3, Colour colour = {});

/// u8 0..255 -> f32 0..1.
[[nodiscard]] FloatImage to_float(const Image& picture);
/// f32 0..1 -> u8, rounded and clamped; NaN becomes 0.
[[nodiscard]] Image to_bytes(const FloatImage& picture);

/// RGB -> grey: 0.299 R + 0.587 G + 0.114 B, rounded for bytes; a grey picture is copied.
[[nodiscard]] Image to_grey(const Image& picture);
[[nodiscard]] FloatImage to_grey(const FloatImage& picture);
/// Grey -> RGB with three equal channels; an RGB picture is copied.
[[nodiscard]] Image to_rgb(const Image& picture);
[[nodiscard]] FloatImage to_rgb(const FloatImage& picture);

/// [H,W,C] -> [C,H,W], the order of tensors, and back.
[[nodiscard]] std::vector<float> to_planes(const FloatImage& picture);
[[nodiscard]] FloatImage from_planes(const std::vector<float>& planes, int width, int height,
                                     int channels);

}  // namespace clew::image
