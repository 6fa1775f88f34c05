// SPDX-License-Identifier: Apache-2.0
// Random numbers and directions without libm, so that they are the same on every machine. Private
// to the module.
#pragma once

#include <cstdint>
#include <utility>
#include <vector>

#include "clew/core/key.h"
#include "clew/core/turns.h"

namespace clew::data {

/// Uniform in [low, high).
inline float between(Stream& stream, float low, float high) {
  return low + (high - low) * stream.uniform();
}

/// Approximately standard normal: sum of twelve uniform numbers minus 6, within [-6, 6].
inline float normal(Stream& stream) {
  float sum = -6;
  for (int i = 0; i < 12; ++i) sum += stream.uniform();
  return sum;
}

/// Fisher-Yates shuffle of at most 2^32 - 1 items.
template <class T>
void shuffle(std::vector<T>& items, Stream stream) {
  for (std::size_t i = items.size(); i > 1; --i)
    std::swap(items[i - 1], items[stream.below(static_cast<std::uint32_t>(i))]);
}

/// Cosine (x) and sine (y) of an angle in turns, |turns| < 1000.
inline Direction direction_of_turns(float turns) {
  return direction_of(static_cast<std::uint16_t>(static_cast<std::int32_t>(turns * 65536)));
}

}  // namespace clew::data
