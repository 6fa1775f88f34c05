// SPDX-License-Identifier: Apache-2.0
#include "clew/train/schedule.h"

#include <algorithm>
#include <cmath>
#include <numbers>

#include "clew/core/config.h"
#include "clew/core/error.h"

namespace clew::train {

ScheduleKind parse_schedule(const std::string& name) {
  if (name == "constant") return ScheduleKind::kConstant;
  if (name == "linear") return ScheduleKind::kLinear;
  if (name == "cosine") return ScheduleKind::kCosine;
  if (name == "step") return ScheduleKind::kStep;
  throw UsageError(concat("schedule must be constant, linear, cosine or step, got '", name, "'",
                          did_you_mean(name, {"constant", "linear", "cosine", "step"})));
}

double Schedule::at(std::int64_t step) const {
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
          lr_end, lr * std::pow(step_factor, static_cast<double>((step - warmup) / step_every)));
  }
  return lr;
}

}  // namespace clew::train
