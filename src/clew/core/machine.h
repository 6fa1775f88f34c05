// SPDX-License-Identifier: Apache-2.0
// Description of machine and build, for measurements. Without LibTorch.
#pragma once

#include <string>

namespace clew {

struct Machine {
  std::string cpu;              // "AMD EPYC 9B45"; "unknown" where the system does not say
  std::string instruction_set;  // Highway's best for this CPU: "AVX3", "AVX2", "NEON", ...
  bool has_avx512 = false;
  bool has_bf16_dot = false;  // avx512_bf16: dot products of bfloat16 with float sums
  int cores = 1;              // logical cores of the machine
  int usable_cores =
      1;  // available to this process: affinity and, rounded up, the container's quota
  double memory_gib = 0;
  std::string system;        // "Linux 6.1.0-18-amd64"
  std::string compiler;      // "g++ 12.2.0"
  bool is_optimised = true;  // built with NDEBUG
};

/// Queries the system. Does not throw; unknown fields keep their defaults.
Machine this_machine();

}  // namespace clew
