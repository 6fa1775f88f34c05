// SPDX-License-Identifier: Apache-2.0
// The system "segment": config, training, evaluation, prediction and export of segmentations.
#pragma once

#include <filesystem>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "clew/segment/pixel_predictor.h"
#include "clew/train/learning_system.h"

namespace clew::segment {

class SegmentSystem : public train::LearningSystem {
 public:
  std::string name() const override { return "segment"; }
  std::unique_ptr<train::LearningConfig> make_config() const override;
  /// Resolves classes, and their shares where class_weights needs them.
  std::vector<std::string> resolve(train::LearningConfig& config) const override;
  std::shared_ptr<torch::nn::Module> make_network(
      const train::LearningConfig& config) const override;
  /// Reads data.dir where the recipe names no classes.
  std::vector<nn::LayerRow> layers(const train::LearningConfig& config) const override;
  std::unique_ptr<train::Task> make_task(const train::LearningConfig& config) const override;
  /// Weights of a backbone go into the body; those of VGG-16's classifier into fc6 and fc7, too.
  std::vector<std::string> start_names(const train::LearningConfig& config,
                                       const std::string& name) const override;
  torch::Tensor start_value(const train::LearningConfig& config, const std::string& name,
                            const torch::Tensor& value) const override;

  std::string progress_text(const runs::MetricsLine& line) const override;
  runs::RunAbout about(const train::LearningConfig& config, const train::Task& task) const override;
  /// Validation pictures with their masks and predictions, through training.
  std::function<void(std::int64_t steps, bool is_last)> make_drawer(
      const std::filesystem::path& run, const train::Task& task,
      const std::function<train::Supervised&()>& learner) const override;
  /// The pictures with most wrong pixels, beside their masks, predictions and mistakes.
  train::RunEvaluation describe(const std::filesystem::path& run,
                                const train::LearningConfig& config, const train::Task& task,
                                const train::Evaluator& evaluator,
                                torch::nn::Module& network) const override;

  bool can_evaluate_predictions() const override { return true; }
  /// Folders as of judge_masks.
  runs::Evaluation evaluate_predictions(const train::LearningConfig& config,
                                        const std::filesystem::path& predictions,
                                        const std::filesystem::path& truth) const override;

  bool can_predict() const override { return true; }
  bool can_draw() const override { return true; }
  /// Pictures go through data.eval_views; their classes are of the pixels of the pictures as given.
  std::unique_ptr<train::Predictor> make_predictor(
      std::shared_ptr<torch::nn::Module> network, const train::LearningConfig& config,
      const train::PredictOptions& options) const override;
  std::vector<std::string> prediction_formats() const override { return pixel_formats(); }
  std::unique_ptr<train::PredictionWriter> make_prediction_writer(
      const train::LearningConfig& config, const std::string& format,
      const std::filesystem::path& out) const override;
  std::vector<nn::ExportFormat> export_formats() const override {
    using enum nn::ExportFormat;
    return {kSafetensors, kPth, kOnnx};
  }
  /// images [B,3,H,W] f32 in [0,1], RGB, of any size -> logits [B,C,H,W] f32 (raw).
  train::ExportPlan export_plan(const train::LearningConfig& config, torch::nn::Module& network,
                                nn::ExportFormat format) const override;
};

}  // namespace clew::segment
