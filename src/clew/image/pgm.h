// SPDX-License-Identifier: Apache-2.0
// PGM and PPM files: binary (P5, P6) and text (P2, P3). Without OpenCV, for fuzzing; callers use
// files.h.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "clew/image/image.h"

namespace clew::image {

/// PGM -> [H,W,1] u8, PPM -> [H,W,3] u8, rescaled to a maximum of 255. Trailing bytes are ignored,
/// as by the format. Malformed: clew::Error beginning with `name`.
[[nodiscard]] Image parse_pgm(std::span<const std::uint8_t> file, const std::string& name);
/// Binary PGM of a grey picture.
[[nodiscard]] std::vector<std::uint8_t> format_pgm(const Image& picture);

}  // namespace clew::image
