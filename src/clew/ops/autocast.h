// SPDX-License-Identifier: Apache-2.0
// Mixed precision for networks made of LibTorch's own operators: while an Autocast lives, products
// and convolutions of the calling thread round their operands to bf16 and LibTorch's numerically
// delicate operators stay in f32. Weights, their gradients and the optimiser are f32 throughout.
#pragma once

#include <c10/core/ScalarType.h>

#include "clew/ops/precision.h"

namespace clew::ops {

/// True while products of the calling thread round their operands.
bool is_autocast();

/// For the forward pass; backward runs outside and follows what forward did. kFp32 turns it off for
/// a part of a network that must be exact. They nest, and each gives back what it found.
class Autocast {
 public:
  explicit Autocast(Precision precision);
  ~Autocast();
  Autocast(const Autocast&) = delete;
  Autocast& operator=(const Autocast&) = delete;

 private:
  bool was_enabled_, was_cached_;
  c10::ScalarType type_;
};

}  // namespace clew::ops
