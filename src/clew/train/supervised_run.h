// SPDX-License-Identifier: Apache-2.0
// Runs of a LearningSystem: create from a recipe, train, resume, evaluate, predict, export.
#pragma once

#include <filesystem>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "clew/core/config.h"
#include "clew/train/learning_system.h"
#include "clew/train/loop.h"
#include "clew/train/processes.h"

namespace clew::train {

/// Creates root/recipe/<UTC time>/ with the resolved config, below the comment `about`
/// (write_run_config), and returns its path. A recipe that is invalid, for this number of
/// processes: clew::Error or UsageError, before the folder is created.
std::filesystem::path create_run(const LearningSystem& system, const std::filesystem::path& root,
                                 const std::string& recipe, const ConfigTree& tree,
                                 const std::string& about, int processes = 1);
/// Config of a run folder. Collective; only rank 0 needs the folder.
std::unique_ptr<LearningConfig> read_run(const LearningSystem& system,
                                         const std::filesystem::path& run,
                                         Processes* processes = nullptr);
/// Trains the run's network (loop.h). A new run begins with the weights of `start`; the load report
/// goes to the log and RUN/log.txt. Collective.
RunEnd train_run(const LearningSystem& system, const std::filesystem::path& run, bool is_resumed,
                 const RunCallbacks& callbacks, Processes* processes = nullptr);
/// Network of a run with the weights of LearningSystem::choose_checkpoint, in evaluation mode.
std::shared_ptr<torch::nn::Module> load_run(const LearningSystem& system,
                                            const std::filesystem::path& run);
/// Evaluation of load_run's network on the whole test set. `on_progress` gets the fraction done;
/// `settings` are of LearningConfig::eval_fields.
RunEvaluation evaluate_run(const LearningSystem& system, const std::filesystem::path& run,
                           const std::function<void(double)>& on_progress = {},
                           const ConfigTree& settings = {});
/// Writes the pictures of an evaluation, and RUN/eval.json.
void write_evaluation(const std::filesystem::path& run, const RunEvaluation& result);
/// Predictor with load_run's network. Options that the system does not support: UsageError.
std::unique_ptr<Predictor> open_predictor(const LearningSystem& system,
                                          const std::filesystem::path& run,
                                          const PredictOptions& options = {});
/// Writes the network in the format of `out`'s extension.
void export_run(const LearningSystem& system, const std::filesystem::path& run,
                const std::filesystem::path& out);

}  // namespace clew::train
