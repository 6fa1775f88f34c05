// SPDX-License-Identifier: Apache-2.0
// Pixels in and out of PNG and JPEG, in memory and on disk. Not video, not resizing, not
// augmentation.
#pragma once

#include <cstdint>
#include <filesystem>
#include <span>
#include <string>
#include <vector>

namespace clew::image {

/// One picture. Invariant where a function takes one: pixels.size() == height * width * channels.
struct Image {
  int width = 0, height = 0;         // pixels, 1..65535 each
  int channels = 3;                  // 3 = RGB, 1 = grey
  std::vector<std::uint8_t> pixels;  // [height,width,channels] u8, row-major
};

enum class Format { kPng, kJpeg };

struct EncodeOptions {
  Format format = Format::kPng;
  int quality = 90;  // JPEG only, 1..100
};

/// The file of `picture` as bytes. PNG keeps every pixel, JPEG does not.
[[nodiscard]] std::vector<std::uint8_t> encode(const Image& picture, EncodeOptions options = {});
/// A PNG or JPEG file in memory -> [H,W,3] u8 RGB (alpha dropped, grey repeated). `name` is for the
/// error text.
[[nodiscard]] Image decode(std::span<const std::uint8_t> file, const std::string& name);

/// Writes `picture` by the ending of `path`: .png, .jpg or .jpeg. The file is whole or untouched.
void write(const std::filesystem::path& path, const Image& picture);
/// Reads a PNG or JPEG file -> [H,W,3] u8 RGB.
[[nodiscard]] Image read(const std::filesystem::path& path);

}  // namespace clew::image
