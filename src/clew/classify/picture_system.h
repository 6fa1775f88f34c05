// SPDX-License-Identifier: Apache-2.0
// Base of this module's systems: resolved keys, export and prediction.
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "clew/classify/config.h"
#include "clew/ops/tensor.h"
#include "clew/train/learning_system.h"

namespace clew::classify {

class PictureSystem : public train::LearningSystem {
 public:
  /// Resolves mode, augmentation and classes.
  std::vector<std::string> resolve(train::LearningConfig& config) const override;
  std::shared_ptr<torch::nn::Module> make_network(
      const train::LearningConfig& config) const override;
  std::string progress_text(const runs::MetricsLine& line) const override;
  runs::RunAbout about(const train::LearningConfig& config, const train::Task& task) const override;
  bool can_predict() const override { return true; }
  bool can_draw() const override { return true; }
  bool has_features() const override { return true; }
  /// Pictures go through data.eval_views. Features are the inputs of the last layer.
  std::unique_ptr<train::Predictor> make_predictor(
      std::shared_ptr<torch::nn::Module> network, const train::LearningConfig& config,
      const train::PredictOptions& options) const override;
  std::vector<nn::ExportFormat> export_formats() const override {
    using enum nn::ExportFormat;
    return {kSafetensors, kPth, kTorchscript, kOnnx};
  }
  /// images [B,3,H,W] f32 in [0,1], RGB -> logits [B,N] f32 (raw).
  train::ExportPlan export_plan(const train::LearningConfig& config, torch::nn::Module& network,
                                nn::ExportFormat) const override;

 protected:
  /// A split of the recipe's pictures with its views.
  virtual std::shared_ptr<const data::Dataset> open(const PictureConfig& config,
                                                    data::Split split) const = 0;
  /// Number of outputs of the last layer.
  virtual std::int64_t outputs(std::int64_t classes) const { return classes; }
  /// Monitored metric, shown beside the loss during training.
  virtual std::string shown_measure() const = 0;
  /// Fills text, JSON and, with `wants_picture`, the picture of a prediction from logits [N] f32 of
  /// image [3,H,W] f32 in [0,1], after views.
  virtual void answer(train::Prediction& prediction, const torch::Tensor& logits,
                      const std::vector<std::string>& classes, const torch::Tensor& image,
                      bool wants_picture) const = 0;

 private:
  class PicturePredictor;
};

/// `image` with `text` below it.
image::Image labelled_picture(const torch::Tensor& image, const std::string& text);

}  // namespace clew::classify
