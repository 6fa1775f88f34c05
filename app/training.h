// SPDX-License-Identifier: Apache-2.0
// Progress line of a training with rate and time left, and clean stop.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <string>

#include "clew/train/loop.h"
#include "progress.h"

namespace clew::app {

/// Scope of a training: shows its progress line, turns Ctrl-C into a clean stop.
class TrainingLine {
 public:
  /// `details`: end of the line, from the last metrics.
  TrainingLine(std::int64_t steps, std::function<std::string(const runs::MetricsLine&)> details);

  /// References this object.
  train::RunCallbacks callbacks();

 private:
  void show(bool is_milestone);

  std::int64_t total_;
  std::function<std::string(const runs::MetricsLine&)> details_;
  ProgressLine line_;
  train::Progress last_;
  std::string pass_;  // progress of a pass over a data set, or empty
  InterruptWatch watch_;
};

/// Message after a requested stop.
void say_how_to_go_on(const std::filesystem::path& run);

/// Head of a run's config: version, revision, machine.
std::string about_this_program();

}  // namespace clew::app
