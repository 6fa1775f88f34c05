// SPDX-License-Identifier: Apache-2.0
// Run folders of systems that learn from examples: made from a recipe, trained, resumed, evaluated,
// exported, the same for every LearningSystem.
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

/// Makes root/recipe/<UTC time>/ with the resolved config in it and returns its path. `about` stands
/// above the config (write_run_config). What the recipe cannot be, for training in `processes`
/// processes: clew::Error or UsageError, before there is a folder.
std::filesystem::path create_run(const LearningSystem& system, const std::filesystem::path& root,
                                 const std::string& recipe, const ConfigTree& tree,
                                 const std::string& about, int processes = 1);
/// The config of a run folder. Of several processes, all call this and only the first needs to have the
/// folder.
std::unique_ptr<LearningConfig> read_run(const LearningSystem& system,
                                         const std::filesystem::path& run,
                                         Processes* processes = nullptr);
/// Trains the run's network (loop.h says how). A new run begins with the weights that `start` names;
/// what was loaded of them goes to the log and to RUN/log.txt. With several processes all make this
/// call.
RunEnd train_run(const LearningSystem& system, const std::filesystem::path& run, bool is_resumed,
                 const RunCallbacks& callbacks, Processes* processes = nullptr);
/// The network of a run with the weights that LearningSystem::choose_checkpoint says, in evaluation mode.
std::shared_ptr<torch::nn::Module> load_run(const LearningSystem& system,
                                            const std::filesystem::path& run);
/// Those weights on the whole test set. `on_progress` gets the share that is done.
RunEvaluation evaluate_run(const LearningSystem& system, const std::filesystem::path& run,
                           const std::function<void(double)>& on_progress = {});
/// Writes the pictures of an evaluation, and RUN/eval.json.
void write_evaluation(const std::filesystem::path& run, const RunEvaluation& result);
/// The answers of the run's network to picture files (LearningSystem::predict). Options that the system
/// does not support: UsageError.
std::vector<Prediction> predict_run(const LearningSystem& system, const std::filesystem::path& run,
                                    const std::vector<std::filesystem::path>& images,
                                    const PredictOptions& options = {});
/// Writes the network in the format that `out` ends in.
void export_run(const LearningSystem& system, const std::filesystem::path& run,
                const std::filesystem::path& out);

}  // namespace clew::train
