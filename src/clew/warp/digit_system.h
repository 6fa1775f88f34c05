// SPDX-License-Identifier: Apache-2.0
// Reading distorted digits as a system that learns from examples: recipes/warp.
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
  /// data.source becomes where the digits really come from.
  std::vector<std::string> resolve(train::LearningConfig& config) const override;
  std::shared_ptr<torch::nn::Module> make_network(
      const train::LearningConfig& config) const override;
  std::unique_ptr<train::Task> make_task(const train::LearningConfig& config) const override;
  std::string progress_text(const runs::MetricsLine& line) const override;
  /// Draws what the transformers do with the first digits of the validation set, at the start,
  /// where runs::is_pictured says so and at the end, with the weights that are evaluated, and
  /// RUN/gallery.json anew.
  std::function<void(std::int64_t steps, bool is_last)> make_drawer(
      const std::filesystem::path& run, const train::Task& task,
      const std::function<train::Supervised&()>& learner) const override;
  /// Errors, confusion and the worst mistakes; pictures of these and of the transformers over the
  /// training (also as a video, warps.avi).
  train::RunEvaluation describe(const std::filesystem::path& run,
                                const train::LearningConfig& config, const train::Task& task,
                                const train::Evaluator& evaluator,
                                torch::nn::Module& network) const override;
  /// With a note where the digits are drawn ones.
  runs::RunAbout about(const train::LearningConfig& config, const train::Task& task) const override;
  bool can_predict() const override { return true; }
  /// The class, with the probabilities of all, of a picture, or of two for addition, whose digits are light
  /// on a dark ground.
  std::vector<train::Prediction> predict(torch::nn::Module& network,
                                         const train::LearningConfig& config,
                                         const std::vector<std::filesystem::path>& images,
                                         const train::PredictOptions& options) const override;
  std::vector<nn::ExportFormat> export_formats() const override {
    using enum nn::ExportFormat;
    return {kSafetensors, kPth, kTorchscript, kOnnx};
  }
  /// images [B,C,S,S] f32 in [0,1] -> logits [B,classes] f32 (raw).
  train::ExportPlan export_plan(const train::LearningConfig& config,
                                torch::nn::Module& network) const override;
};

}  // namespace clew::warp
