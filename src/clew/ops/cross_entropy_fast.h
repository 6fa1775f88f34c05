// SPDX-License-Identifier: Apache-2.0
// Rows of cross-entropy by vectors. Private to the module.
#pragma once

#include <cstddef>
#include <cstdint>

namespace clew::ops {

/// Rows that one call takes at most.
inline constexpr std::size_t kCrossEntropyRows = 512;

/// logits [rows,count], classes [rows] of 0..count-1 -> the sum over rows of
/// -log softmax(logits)[class]; gradient [rows,count] becomes that sum's, times `scale`.
double cross_entropy_rows(const float* logits, const std::int64_t* classes, std::size_t rows,
                          std::size_t count, float scale, float* gradient);

}  // namespace clew::ops
