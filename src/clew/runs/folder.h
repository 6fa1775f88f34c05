// SPDX-License-Identifier: Apache-2.0
// Layout of a run folder, its config and log, and the lock of its writer. Checkpoints are
// train/run_folder.h's.
//
//   RUN/config.toml            the resolved recipe; `clew train --config RUN/config.toml` repeats the run
//   RUN/run.json               title, notes and plots of its metrics (about.h)
//   RUN/metrics.jsonl          a line every train.log_steps (metrics.h)
//   RUN/events.out.tfevents.*  the same for TensorBoard
//   RUN/checkpoints/           step_<steps>.safetensors, the last two; best.safetensors and frozen.safetensors where there are such
//   RUN/log.txt                what happened when, for people
//   RUN/pictures/ gallery.json what a network does while it learns (gallery.h)
//   RUN/eval.json              the last evaluation (evaluation.h);  RUN/report.html by `clew report`
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>

#include "clew/core/files.h"

namespace clew::runs {

/// Makes root/recipe/<UTC time>/checkpoints and returns root/recipe/<UTC time>.
std::filesystem::path create_run_folder(const std::filesystem::path& root,
                                        const std::string& recipe);
/// Writes config.toml: `about` (version, revision, machine) as comment lines, then the config.
void write_run_config(const std::filesystem::path& run, std::string_view about,
                      std::string_view config_toml);
/// The text of config.toml; clew::Error when `run` is not a run folder.
std::string read_config(const std::filesystem::path& run);
/// The same without the comment lines at its head: what a checkpoint remembers.
std::string config_without_head(std::string_view text);

/// `steps` in twelve digits, so that names sort by step.
std::string step_digits(std::int64_t steps);

/// Removes what killed writers left half-written, anywhere in the folder.
void remove_parts(const std::filesystem::path& run);

/// Adds a line with the time to RUN/log.txt.
void write_log(const std::filesystem::path& run, const std::string& line);

/// Held while a run is trained; a second holder gets clew::Error. It is the folder's lock, so files in
/// it may be replaced.
class RunLock {
 public:
  explicit RunLock(const std::filesystem::path& run);

 private:
  PathLock lock_;
};

}  // namespace clew::runs
