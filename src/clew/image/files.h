// SPDX-License-Identifier: Apache-2.0
// Pixels in and out of PNG, JPEG and PGM, in memory and on disk. Video is in video.h. A file that is
// cut short is refused, and a PNG that is damaged anywhere; JPEG has no checksums, so that damage in
// the middle of one that can still be decoded is not found.
#pragma once

#include <cstdint>
#include <filesystem>
#include <span>
#include <string>
#include <vector>

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
/// A PNG, JPEG or PGM file in memory -> [H,W,3] u8 RGB (alpha dropped, grey repeated). `name` is
/// for the error text.
[[nodiscard]] Image decode(std::span<const std::uint8_t> file, const std::string& name);

/// Writes `picture` by the ending of `path`: .png, .jpg, .jpeg or .pgm. The file is whole or
/// untouched.
void write(const std::filesystem::path& path, const Image& picture);
/// Reads a PNG, JPEG or PGM file -> [H,W,3] u8 RGB.
[[nodiscard]] Image read(const std::filesystem::path& path);

}  // namespace clew::image
