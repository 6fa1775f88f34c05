// SPDX-License-Identifier: Apache-2.0
#include "training.h"

#include <cmath>
#include <thread>
#include <utility>

#include "build_info.h"
#include "clew/core/error.h"
#include "clew/maze/render.h"
#include "terminal.h"

namespace clew::app {

TrainingLine::TrainingLine(std::int64_t steps,
                           std::function<std::string(const runs::MetricsLine&)> details)
    : total_(steps), details_(std::move(details)) {}

void TrainingLine::show(bool is_milestone) {
  line_.show(
      concat(count_text(static_cast<double>(last_.steps)), " of ",
             count_text(static_cast<double>(total_)), " steps  ",
             count_text(last_.steps_per_second), "/s  left ", duration_text(last_.seconds_left),
             pass_, last_.line.metrics.empty() ? "" : details_(last_.line)),
      is_milestone);
}

train::RunCallbacks TrainingLine::callbacks() {
  return {.on_log =
              [this](const train::Progress& progress) {
                last_ = progress;
                show(true);
              },
          .on_update =
              [this](std::int64_t steps, double steps_per_second, double seconds_left) {
                last_.steps = steps;
                last_.steps_per_second = steps_per_second;
                last_.seconds_left = seconds_left;
                show(false);
              },
          .on_pass =
              [this](std::string_view name, double share) {
                pass_ = share < 1 ? concat("  ", name, " ", std::lround(100 * share), " %") : "";
                show(false);
              },
          .should_stop = [this] { return watch_.was_interrupted(); }};
}

void say_how_to_go_on(const std::filesystem::path& run) {
  say(concat("stopped; `clew train ", run.string(), " --resume` goes on"));
}

std::string about_this_program() {
  return concat("clew ", kVersion, " (", kRevision, "), ", std::thread::hardware_concurrency(),
                " cores, ", maze::simd_target_name());
}

}  // namespace clew::app
