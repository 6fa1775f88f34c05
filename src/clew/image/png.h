// SPDX-License-Identifier: Apache-2.0
// The pixels of a PNG, by libpng: what it has to say goes into an error instead of onto the screen. Private to
// the module.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "clew/image/image.h"

namespace clew::image {

/// Pixels [height,width,4], RGBA.
struct PngColours {
  int width = 0, height = 0;
  std::vector<std::uint8_t> pixels;
};
/// Samples [height,width,channels].
struct PngSamples {
  int width = 0, height = 0, channels = 0;
  std::vector<std::uint16_t> values;
};

/// A file that check_png has passed -> RGBA, 0..255: palettes and greys as colours, 16 bits rounded to
/// 8, without transparency opaque. Damage: clew::Error beginning with `name`.
[[nodiscard]] PngColours decode_png_rgba(std::span<const std::uint8_t> file,
                                         const std::string& name);
/// The same file as it is stored: the index of a palette's colour, grey of 1 to 16 bits, or as many
/// channels as there are.
[[nodiscard]] PngSamples decode_png_stored(std::span<const std::uint8_t> file,
                                           const std::string& name);

/// indices [height,width] into `palette`, which has a colour for each -> a file of 8 bits.
[[nodiscard]] std::vector<std::uint8_t> encode_png_palette(int width, int height,
                                                           std::span<const std::uint8_t> indices,
                                                           std::span<const Colour> palette);

}  // namespace clew::image
