// SPDX-License-Identifier: Apache-2.0
// Table of systems, selected by the key `system` of a recipe or run.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "clew/core/config.h"
#include "clew/nn/backbones/layer_row.h"
#include "clew/nn/export/export.h"
#include "clew/runs/evaluation.h"
#include "clew/train/loop.h"
#include "recipes.h"

namespace clew::app {

/// Arguments of `clew eval`.
struct EvalRequest {
  std::filesystem::path run;
  ConfigTree settings;  // of the evaluation
  bool is_json = false;
};

/// Arguments of `clew predict`.
struct PredictRequest {
  std::filesystem::path run;
  std::vector<std::filesystem::path> images;
  bool is_json = false;
  std::string format;              // of another program, for `out`; empty: none
  std::filesystem::path out;       // file or folder in that format
  std::filesystem::path pictures;  // folder for pictures with predictions; empty: none
  std::filesystem::path features;  // .npy file for features; empty: none
  std::int64_t frames = 0;         // at most, of each video; 0: all
};

/// Output of `clew eval`, and a callback that writes RUN/eval.json and pictures.
struct EvalOutput {
  std::string text;
  std::function<void()> keep;
};

/// Output of `clew predict`, and unreadable files in one sentence.
struct Prediction {
  std::string text, failure;
};

struct System {
  std::string name;
  /// Help tables: keys of a recipe with its values, and keys of an evaluation.
  std::function<std::string(const ConfigTree& recipe)> settings;
  std::string eval_settings;          // empty: none
  std::string prediction_settings;    // of evaluate_predictions, besides its files; empty: none
  std::set<std::string> no_settings;  // keys that are not settings of an experiment
  /// Checks the recipe, for this number of processes, and creates its run folder below `root`.
  std::function<std::filesystem::path(const std::filesystem::path& root, const Recipe& recipe,
                                      int processes)>
      create_run;
  /// With a progress line.
  std::function<train::RunEnd(const std::filesystem::path& run, bool is_resumed,
                              train::Processes& processes)>
      train;
  bool is_parallel = true;  // supports several processes
  std::function<EvalOutput(const EvalRequest& request)> eval;
  /// Evaluates predictions against ground truth by the settings `predictions`, `truth` and the
  /// system's own; null: not supported.
  std::function<runs::Evaluation(const ConfigTree& settings)> evaluate_predictions;
  /// Exports the network with its best weights in the format of `out`'s extension, one of
  /// `formats`.
  std::function<void(const std::filesystem::path& run, const std::filesystem::path& out)>
      export_run;
  std::vector<nn::ExportFormat> formats;  // empty: not supported
  /// Table of the layers of a recipe's network; empty: not supported.
  std::function<std::vector<nn::LayerRow>(const ConfigTree& recipe)> layers =
      [](const ConfigTree& /*recipe*/) { return std::vector<nn::LayerRow>(); };
  /// Predicts on image files; null: not supported.
  std::function<Prediction(const PredictRequest& request)> predict;
};

const std::vector<System>& systems();
/// System of a recipe or a run's config; default: the navigator. Unknown: UsageError.
const System& system_of(const ConfigTree& tree);
const System& system_of_run(const std::filesystem::path& run);

}  // namespace clew::app
