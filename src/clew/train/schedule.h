// SPDX-License-Identifier: Apache-2.0
// Learning rate schedules. Functions of the step alone: no state to save.
#pragma once

#include <array>
#include <cstdint>
#include <vector>

#include "clew/core/config.h"

namespace clew::train {

enum class ScheduleKind : std::uint8_t {
  kConstant,
  kLinear,  // straight from lr to lr_end
  kCosine,  // half a cosine from lr to lr_end: Loshchilov and Hutter 2016, eq. 5
  kStep,    // times step_factor every step_every steps and at step_at, not below lr_end
};
constexpr auto names(ScheduleKind) {
  using enum ScheduleKind;
  return std::to_array<Named<ScheduleKind>>(
      {{kConstant, "constant"}, {kLinear, "linear"}, {kCosine, "cosine"}, {kStep, "step"}});
}

/// Learning rate keys of both trainers. Steps are agent steps or optimiser steps (Learner::steps).
struct ScheduleConfig {
  double lr = 1e-3, lr_end = 0;
  ScheduleKind schedule = ScheduleKind::kCosine;
  std::int64_t warmup = 0;                  // steps of linear warm-up, from lr / warmup
  std::int64_t step_every = 1'000'000'000;  // kStep
  double step_factor = 0.1;                 // kStep
  std::vector<std::int64_t> step_at{};      // kStep

  void fields(Fields& v);
};

/// lr_end above lr with kStep: UsageError.
void check_schedule(const ScheduleConfig& config);

struct Schedule {
  ScheduleConfig config;
  std::int64_t steps = 1;  // of the whole training

  /// Learning rate of step `step`, from 0.
  double at(std::int64_t step) const;
};

}  // namespace clew::train
