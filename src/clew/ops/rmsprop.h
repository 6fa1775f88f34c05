// SPDX-License-Identifier: Apache-2.0
// RMSProp's step in one pass instead of nine with LibTorch's operators. Private to the library.
#pragma once

#include <cstddef>

namespace clew::ops {

struct RmspropStep {
  float decay, square_correction, eps, momentum, lr;
};

/// For each of `count` numbers: square <- decay square + (1 - decay) g^2;
/// mean <- momentum mean + g / sqrt(square / square_correction + eps); value <- value - lr mean,
/// with lr times lr_factors where given.
void rmsprop_step(const RmspropStep& step, const float* gradients, const float* lr_factors,
                  std::size_t count, float* square, float* mean, float* values);

}  // namespace clew::ops
