// SPDX-License-Identifier: Apache-2.0
#include "clew/core/turns.h"

#include <gtest/gtest.h>

#include <cmath>
#include <cstring>

namespace clew {
namespace turns_test {

TEST(Turns, EveryHeadingIsWithinHalfAnUlpOfOne) {
  for (int h = 0; h < 65536; ++h) {
    const Direction d = direction_of(static_cast<std::uint16_t>(h));
    const double a = h * (2 * 3.14159265358979323846 / 65536);
    ASSERT_NEAR(d.x, std::cos(a), 6.0e-8) << h;
    ASSERT_NEAR(d.y, std::sin(a), 6.0e-8) << h;
  }
}

TEST(Turns, CompassHeadingsAreExactAndWithoutNegativeZero) {
  const float wanted[4][2] = {{1, 0}, {0, 1}, {-1, 0}, {0, -1}};
  for (int q = 0; q < 4; ++q) {
    const Direction d = direction_of(static_cast<std::uint16_t>(q << 14));
    EXPECT_EQ(std::memcmp(&d, wanted[q], sizeof d), 0) << q;
  }
}

// The bits themselves: a compiler, flag or machine that changes them changes every golden frame.
TEST(Turns, BitsArePinned) {
  std::uint64_t sum = 0;
  for (int h = 0; h < 65536; ++h) {
    const Direction d = direction_of(static_cast<std::uint16_t>(h));
    std::uint32_t x = 0, y = 0;
    std::memcpy(&x, &d.x, 4);
    std::memcpy(&y, &d.y, 4);
    sum = sum * 0x9e3779b97f4a7c15ULL + x;
    sum = sum * 0x9e3779b97f4a7c15ULL + y;
  }
  EXPECT_EQ(sum, 10667870388339116768ULL);
}

}  // namespace turns_test
}  // namespace clew
