// SPDX-License-Identifier: Apache-2.0
// The systems of this module: transfer learning for classes, several labels a picture, one object's class
// and box.
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
  bool can_judge() const override { return true; }
  /// predictions: a JSON list as `clew predict --json` prints it, of objects with `image`, a path, and `class`.
  /// truth: a folder of pictures by class. Pictures without an answer, answers without a picture, a class
  /// that there is not: clew::Error.
  runs::Evaluation judge(const std::filesystem::path& predictions,
                         const std::filesystem::path& truth) const override;
  /// The worst mistakes, and what the network looked at (grad_cam.h).
  train::RunEvaluation describe(const std::filesystem::path& run,
                                const train::LearningConfig& config, const train::Task& task,
                                const train::Evaluator& evaluator,
                                torch::nn::Module& network) const override;

 protected:
  std::shared_ptr<const data::Dataset> open(const PictureConfig& config,
                                            data::Split split) const override;
  std::string shown_measure() const override { return "error"; }
  /// The five likeliest classes with their probabilities.
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
  /// The classes with a probability above a half, the likeliest first.
  void answer(train::Prediction& prediction, const torch::Tensor& logits,
              const std::vector<std::string>& classes, const torch::Tensor& image,
              bool wants_picture) const override;
};

class LocaliseSystem : public PictureSystem {
 public:
  std::string name() const override { return "localise"; }
  std::unique_ptr<train::LearningConfig> make_config() const override;
  std::unique_ptr<train::Task> make_task(const train::LearningConfig& config) const override;
  /// Some pictures with the object's box and the network's.
  train::RunEvaluation describe(const std::filesystem::path& run,
                                const train::LearningConfig& config, const train::Task& task,
                                const train::Evaluator& evaluator,
                                torch::nn::Module& network) const override;

 protected:
  std::shared_ptr<const data::Dataset> open(const PictureConfig& config,
                                            data::Split split) const override;
  std::int64_t outputs(std::int64_t classes) const override { return classes + 4; }
  std::string shown_measure() const override { return "localised"; }
  /// The class with its probability, and the box in pixels of the picture that the network saw.
  void answer(train::Prediction& prediction, const torch::Tensor& logits,
              const std::vector<std::string>& classes, const torch::Tensor& image,
              bool wants_picture) const override;
};

}  // namespace clew::classify
