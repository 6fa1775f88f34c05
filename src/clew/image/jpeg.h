// SPDX-License-Identifier: Apache-2.0
// The compressed data of a JPEG, by libjpeg: only for files whose headers (headers.h) do not tell. Private to the
// module.
#pragma once

#include <cstdint>
#include <span>

namespace clew::image {

/// True when the data of every scan and every bit of the coefficients is there and nothing in it is
/// damaged. `file` ends with an end marker, which may be ours.
[[nodiscard]] bool jpeg_has_all_data(std::span<const std::uint8_t> file);

}  // namespace clew::image
