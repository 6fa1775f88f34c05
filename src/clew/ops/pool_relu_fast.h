// SPDX-License-Identifier: Apache-2.0
// Max pooling with ReLU, vectorised over channels, which are last in memory. Private to the module.
#pragma once

#include <cstdint>

namespace clew::ops {

/// Row-major index of the maximum in its 2x2 window; kNone where ReLU is zero.
inline constexpr std::uint8_t kNone = 4;

/// One output row: top, bottom [2*width,channels] f32, or bf16 bits -> pooled, chosen
/// [width,channels].
void pool_row(const float* top, const float* bottom, std::int64_t width, std::int64_t channels,
              float* pooled, std::uint8_t* chosen);
void pool_row(const std::uint16_t* top, const std::uint16_t* bottom, std::int64_t width,
              std::int64_t channels, std::uint16_t* pooled, std::uint8_t* chosen);
/// Backward: up, chosen [width,channels] -> top, bottom [2*width,channels], overwritten.
void spread_row(const float* up, const std::uint8_t* chosen, std::int64_t width,
                std::int64_t channels, float* top, float* bottom);
void spread_row(const std::uint16_t* up, const std::uint8_t* chosen, std::int64_t width,
                std::int64_t channels, std::uint16_t* top, std::uint16_t* bottom);

}  // namespace clew::ops
