// SPDX-License-Identifier: Apache-2.0
// Mixed precision for LibTorch's operators: within an Autocast, products and convolutions of the
// calling thread round their operands to bf16, and numerically sensitive operators stay in f32.
// Weights, gradients and optimiser are f32.
#pragma once

#include <c10/core/ScalarType.h>

#include "clew/ops/precision.h"

namespace clew::ops {

/// True within an Autocast of kBf16 in the calling thread.
bool is_autocast();

/// Scope guard for the forward pass; backward follows forward's types and runs outside. kFp32 turns
/// it off for a part of a network. May be nested; restores the previous state.
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
