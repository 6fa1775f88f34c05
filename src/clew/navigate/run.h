// SPDX-License-Identifier: Apache-2.0
// A training run on disk: the folder of one run, the loop that fills it, stopping and resuming.
//
//   RUN/config.toml            the resolved recipe; `clew train --config RUN/config.toml` repeats the run
//   RUN/level.toml             the level, where it is not a built-in one
//   RUN/metrics.jsonl          a line every train.log_steps (train/metrics.h)
//   RUN/events.out.tfevents.*  the same for TensorBoard
//   RUN/checkpoints/           step_<agent steps>.safetensors, the last two
//   RUN/log.txt                what happened when, for people
//   RUN/eval.json trace.json   written by `clew eval`;  RUN/report.html by `clew report`
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <string>

#include "clew/navigate/config.h"
#include "clew/navigate/trainer.h"

namespace clew::navigate {

/// Refuses what would fail only after a run folder was made: a level that does not load, an unknown agent, fewer
/// worlds than workers. UsageError or clew::Error.
void check_config(const NavigateConfig& config);

/// Makes root/recipe/<UTC time>/ with config.toml in it and returns its path. `about` is written
/// above the config as comment lines (version, revision, machine). A level file is copied into the
/// folder, so that the run needs nothing else.
std::filesystem::path create_run(const std::filesystem::path& root, const std::string& recipe,
                                 const NavigateConfig& config, const std::string& about);
/// The config of a run folder, a level file's path made one inside it; clew::Error when it is not one.
NavigateConfig read_run(const std::filesystem::path& run);

/// The newest checkpoint that reads without error, its bytes and path; clew::Error naming the
/// folder when there is none. Damaged ones are skipped with a warning to the log.
struct Checkpoint {
  std::filesystem::path path;
  std::string bytes;
};
Checkpoint newest_checkpoint(const std::filesystem::path& run);

struct Progress {
  TrainStats stats;
  double seconds = 0;           // of training, over all sittings
  double steps_per_second = 0;  // since the last line
  double seconds_left = 0;
};
struct RunCallbacks {
  std::function<void(const Progress&)> on_log;  // after each metrics line
  std::function<void(std::int64_t steps, double steps_per_second, double seconds_left)>
      on_update;                      // often
  std::function<bool()> should_stop;  // asked after each update; true: checkpoint and return
};
enum class RunEnd : std::uint8_t { kFinished, kStopped };

/// Trains until train.steps or until told to stop; the last thing written is a checkpoint. With
/// `is_resumed`, goes on from the newest checkpoint, or from the start where the run was killed
/// before its first one, and ends with the same bytes as a run that was never stopped. A folder that
/// another process trains in: clew::Error.
RunEnd train_run(const std::filesystem::path& run, bool is_resumed, const RunCallbacks& callbacks);

}  // namespace clew::navigate
