// SPDX-License-Identifier: Apache-2.0
// Truncation check of video files, by the lengths in their headers. Without OpenCV, which prints
// about damaged files at any log level, so they are refused before it sees them.
#pragma once

#include <cstdint>
#include <istream>

namespace clew::image {

enum class Container { kWhole, kCutShort, kUnknown };

/// Checks the headers of an AVI or MP4 file of `size` bytes; of WebM, the first four bytes.
/// kUnknown: none of these.
[[nodiscard]] Container look_at_container(std::istream& file, std::uint64_t size);

}  // namespace clew::image
