// SPDX-License-Identifier: Apache-2.0
// Navigator training and evaluation with progress lines, and tables of results, for train, eval and
// demo.
#pragma once

#include <filesystem>
#include <string>

#include "clew/navigate/evaluate.h"
#include "clew/navigate/run.h"
#include "systems.h"

namespace clew::app {

/// Trains with a progress line.
train::RunEnd train_navigate(const std::filesystem::path& run, bool is_resumed);
/// Evaluates the newest checkpoint of `run` and writes RUN/eval.json, RUN/trace.json.
navigate::Evaluation evaluate_run(const std::filesystem::path& run,
                                  const navigate::EvalOptions& options);
/// Human-readable table of the players.
std::string evaluation_table(const navigate::Evaluation& evaluation);

System navigate_system();

}  // namespace clew::app
