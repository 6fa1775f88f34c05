// SPDX-License-Identifier: Apache-2.0
// PNG pixels by libpng, with its messages as errors instead of on stderr. Private to the module.
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

/// A file that passed check_png -> RGBA, 0..255, with palette and grey expanded and 16 bits rounded
/// to 8. Damage: clew::Error beginning with `name`.
[[nodiscard]] PngColours decode_png_rgba(std::span<const std::uint8_t> file,
                                         const std::string& name);
/// The same file as stored: palette indices, grey of 1 to 16 bits, or all channels.
[[nodiscard]] PngSamples decode_png_stored(std::span<const std::uint8_t> file,
                                           const std::string& name);

/// indices [height,width] into `palette` -> 8-bit file.
[[nodiscard]] std::vector<std::uint8_t> encode_png_palette(int width, int height,
                                                           std::span<const std::uint8_t> indices,
                                                           std::span<const Colour> palette);

}  // namespace clew::image
