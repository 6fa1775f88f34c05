// SPDX-License-Identifier: Apache-2.0
// The table of systems: what train and eval ask of each. A recipe or a run says which one it is by its key `system`.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "clew/core/config.h"
#include "clew/nn/export/export.h"
#include "clew/runs/evaluation.h"
#include "clew/train/loop.h"
#include "recipes.h"

namespace clew::app {

/// What `clew eval` was told.
struct EvalRequest {
  std::filesystem::path run;
  ConfigTree settings;  // of the evaluation
  bool is_json = false;
};

/// What `clew predict` was told.
struct PredictRequest {
  std::filesystem::path run;
  std::vector<std::filesystem::path> images;
  bool is_json = false;
  std::filesystem::path pictures;  // folder for pictures with the answers on them; empty: none
  std::filesystem::path features;  // .npy file for features; empty: none
};

/// What `clew eval` prints, and what writes RUN/eval.json and all else that the report shows of it.
struct EvalAnswer {
  std::string text;
  std::function<void()> keep;
};

/// What `clew predict` prints, and what could not be read of the rest, in one sentence.
struct Prediction {
  std::string text, failure;
};

struct System {
  std::string name;
  /// The keys of a recipe with its values, and of an evaluation: tables for help.
  std::function<std::string(const ConfigTree& recipe)> settings;
  std::string eval_settings;          // empty: there are none
  std::set<std::string> no_settings;  // keys that make no difference to an experiment
  /// Checks the recipe, for training in so many processes, and makes its run folder under `root`.
  std::function<std::filesystem::path(const std::filesystem::path& root, const Recipe& recipe,
                                      int processes)>
      create_run;
  /// With the live line.
  std::function<train::RunEnd(const std::filesystem::path& run, bool is_resumed,
                              train::Processes& processes)>
      train;
  bool is_parallel = true;  // whether several processes can train it
  std::function<EvalAnswer(const EvalRequest& request)> eval;
  /// Judges files of answers against the truth; null: this system judges none.
  std::function<runs::Evaluation(const std::filesystem::path& predictions,
                                 const std::filesystem::path& truth)>
      judge;
  /// Writes the network with its best weights in the format that `out` ends in, one of `formats`.
  std::function<void(const std::filesystem::path& run, const std::filesystem::path& out)>
      export_run;
  std::vector<nn::ExportFormat> formats;  // none: it exports nothing
  /// Reads image files through the network; null: this system reads none.
  std::function<Prediction(const PredictRequest& request)> predict;
};

const std::vector<System>& systems();
/// The system that a recipe or a run's config names; the navigator where it names none. Another name: UsageError.
const System& system_of(const ConfigTree& tree);
const System& system_of_run(const std::filesystem::path& run);

}  // namespace clew::app
