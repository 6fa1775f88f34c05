// SPDX-License-Identifier: Apache-2.0
// Check of a JPEG's compressed data, by libjpeg, where the headers (headers.h) are not conclusive.
// Private to the module.
#pragma once

#include <cstdint>
#include <span>

namespace clew::image {

/// True if every scan and every bit of the coefficients is complete and undamaged. `file` must end
/// with an end marker, possibly appended by the caller.
[[nodiscard]] bool jpeg_has_all_data(std::span<const std::uint8_t> file);

}  // namespace clew::image
