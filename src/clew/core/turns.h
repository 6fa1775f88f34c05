// SPDX-License-Identifier: Apache-2.0
// Sine and cosine of headings, bit-identical on every machine and compiler: no libm, no fused
// multiply-add.
#pragma once

#include <cstdint>

namespace clew {

/// A unit vector: x = cos, y = sin. Exact at the four compass headings.
struct Direction {
  float x = 1, y = 0;
};

/// Direction of a heading, a full turn being 2^16: 0 is (1, 0), 2^14 is (0, 1). Error at most half
/// an ulp of
/// 1. Not inline, so that the caller's compiler flags cannot change its arithmetic.
Direction direction_of(std::uint16_t heading);

}  // namespace clew
