// SPDX-License-Identifier: Apache-2.0
// How the learning rate moves over a training. A function of the step alone, so there is nothing to
// save.
#pragma once

#include <cstdint>
#include <string>

namespace clew::train {

enum class ScheduleKind : std::uint8_t {
  kConstant,
  kLinear,  // straight from lr to lr_end
  kCosine,  // half a cosine from lr to lr_end: Loshchilov and Hutter 2016, eq. 5
  kStep,    // times step_factor every step_every steps, not below lr_end
};
/// "constant", "linear", "cosine", "step"; clew::UsageError for other names.
ScheduleKind parse_schedule(const std::string& name);

struct Schedule {
  ScheduleKind kind = ScheduleKind::kConstant;
  double lr = 0.1, lr_end = 0;
  std::int64_t warmup = 0;      // steps of a straight climb from lr / warmup, before all else
  std::int64_t steps = 1;       // of the whole training
  std::int64_t step_every = 1;  // kStep
  double step_factor = 0.1;     // kStep

  /// The learning rate of step `step`, from 0.
  double at(std::int64_t step) const;
};

}  // namespace clew::train
