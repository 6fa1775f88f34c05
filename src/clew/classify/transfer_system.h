// SPDX-License-Identifier: Apache-2.0
// Transfer learning as a system: what of it is resolved, exported and predicted.
#pragma once

#include <filesystem>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "clew/classify/config.h"
#include "clew/train/learning_system.h"

namespace clew::classify {

class TransferSystem : public train::LearningSystem {
 public:
  std::string name() const override { return "classify"; }
  std::unique_ptr<train::LearningConfig> make_config() const override {
    return std::make_unique<TransferConfig>();
  }
  /// Mode and classes become what they come to.
  std::vector<std::string> resolve(train::LearningConfig& config) const override;
  std::shared_ptr<torch::nn::Module> make_network(
      const train::LearningConfig& config) const override;
  std::unique_ptr<train::Task> make_task(const train::LearningConfig& config) const override;
  std::string progress_text(const runs::MetricsLine& line) const override;
  runs::RunAbout about(const train::LearningConfig& config, const train::Task& task) const override;
  bool can_predict() const override { return true; }
  /// The five likeliest classes with their probabilities, of pictures prepared as data.eval_views says.
  std::vector<train::Prediction> predict(
      torch::nn::Module& network, const train::LearningConfig& config,
      const std::vector<std::filesystem::path>& images,
      const std::function<void(std::int64_t)>& on_progress) const override;
  std::vector<nn::ExportFormat> export_formats() const override {
    using enum nn::ExportFormat;
    return {kSafetensors, kPth, kTorchscript, kOnnx};
  }
  /// images [B,3,H,W] f32 in [0,1], RGB -> logits [B,classes] f32 (raw).
  train::ExportPlan export_plan(const train::LearningConfig& config,
                                torch::nn::Module& network) const override;
};

}  // namespace clew::classify
