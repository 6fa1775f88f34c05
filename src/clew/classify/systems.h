// SPDX-License-Identifier: Apache-2.0
// The systems of this module: transfer learning, multi-label classification, localisation of one
// object.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "clew/classify/picture_system.h"

namespace clew::classify {

class TransferSystem : public PictureSystem {
 public:
  std::string name() const override { return "classify"; }
  std::unique_ptr<train::LearningConfig> make_config() const override;
  std::unique_ptr<train::Task> make_task(const train::LearningConfig& config) const override;
  bool can_evaluate_predictions() const override { return true; }
  /// predictions: JSON list of `clew predict --json`, of objects with `image`, a path, and `class`.
  /// truth: a picture folder by class. A picture without a prediction, a prediction without a
  /// picture, an unknown class: clew::Error.
  runs::Evaluation evaluate_predictions(const train::LearningConfig& config,
                                        const std::filesystem::path& predictions,
                                        const std::filesystem::path& truth) const override;
  /// Worst mistakes, with Grad-CAM heat maps.
  train::RunEvaluation describe(const std::filesystem::path& run,
                                const train::LearningConfig& config, const train::Task& task,
                                const train::Evaluator& evaluator,
                                torch::nn::Module& network) const override;

 protected:
  std::shared_ptr<const data::Dataset> open(const PictureConfig& config,
                                            data::Split split) const override;
  std::string shown_measure() const override { return "error"; }
  /// Top-5 classes with their probabilities.
  void answer(train::Prediction& prediction, const torch::Tensor& logits,
              const std::vector<std::string>& classes, const torch::Tensor& image,
              bool wants_picture) const override;
};

class MultilabelSystem : public PictureSystem {
 public:
  std::string name() const override { return "multilabel"; }
  std::unique_ptr<train::LearningConfig> make_config() const override;
  std::unique_ptr<train::Task> make_task(const train::LearningConfig& config) const override;

 protected:
  std::shared_ptr<const data::Dataset> open(const PictureConfig& config,
                                            data::Split split) const override;
  std::string shown_measure() const override { return "mAP"; }
  /// Classes with a probability above 0.5, by descending probability.
  void answer(train::Prediction& prediction, const torch::Tensor& logits,
              const std::vector<std::string>& classes, const torch::Tensor& image,
              bool wants_picture) const override;
};

class LocaliseSystem : public PictureSystem {
 public:
  std::string name() const override { return "localise"; }
  std::unique_ptr<train::LearningConfig> make_config() const override;
  std::unique_ptr<train::Task> make_task(const train::LearningConfig& config) const override;
  /// Pictures with ground truth and predicted box.
  train::RunEvaluation describe(const std::filesystem::path& run,
                                const train::LearningConfig& config, const train::Task& task,
                                const train::Evaluator& evaluator,
                                torch::nn::Module& network) const override;

 protected:
  std::shared_ptr<const data::Dataset> open(const PictureConfig& config,
                                            data::Split split) const override;
  std::int64_t outputs(std::int64_t classes) const override { return classes + 4; }
  std::string shown_measure() const override { return "localised"; }
  /// Class with its probability, and box in pixels of the picture after views.
  void answer(train::Prediction& prediction, const torch::Tensor& logits,
              const std::vector<std::string>& classes, const torch::Tensor& image,
              bool wants_picture) const override;
};

}  // namespace clew::classify
