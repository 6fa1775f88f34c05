// SPDX-License-Identifier: Apache-2.0
// For tests: kernels by Highway on instruction sets older than the machine's. Not installed.
#pragma once

#include <hwy/targets.h>

#include <cstdint>

namespace clew {

/// All of the machine's, then those of older ones.
inline constexpr std::int64_t kInstructionSets[] = {
    0, HWY_AVX3 | HWY_AVX2 | HWY_STATIC_TARGET, HWY_AVX2 | HWY_STATIC_TARGET, HWY_STATIC_TARGET};

/// Only these are used in its scope; 0: all.
class OnlyInstructionSets {
 public:
  explicit OnlyInstructionSets(std::int64_t targets) {
    use(targets == 0 ? 0 : targets & hwy::SupportedTargets());
  }
  ~OnlyInstructionSets() { use(0); }
  OnlyInstructionSets(const OnlyInstructionSets&) = delete;
  OnlyInstructionSets& operator=(const OnlyInstructionSets&) = delete;

 private:
  static void use(std::int64_t targets) {
    hwy::SetSupportedTargetsForTest(targets);
    hwy::GetChosenTarget().Update(hwy::SupportedTargets());
  }
};

}  // namespace clew
