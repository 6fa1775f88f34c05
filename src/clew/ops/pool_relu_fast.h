// SPDX-License-Identifier: Apache-2.0
// Rows of max pooling with ReLU, by vectors over the channels, which are last in memory. Private to
// the module.
#pragma once

#include <cstdint>

namespace clew::ops {

/// The number of the pixel in its 2x2, row by row, that a pooled one is; kNone where ReLU gave zero.
inline constexpr std::uint8_t kNone = 4;

/// One row of pooled pixels from two rows of pixels; numbers are f32, or the bits of bf16.
/// top, bottom [2*width,channels] -> pooled, chosen [width,channels].
void pool_row(const float* top, const float* bottom, std::int64_t width, std::int64_t channels,
              float* pooled, std::uint8_t* chosen);
void pool_row(const std::uint16_t* top, const std::uint16_t* bottom, std::int64_t width,
              std::int64_t channels, std::uint16_t* pooled, std::uint8_t* chosen);
/// up, chosen [width,channels] -> top, bottom [2*width,channels], which it overwrites.
void spread_row(const float* up, const std::uint8_t* chosen, std::int64_t width,
                std::int64_t channels, float* top, float* bottom);
void spread_row(const std::uint16_t* up, const std::uint8_t* chosen, std::int64_t width,
                std::int64_t channels, std::uint16_t* top, std::uint16_t* bottom);

}  // namespace clew::ops
