// SPDX-License-Identifier: Apache-2.0
// What every kind of training shows while it runs: the live line with rate and time left, and the clean stop.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <string>

#include "clew/train/loop.h"
#include "progress.h"

namespace clew::app {

/// Lives as long as a training: shows its line, turns Ctrl-C into a clean stop.
class TrainingLine {
 public:
  /// `details` turns what was last measured into the end of the line.
  TrainingLine(std::int64_t steps, std::function<std::string(const runs::MetricsLine&)> details);

  /// Point into this object.
  train::RunCallbacks callbacks();

 private:
  void show(bool is_milestone);

  std::int64_t total_;
  std::function<std::string(const runs::MetricsLine&)> details_;
  ProgressLine line_;
  train::Progress last_;
  std::string pass_;  // how far it is, or nothing
  InterruptWatch watch_;
};

/// After a training that was told to stop.
void say_how_to_go_on(const std::filesystem::path& run);

/// What is written above a run's config: version, revision, machine.
std::string about_this_program();

}  // namespace clew::app
