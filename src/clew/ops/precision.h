// SPDX-License-Identifier: Apache-2.0
// Precision of a network's products. Weights, gradients and sums are f32 in either case.
#pragma once

#include <array>
#include <cstdint>

#include "clew/core/names.h"

namespace clew::ops {

enum class Precision : std::uint8_t {
  kFp32,
  kBf16,  // operands of products rounded to bf16, where the CPU multiplies bf16; elsewhere the same
          // as kFp32
};
constexpr auto names(Precision) {
  return std::to_array<Named<Precision>>({{Precision::kFp32, "fp32"}, {Precision::kBf16, "bf16"}});
}

/// A precision as a recipe has it.
enum class PrecisionChoice : std::uint8_t {
  kAuto,  // the faster one on this machine
  kFp32,
  kBf16,
};
constexpr auto names(PrecisionChoice) {
  return std::to_array<Named<PrecisionChoice>>({{PrecisionChoice::kAuto, "auto"},
                                                {PrecisionChoice::kFp32, "fp32"},
                                                {PrecisionChoice::kBf16, "bf16"}});
}

/// Whose products a precision is for: on some CPUs bf16 is faster in one and slower in the other.
enum class Products : std::uint8_t {
  kKernels,   // of this module's encoder, LSTM and linear layer: the navigator's
  kLibTorch,  // LibTorch's convolutions and linear layers under an Autocast
};

/// The precision that `choice` is on this machine.
Precision chosen_precision(PrecisionChoice choice, Products products);

/// A choice that means the same everywhere, of what `choice` is on this CPU: kFp32 or kBf16. A run's
/// config holds it, so that it goes on alike on another machine.
PrecisionChoice resolve_precision(PrecisionChoice choice, Products products);

/// True when this CPU has bf16 dot products (AVX-512 BF16), and for LibTorch's products when its
/// oneDNN makes use of them, too, which ONEDNN_MAX_CPU_ISA may forbid. Tried once.
bool has_bf16(Products products);

/// Rates of one thread in GFLOP/s; bf16 is 0 where the CPU has none.
struct PrecisionRates {
  double fp32 = 0, bf16 = 0;
};

/// bf16 where it is at least a twentieth faster.
Precision faster(const PrecisionRates& rates);

/// Products of those shapes in both precisions, for at most 25 ms in all. Blocks.
PrecisionRates measure_precisions(Products products);

/// The same, measured once for a machine and a version: kept in the cache folder, so that noise does
/// not change the answer from run to run, and in the process. Where nothing can be kept it is
/// measured once a process.
PrecisionRates precision_rates(Products products);

}  // namespace clew::ops
