// SPDX-License-Identifier: Apache-2.0
#include "clew/core/turns.h"

namespace clew {

Direction direction_of(std::uint16_t heading) {
  // Nearest quarter turn, and the remainder: at most an eighth of a turn either way.
  const std::uint32_t quarter = (heading + 0x2000U) >> 14 & 3U;
  const auto rest = static_cast<std::int16_t>(heading - (quarter << 14));
  const double a = rest * (3.14159265358979323846 / 32768.0);
  const double a2 = a * a;
  // Taylor series; at pi/4 the first omitted term is below 3e-10, far below float rounding.
  const double sine =
      a * (1 - a2 / 6 * (1 - a2 / 20 * (1 - a2 / 42 * (1 - a2 / 72 * (1 - a2 / 110)))));
  const double cosine = 1 - a2 / 2 * (1 - a2 / 12 * (1 - a2 / 30 * (1 - a2 / 56 * (1 - a2 / 90))));
  const auto s = static_cast<float>(sine), c = static_cast<float>(cosine);
  switch (quarter) {
    case 0:
      return {c, s};
    case 1:
      return {0.0F - s, c};
    case 2:
      return {0.0F - c, 0.0F - s};
    default:
      return {s, 0.0F - c};
  }
}

}  // namespace clew
