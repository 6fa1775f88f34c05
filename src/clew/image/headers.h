// SPDX-License-Identifier: Apache-2.0
// Whether a PNG or JPEG file is whole, from the lengths and checksums written in it, and how large a
// picture it claims. Without OpenCV, whose libraries print what they think of damaged files, so they
// are refused before it sees them. JPEG has no checksums: damage that can still be decoded passes.
#pragma once

#include <cstdint>
#include <span>
#include <string>

namespace clew::image {

[[nodiscard]] bool is_png(std::span<const std::uint8_t> file);
[[nodiscard]] bool is_jpeg(std::span<const std::uint8_t> file);
/// A PNG file that ends before its last chunk, with a wrong checksum, with sides or more pixels than
/// a picture can have: clew::Error beginning with `name`.
void check_png(std::span<const std::uint8_t> file, const std::string& name);
/// The same of a JPEG file that ends before the end of its picture; a thumbnail's end is none.
void check_jpeg(std::span<const std::uint8_t> file, const std::string& name);

}  // namespace clew::image
