// SPDX-License-Identifier: Apache-2.0
// Picture files, in memory and on disk. Video: video.h. Truncated files and damaged PNGs are
// refused; other formats have no checksums, so that damage that can still be decoded is not
// detected.
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

/// Encoded file. PNG and PGM are lossless; PGM is grey only.
[[nodiscard]] std::vector<std::uint8_t> encode(const Image& picture, EncodeOptions options = {});
/// Background of transparent pixels. kAuto: white behind a picture whose opacity-weighted mean is
/// dark, black behind a light one.
enum class Background { kAuto, kWhite, kBlack };
constexpr auto names(Background) {
  return std::to_array<Named<Background>>(
      {{Background::kAuto, "auto"}, {Background::kWhite, "white"}, {Background::kBlack, "black"}});
}

/// EXIF's orientation: applied, or pixels as they are stored.
enum class Orientation { kUpright, kStored };

/// PNG, JPEG, PGM, PPM, BMP, TIFF or WebP file in memory -> [H,W,3] u8 RGB (grey repeated; the
/// first of several pictures). `name` is for errors.
[[nodiscard]] Image decode(std::span<const std::uint8_t> file, const std::string& name,
                           Background background = Background::kAuto,
                           Orientation orientation = Orientation::kUpright);

/// Writes `picture` atomically, in the format of the extension: .png, .jpg, .jpeg or .pgm.
void write(const std::filesystem::path& path, const Image& picture);
/// decode of a file -> [H,W,3] u8 RGB.
[[nodiscard]] Image read(const std::filesystem::path& path,
                         Background background = Background::kAuto,
                         Orientation orientation = Orientation::kUpright);
/// Sides of an upright picture, pixels.
struct Sides {
  int width = 0, height = 0;
  int orientation = 1;  // EXIF's, 1 to 8: from 5 on, sides are stored the other way round
};
/// Sides of a file that `read` accepts, from its header alone where it is a JPEG or PNG: damage
/// behind it is not found.
[[nodiscard]] Sides read_sides(const std::filesystem::path& path);
/// Integers [height,width], row-major, as stored in a file.
struct Values {
  int width = 0, height = 0;
  std::vector<std::uint16_t> values;
};
/// Mask from a PNG, BMP or TIFF file in memory: palette indices (not of BMP), or grey of 1 to 16
/// bits, unscaled. Several channels: clew::Error.
[[nodiscard]] Values decode_values(std::span<const std::uint8_t> file, const std::string& name);
[[nodiscard]] Values read_values(const std::filesystem::path& path);
/// 8-bit PNG of palette indices, with a palette of 1 to 256 colours. An index outside of the
/// palette, a number of values other than width x height: clew::Error.
[[nodiscard]] std::vector<std::uint8_t> encode_values(const Values& values,
                                                      std::span<const Colour> palette);

/// True for file extensions of `read`, in any case.
[[nodiscard]] bool has_picture_ending(const std::filesystem::path& path);

}  // namespace clew::image
