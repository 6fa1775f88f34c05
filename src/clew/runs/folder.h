// SPDX-License-Identifier: Apache-2.0
// Layout of a run folder, its config, log and lock. Checkpoints: train/run_folder.h.
//
//   RUN/config.toml            the resolved recipe; `clew train --config RUN/config.toml` repeats the run
//   RUN/run.json               title, notes and plots of its metrics (about.h)
//   RUN/metrics.jsonl          one line per train.log_steps (metrics.h)
//   RUN/events.out.tfevents.*  the same for TensorBoard
//   RUN/checkpoints/           step_<steps>.safetensors, the last two; optional best and frozen.safetensors
//   RUN/log.txt                human-readable log
//   RUN/pictures/ gallery.json pictures of the training (gallery.h)
//   RUN/eval.json              the last evaluation (evaluation.h);  RUN/report.html by `clew report`
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>

#include "clew/core/files.h"

namespace clew::runs {

/// Creates root/recipe/<UTC time>/checkpoints and returns root/recipe/<UTC time>.
std::filesystem::path create_run_folder(const std::filesystem::path& root,
                                        const std::string& recipe);
/// Writes config.toml: `about` (version, revision, machine) as comment lines, then the config.
void write_run_config(const std::filesystem::path& run, std::string_view about,
                      std::string_view config_toml);
/// Text of config.toml. Not a run folder: clew::Error.
std::string read_config(const std::filesystem::path& run);
/// The same without leading comment lines, as stored in checkpoints.
std::string config_without_head(std::string_view text);

/// `steps` in twelve digits, so that file names sort by step.
std::string step_digits(std::int64_t steps);

/// Removes partial files of killed writers anywhere in the folder.
void remove_parts(const std::filesystem::path& run);

/// Appends a line with a timestamp to RUN/log.txt.
void write_log(const std::filesystem::path& run, const std::string& line);

/// Lock of a run in training; taken already: clew::Error. It locks the folder, so that files in it
/// may be replaced.
class RunLock {
 public:
  explicit RunLock(const std::filesystem::path& run);

 private:
  PathLock lock_;
};

}  // namespace clew::runs
