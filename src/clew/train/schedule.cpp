// SPDX-License-Identifier: Apache-2.0
#include "clew/train/schedule.h"

#include <algorithm>
#include <cmath>
#include <numbers>

#include "clew/core/error.h"

namespace clew::train {

void ScheduleConfig::fields(Fields& v) {
  v("lr", lr, {.min = 0, .max = 100, .help = "learning rate after the warm-up"});
  v("lr_end", lr_end,
    {.min = 0, .max = 100, .help = "learning rate at the end (linear, cosine), lowest (step)"});
  v("schedule", schedule, {.help = "how the learning rate moves"});
  v("warmup", warmup, {.min = 0, .help = "steps in which the learning rate climbs at first"});
  v("step_every", step_every, {.min = 1, .help = "steps between changes of the rate (step)"});
  v("step_at", step_at, {.min = 1, .help = "steps at which it changes, too, such as [120, 160]"});
  v("step_factor", step_factor, {.min = 0, .max = 1, .help = "factor of such a change"});
}

void check_schedule(const ScheduleConfig& config) {
  if (config.schedule != ScheduleKind::kStep || config.lr_end <= config.lr) return;
  throw UsageError(
      concat("train.lr_end, below which train.schedule = step does not go, must be at most "
             "train.lr (",
             config.lr, "), got ", config.lr_end));
}

double Schedule::at(std::int64_t step) const {
  const auto& [lr, lr_end, kind, warmup, step_every, step_factor, step_at] = config;
  if (step < warmup) return lr * static_cast<double>(step + 1) / static_cast<double>(warmup);
  const auto done = static_cast<double>(step - warmup);
  const auto whole = static_cast<double>(std::max<std::int64_t>(1, steps - warmup));
  const double share = std::min(1.0, done / whole);
  switch (kind) {
    case ScheduleKind::kConstant:
      return lr;
    case ScheduleKind::kLinear:
      return lr + (lr_end - lr) * share;
    case ScheduleKind::kCosine:
      return lr_end + (lr - lr_end) * 0.5 * (1 + std::cos(std::numbers::pi * share));
    case ScheduleKind::kStep:
      return std::max(
          lr_end,
          lr * std::pow(step_factor,
                        static_cast<double>((step - warmup) / step_every +
                                            std::ranges::count_if(step_at, [&](std::int64_t one) {
                                              return one <= step;
                                            }))));
  }
  return lr;
}

}  // namespace clew::train
