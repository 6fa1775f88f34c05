// SPDX-License-Identifier: Apache-2.0
// Interface of a supervised system: config, network, task, evaluation, prediction, export. Run
// folders, training and resuming are the same for all of them: supervised_run.h.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "clew/core/config.h"
#include "clew/nn/backbones/layer_row.h"
#include "clew/nn/export/export.h"
#include "clew/runs/about.h"
#include "clew/runs/evaluation.h"
#include "clew/runs/metrics.h"
#include "clew/train/prediction.h"
#include "clew/train/run_folder.h"
#include "clew/train/start.h"
#include "clew/train/supervised.h"
#include "clew/train/task.h"

namespace clew::train {

/// Recipe keys of every system; a system adds its own in `fields`.
struct LearningConfig {
  virtual ~LearningConfig() = default;
  virtual void fields(Fields& v) = 0;
  /// Settings of an evaluation of a run, which are in no recipe.
  virtual void eval_fields(Fields& /*v*/) {}
  /// Settings of LearningSystem::evaluate_predictions besides its files.
  virtual void prediction_fields(Fields& /*v*/) {}

  std::uint64_t seed = 1;
  bool is_phase = false;  // of train.phases; not a key
  StartConfig start;
  SupervisedOptions train;
};

/// An evaluation, and a callback that writes its pictures into the run folder.
struct RunEvaluation {
  runs::Evaluation evaluation;
  std::function<void()> write_pictures{};
};

/// Forward function and options of an export.
struct ExportPlan {
  nn::ForwardFunction forward;
  nn::OnnxOptions options;
  std::shared_ptr<torch::nn::Module> part{};  // of the network, instead of all of it
};

class LearningSystem {
 public:
  virtual ~LearningSystem() = default;
  LearningSystem() = default;
  LearningSystem(const LearningSystem&) = delete;
  LearningSystem& operator=(const LearningSystem&) = delete;

  virtual std::string name() const = 0;
  virtual std::unique_ptr<LearningConfig> make_config() const = 0;
  /// Resolves machine-dependent keys, such as data folders, to absolute paths before the config is
  /// written into a run folder. Returns notes for the log and RUN/log.txt, one a line. Invalid:
  /// clew::Error or UsageError.
  virtual std::vector<std::string> resolve(LearningConfig& /*config*/) const { return {}; }
  /// Network with initial random weights, for evaluation, prediction and export; needs no data. The task's may have
  /// parameters that only the training needs besides.
  virtual std::shared_ptr<torch::nn::Module> make_network(const LearningConfig& config) const = 0;
  /// Table of the network's layers in forward order, for users; needs no weights. Empty: not supported. Invalid config:
  /// clew::Error or UsageError.
  virtual std::vector<nn::LayerRow> layers(const LearningConfig& /*config*/) const { return {}; }
  virtual std::unique_ptr<Task> make_task(const LearningConfig& config) const = 0;
  /// Loads initial weights of a new run, such as another run's, before those of `start`. Depends on
  /// the config alone.
  virtual void begin(torch::nn::Module& /*network*/, const LearningConfig& /*config*/) const {}

  /// Names in the network of an entry of start.weights, such as a backbone's in a larger network; none: it is left out.
  virtual std::vector<std::string> start_names(const LearningConfig& /*config*/,
                                               const std::string& name) const {
    return {name};
  }
  /// Initial value of parameter `name`, one of start_names, from the value of its entry: another shape of the same
  /// numbers.
  virtual torch::Tensor start_value(const LearningConfig& /*config*/, const std::string& /*name*/,
                                    const torch::Tensor& value) const {
    return value;
  }

  /// Progress text of a line of metrics.
  virtual std::string progress_text(const runs::MetricsLine& line) const;
  /// Callback after each step that may draw pictures into the run folder; `is_last` after the last
  /// step. Made before training, in the process that writes the run. `learner` gives the current
  /// phase's. Empty: no pictures.
  virtual std::function<void(std::int64_t steps, bool is_last)> make_drawer(
      const std::filesystem::path& /*run*/, const Task& /*task*/,
      const std::function<Supervised&()>& /*learner*/) const {
    return {};
  }
  /// Checkpoint for evaluation, export and prediction.
  virtual Checkpoint choose_checkpoint(const std::filesystem::path& run) const {
    return best_checkpoint(run);
  }
  /// Title, notes and plots of a run.
  virtual runs::RunAbout about(const LearningConfig& config, const Task& task) const;
  /// Summary, pictures and details of an evaluation: `evaluator` has seen the whole test set, with
  /// `network`. evaluate_run adds system, steps, measures, the evaluator's tables and curves, and a
  /// summary where there is none.
  virtual RunEvaluation describe(const std::filesystem::path& /*run*/,
                                 const LearningConfig& /*config*/, const Task& /*task*/,
                                 const Evaluator& /*evaluator*/,
                                 torch::nn::Module& /*network*/) const {
    return {};
  }
  /// Support of `evaluate_predictions`.
  virtual bool can_evaluate_predictions() const { return false; }
  /// Evaluation of predictions, of another program or of `clew predict`, against ground truth: files
  /// or folders, in formats of the system's. `config` has the prediction_fields. Malformed:
  /// clew::Error.
  virtual runs::Evaluation evaluate_predictions(const LearningConfig& config,
                                                const std::filesystem::path& predictions,
                                                const std::filesystem::path& truth) const;
  /// Support of make_predictor.
  virtual bool can_predict() const { return false; }
  /// Support of Prediction::picture, and of Prediction::features.
  virtual bool can_draw() const { return false; }
  virtual bool has_features() const { return false; }
  /// A predictor with the network, in evaluation mode.
  virtual std::unique_ptr<Predictor> make_predictor(std::shared_ptr<torch::nn::Module> network,
                                                    const LearningConfig& config,
                                                    const PredictOptions& options) const;
  /// Formats of make_prediction_writer, such as "coco".
  virtual std::vector<std::string> prediction_formats() const { return {}; }
  /// Writer to a file or folder of the predictions of a predictor with that PredictOptions::format, one of
  /// prediction_formats().
  virtual std::unique_ptr<PredictionWriter> make_prediction_writer(
      const LearningConfig& config, const std::string& format,
      const std::filesystem::path& out) const;
  /// Supported export formats.
  virtual std::vector<nn::ExportFormat> export_formats() const { return {}; }
  /// For one of export_formats().
  virtual ExportPlan export_plan(const LearningConfig& /*config*/, torch::nn::Module& /*network*/,
                                 nn::ExportFormat /*format*/) const {
    return {};
  }
};

}  // namespace clew::train
