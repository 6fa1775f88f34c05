// SPDX-License-Identifier: Apache-2.0
// Sine and cosine of headings, the same bits on every machine and compiler: no libm, no fused
// multiply-add.
#pragma once

#include <cstdint>

namespace clew {

/// A unit vector: x = cos, y = sin. At the four compass headings it is exact.
struct Direction {
  float x = 1, y = 0;
};

/// The direction of a heading in turns of 2^16: 0 is (1, 0), 2^14 is (0, 1). Within half an ulp of
/// 1 of the truth. Not inline, so that no caller's compiler flags can change its arithmetic.
Direction direction_of(std::uint16_t heading);

}  // namespace clew
