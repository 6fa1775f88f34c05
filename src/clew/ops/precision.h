// SPDX-License-Identifier: Apache-2.0
// In which numbers a network multiplies. Weights, gradients and sums are f32 in either case.
#pragma once

#include <cstdint>
#include <string>

namespace clew::ops {

enum class Precision : std::uint8_t {
  kFp32,
  kBf16,  // operands of products rounded to bf16, where the CPU multiplies bf16; elsewhere the same
          // as kFp32
};

/// What a name in a recipe stands for: fp32, bf16, or auto, which is bf16 where the CPU has it.
/// Another one: clew::Error.
Precision parse_precision(const std::string& name);

/// A name that means the same everywhere, of what `name` is on this CPU: "fp32" or "bf16". A run's
/// config holds it, so that it goes on alike on another machine. Unknown: clew::Error.
std::string resolve_precision(const std::string& name);

/// Whether this CPU has bf16 dot products (AVX-512 BF16).
bool has_bf16();

}  // namespace clew::ops
