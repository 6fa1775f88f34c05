// SPDX-License-Identifier: Apache-2.0
// What train, eval and demo share: training with a progress line, evaluation with one, and tables
// of results.
#pragma once

#include <filesystem>
#include <string>

#include "clew/navigate/evaluate.h"
#include "clew/navigate/run.h"
#include "systems.h"

namespace clew::app {

/// Trains with the live line.
train::RunEnd train_navigate(const std::filesystem::path& run, bool is_resumed);
/// Evaluates the newest checkpoint of `run` and writes RUN/eval.json, RUN/trace.json.
navigate::Evaluation evaluate_run(const std::filesystem::path& run,
                                  const navigate::EvalOptions& options);
/// The players as a table for people.
std::string evaluation_table(const navigate::Evaluation& evaluation);

System navigate_system();

}  // namespace clew::app
