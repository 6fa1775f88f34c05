// SPDX-License-Identifier: Apache-2.0
// Format detection of picture files, and checks of truncation, checksums and declared size. Without
// OpenCV, whose libraries print about damaged files, so they are refused before it sees them. Only
// PNG has checksums: damage in others that can still be decoded passes.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

namespace clew::image {

enum class FileKind { kPng, kJpeg, kPnm, kBmp, kTiff, kWebp, kOther };
/// Format by magic bytes.
[[nodiscard]] FileKind kind_of(std::span<const std::uint8_t> file);

/// A PNG with its pixel chunks only: no profiles, texts and times.
struct PlainPng {
  std::vector<std::uint8_t> file;
  bool has_alpha = false;  // or a transparent colour
  int orientation = 1;     // EXIF, 1 to 8
};
/// A truncated PNG, a wrong checksum, too large sides, too many pixels: clew::Error beginning with
/// `name`.
[[nodiscard]] PlainPng check_png(std::span<const std::uint8_t> file, const std::string& name);
/// The same for a JPEG that ends before a scan's data (not counting a thumbnail). False: it ends in
/// or after that data, without an end marker.
[[nodiscard]] bool check_jpeg(std::span<const std::uint8_t> file, const std::string& name);
/// The same for BMP, TIFF (first picture) and WebP files that end before their data.
void check_bmp(std::span<const std::uint8_t> file, const std::string& name);
void check_tiff(std::span<const std::uint8_t> file, const std::string& name);
void check_webp(std::span<const std::uint8_t> file, const std::string& name);

/// Sides and EXIF orientation (1 to 8) of a JPEG or PNG, as they are stored, without checks of its
/// data.
struct HeaderSize {
  int width = 0, height = 0;
  int orientation = 1;
};
/// From the start of a file; nullopt: it ends before them, or is of another format.
[[nodiscard]] std::optional<HeaderSize> header_size(std::span<const std::uint8_t> start);

}  // namespace clew::image
