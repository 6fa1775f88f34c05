// SPDX-License-Identifier: Apache-2.0
// Run folder of the navigator: that of train/run_folder.h, and
//
//   RUN/level.toml             the level, where it is not a built-in one
//   RUN/eval.json trace.json   written by `clew eval`
#pragma once

#include <filesystem>
#include <string>

#include "clew/navigate/config.h"
#include "clew/train/loop.h"

namespace clew::navigate {

/// Checks before a run folder is made: an invalid level, an unknown agent, fewer worlds than
/// workers: UsageError or clew::Error.
void check_config(const NavigateConfig& config);

/// Creates root/recipe/<UTC time>/ with config.toml, below the comment lines `about` (version,
/// revision, machine), and returns its path. A level file is copied into the folder, so that the
/// run is self-contained.
std::filesystem::path create_run(const std::filesystem::path& root, const std::string& recipe,
                                 const NavigateConfig& config, const std::string& about);
/// Config of a run folder, with the path of a copied level. Not a run folder: clew::Error.
NavigateConfig read_run(const std::filesystem::path& run);

/// Trains the run's agent, as train::train_run.
train::RunEnd train_run(const std::filesystem::path& run, bool is_resumed,
                        const train::RunCallbacks& callbacks);

}  // namespace clew::navigate
