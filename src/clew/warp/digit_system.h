// SPDX-License-Identifier: Apache-2.0
// System for classification of distorted digits: recipes/warp.
#pragma once

#include <filesystem>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "clew/train/learning_system.h"
#include "clew/warp/config.h"

namespace clew::warp {

class DigitSystem : public train::LearningSystem {
 public:
  std::string name() const override { return "warp"; }
  std::unique_ptr<train::LearningConfig> make_config() const override {
    return std::make_unique<WarpConfig>();
  }
  /// Resolves data.source.
  std::vector<std::string> resolve(train::LearningConfig& config) const override;
  std::shared_ptr<torch::nn::Module> make_network(
      const train::LearningConfig& config) const override;
  std::unique_ptr<train::Task> make_task(const train::LearningConfig& config) const override;
  std::string progress_text(const runs::MetricsLine& line) const override;
  /// Draws the transforms of the first validation digits with the evaluated weights, at the start,
  /// at runs::is_pictured steps and at the end, and rewrites RUN/gallery.json.
  std::function<void(std::int64_t steps, bool is_last)> make_drawer(
      const std::filesystem::path& run, const train::Task& task,
      const std::function<train::Supervised&()>& learner) const override;
  /// Errors, confusion matrix and worst mistakes; pictures of these and of the transforms over the
  /// training (also as a video, warps.avi).
  train::RunEvaluation describe(const std::filesystem::path& run,
                                const train::LearningConfig& config, const train::Task& task,
                                const train::Evaluator& evaluator,
                                torch::nn::Module& network) const override;
  /// With a note for procedural digits.
  runs::RunAbout about(const train::LearningConfig& config, const train::Task& task) const override;
  bool can_predict() const override { return true; }
  /// Class and probabilities for one picture (for addition two) of light digits on a dark
  /// background.
  std::unique_ptr<train::Predictor> make_predictor(
      std::shared_ptr<torch::nn::Module> network, const train::LearningConfig& config,
      const train::PredictOptions& options) const override;
  std::vector<nn::ExportFormat> export_formats() const override {
    using enum nn::ExportFormat;
    return {kSafetensors, kPth, kTorchscript, kOnnx};
  }
  /// images [B,C,S,S] f32 in [0,1] -> logits [B,classes] f32 (raw).
  train::ExportPlan export_plan(const train::LearningConfig& config, torch::nn::Module& network,
                                nn::ExportFormat) const override;
};

}  // namespace clew::warp
