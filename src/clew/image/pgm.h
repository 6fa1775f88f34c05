// SPDX-License-Identifier: Apache-2.0
// PGM and PPM files, the grey and the colour format of old data sets: binary (P5, P6) and text (P2,
// P3). Without OpenCV, so that they can be fuzzed; callers use files.h.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "clew/image/image.h"

namespace clew::image {

/// A PGM file -> [H,W,1] u8, a PPM file -> [H,W,3] u8; other maxima than 255 are brought to it. Bytes
/// after the last pixel are ignored, as the format has it. Anything else: clew::Error beginning with
/// `name`.
[[nodiscard]] Image parse_pgm(std::span<const std::uint8_t> file, const std::string& name);
/// A grey picture as binary PGM.
[[nodiscard]] std::vector<std::uint8_t> format_pgm(const Image& picture);

}  // namespace clew::image
