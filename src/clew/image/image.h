// SPDX-License-Identifier: Apache-2.0
// One picture in memory, as bytes or as floats, and the ways between them. Files are in files.h.
#pragma once

#include <cstdint>
#include <vector>

namespace clew::image {

inline constexpr int kMaxSide = 65535;  // pixels; what a JPEG can hold
/// What readers and grids make: 800 MB of RGB. A file that claims more has a damaged header.
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

/// A colour; of a grey picture only `r` is used.
struct Colour {
  std::uint8_t r = 0, g = 0, b = 0;
};

/// Throws unless the sides are in 1..65535, the channels 1 or 3 and the pixels as many as that
/// takes. `where` is for the error text.
void check(const Image& picture, const char* where);
void check(const FloatImage& picture, const char* where);

/// A picture of one colour.
[[nodiscard]] Image blank(int width, int height, int channels = 3, Colour colour = {});

/// u8 0..255 -> f32 0..1.
[[nodiscard]] FloatImage to_float(const Image& picture);
/// f32 0..1 -> u8, rounded; what lies outside is cut off, NaN becomes 0.
[[nodiscard]] Image to_bytes(const FloatImage& picture);

/// RGB -> grey by 0.299 R + 0.587 G + 0.114 B, bytes rounded; a grey picture is copied.
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
