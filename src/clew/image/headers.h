// SPDX-License-Identifier: Apache-2.0
// Kinds of picture files, whether one is whole, from the lengths and checksums written in it, and how
// large a picture it claims. Without OpenCV, whose libraries print what they think of damaged files, so
// they are refused before it sees them. Only PNG has checksums: damage in others that can still be
// decoded passes.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

namespace clew::image {

enum class FileKind { kPng, kJpeg, kPnm, kBmp, kTiff, kWebp, kOther };
/// By its first bytes.
[[nodiscard]] FileKind kind_of(std::span<const std::uint8_t> file);

/// A PNG as far as its pixels go: no profiles, texts and times.
struct PlainPng {
  std::vector<std::uint8_t> file;
  bool has_alpha = false;  // or a colour that is transparent
  int orientation = 1;     // 1 to 8, as EXIF has it
};
/// A PNG file that ends before its last chunk, with a wrong checksum, with sides or more pixels than
/// a picture can have: clew::Error beginning with `name`.
[[nodiscard]] PlainPng check_png(std::span<const std::uint8_t> file, const std::string& name);
/// The same of a JPEG file that ends before the data of a scan; a thumbnail's end is none. False: it
/// ends in or behind that data, without an end marker.
[[nodiscard]] bool check_jpeg(std::span<const std::uint8_t> file, const std::string& name);
/// The same of BMP, TIFF (its first picture) and WebP files that end before their data.
void check_bmp(std::span<const std::uint8_t> file, const std::string& name);
void check_tiff(std::span<const std::uint8_t> file, const std::string& name);
void check_webp(std::span<const std::uint8_t> file, const std::string& name);

}  // namespace clew::image
