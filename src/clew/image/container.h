// SPDX-License-Identifier: Apache-2.0
// Whether a video file is whole, from the lengths written in it. Without OpenCV, which prints what
// it thinks of damaged files past every log level, so they are refused before it sees them.
#pragma once

#include <cstdint>
#include <istream>

namespace clew::image {

enum class Container { kWhole, kCutShort, kUnknown };

/// Looks at the headers of an AVI or MP4 file of `size` bytes; of WebM at its first four bytes.
/// kUnknown: none of these.
[[nodiscard]] Container look_at_container(std::istream& file, std::uint64_t size);

}  // namespace clew::image
