// SPDX-License-Identifier: Apache-2.0
// Precision of matrix products and convolutions. Weights, gradients and sums are f32 in either
// case.
#pragma once

#include <array>
#include <cstdint>

#include "clew/core/names.h"

namespace clew::ops {

enum class Precision : std::uint8_t {
  kFp32,
  kBf16,  // operands rounded to bf16 where the CPU has bf16 products; else as kFp32
};
constexpr auto names(Precision) {
  return std::to_array<Named<Precision>>({{Precision::kFp32, "fp32"}, {Precision::kBf16, "bf16"}});
}

/// Recipe values.
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

/// Implementation of the products: on some CPUs bf16 is faster in one and slower in the other.
enum class Products : std::uint8_t {
  kKernels,   // of this module's encoder, LSTM and linear layer: the navigator's
  kLibTorch,  // LibTorch's convolutions and linear layers within an Autocast
};

/// Precision of `choice` on this machine.
Precision chosen_precision(PrecisionChoice choice, Products products);

/// `choice` resolved for this CPU to kFp32 or kBf16, for a run's config, so that it is the same on
/// another machine.
PrecisionChoice resolve_precision(PrecisionChoice choice, Products products);

/// True if this CPU has bf16 dot products (AVX-512 BF16) and, for LibTorch's products, its oneDNN
/// uses them (ONEDNN_MAX_CPU_ISA may forbid it). Tested once.
bool has_bf16(Products products);

/// GFLOP/s of one thread; bf16 is 0 if not supported.
struct PrecisionRates {
  double fp32 = 0, bf16 = 0;
};

/// bf16 if at least 5 % faster.
Precision faster(const PrecisionRates& rates);

/// Measures typical products in both precisions, for at most 25 ms in all. Blocks.
PrecisionRates measure_precisions(Products products);

/// Cached measurement, per machine and version in the cache folder, so that noise does not change
/// the choice from run to run, and in the process. Without a cache folder, measured once per
/// process.
PrecisionRates precision_rates(Products products);

}  // namespace clew::ops
