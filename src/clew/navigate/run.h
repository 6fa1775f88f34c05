// SPDX-License-Identifier: Apache-2.0
// A training run of the navigator on disk: the run folder of train/run_folder.h, and beside it
//
//   RUN/level.toml             the level, where it is not a built-in one
//   RUN/eval.json trace.json   written by `clew eval`
#pragma once

#include <filesystem>
#include <string>

#include "clew/navigate/config.h"
#include "clew/train/loop.h"

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

/// Trains the run's agent; train::train_run says how.
train::RunEnd train_run(const std::filesystem::path& run, bool is_resumed,
                        const train::RunCallbacks& callbacks);

}  // namespace clew::navigate
