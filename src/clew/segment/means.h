// SPDX-License-Identifier: Apache-2.0
// Shares of pixels and their means over classes. Not installed.
#pragma once

#include <cmath>
#include <cstdint>
#include <limits>

namespace clew::segment {

/// NaN of nothing.
inline double ratio(std::int64_t part, std::int64_t whole) {
  return whole == 0 ? std::numeric_limits<double>::quiet_NaN()
                    : static_cast<double>(part) / static_cast<double>(whole);
}

/// Mean of the values that are numbers; NaN without any.
template <class Value>
double mean_of(std::int64_t count, Value value) {
  double sum = 0, numbers = 0;
  for (std::int64_t i = 0; i < count; ++i) {
    const double one = value(i);
    if (std::isnan(one)) continue;
    sum += one;
    ++numbers;
  }
  return numbers == 0 ? std::numeric_limits<double>::quiet_NaN() : sum / numbers;
}

}  // namespace clew::segment
