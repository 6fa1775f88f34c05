// SPDX-License-Identifier: Apache-2.0
// Pixels in and out of picture files, in memory and on disk. Video is in video.h. A file that is cut
// short is refused, and a PNG that is damaged anywhere; others have no checksums, so that damage in the
// middle of one that can still be decoded is not found.
#pragma once

#include <array>
#include <cstdint>
#include <filesystem>
#include <span>
#include <string>
#include <vector>

#include "clew/core/names.h"
#include "clew/image/image.h"

namespace clew::image {

enum class Format { kPng, kJpeg, kPgm };

struct EncodeOptions {
  Format format = Format::kPng;
  int quality = 90;  // JPEG only, 1..100
};

/// The file of `picture` as bytes. PNG and PGM keep every pixel, JPEG does not;
/// PGM holds grey only.
[[nodiscard]] std::vector<std::uint8_t> encode(const Image& picture, EncodeOptions options = {});
/// Background of a picture's transparent parts. kAuto: white where what is drawn is dark on
/// average, weighted by its opacity, black where it is light, so that it stands out.
enum class Background { kAuto, kWhite, kBlack };
constexpr auto names(Background) {
  return std::to_array<Named<Background>>(
      {{Background::kAuto, "auto"}, {Background::kWhite, "white"}, {Background::kBlack, "black"}});
}

/// A PNG, JPEG, PGM, PPM, BMP, TIFF or WebP file in memory -> [H,W,3] u8 RGB (grey repeated, the first
/// picture where there are several). `name` is for the error text.
[[nodiscard]] Image decode(std::span<const std::uint8_t> file, const std::string& name,
                           Background background = Background::kAuto);

/// Writes `picture` by the ending of `path`: .png, .jpg, .jpeg or .pgm. The file is whole or
/// untouched.
void write(const std::filesystem::path& path, const Image& picture);
/// Reads a file that decode knows -> [H,W,3] u8 RGB.
[[nodiscard]] Image read(const std::filesystem::path& path,
                         Background background = Background::kAuto);
/// Whole numbers [height,width], row-major, as a file stores them.
struct Values {
  int width = 0, height = 0;
  std::vector<std::uint16_t> values;
};
/// Masks: a PNG, BMP or TIFF file in memory -> the index of each pixel's colour
/// in the palette (not of BMP), or its grey of 1 to 16 bits, unscaled. Several channels: clew::Error.
[[nodiscard]] Values decode_values(std::span<const std::uint8_t> file, const std::string& name);
[[nodiscard]] Values read_values(const std::filesystem::path& path);
/// Values as a PNG file of 8 bits with a palette of 1 to 256 colours, whose indices they are. Values without
/// a colour, as many as the sides do not say: clew::Error.
[[nodiscard]] std::vector<std::uint8_t> encode_values(const Values& values,
                                                      std::span<const Colour> palette);

/// True for the endings of files that `read` reads, in any case.
[[nodiscard]] bool has_picture_ending(const std::filesystem::path& path);

}  // namespace clew::image
