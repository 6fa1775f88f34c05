// SPDX-License-Identifier: Apache-2.0
// Vectorised cross-entropy. Private to the module.
#pragma once

#include <cstddef>
#include <cstdint>

namespace clew::ops {

/// Maximal number of rows per call.
inline constexpr std::size_t kCrossEntropyRows = 512;

/// logits [rows,count], classes [rows] in [0,count) -> sum over rows of -log
/// softmax(logits)[class]; gradient [rows,count]: its gradient times `scale`.
double cross_entropy_rows(const float* logits, const std::int64_t* classes, std::size_t rows,
                          std::size_t count, float scale, float* gradient);

}  // namespace clew::ops
