// SPDX-License-Identifier: Apache-2.0
// Pictures by class as a task for train/supervised.h: a backbone with a new last layer.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "clew/classify/config.h"
#include "clew/train/task.h"

namespace clew::classify {

class TransferTask : public train::Task {
 public:
  /// Opens the data; what they cannot be: clew::Error or UsageError.
  explicit TransferTask(const TransferConfig& config);

  std::shared_ptr<torch::nn::Module> make_network() const override;
  /// logits [B,classes] f32 (raw).
  data::Batch forward(torch::nn::Module& network, const data::Batch& batch,
                      const Key& key) const override;
  train::Loss loss(const data::Batch& outputs, const data::Batch& batch,
                   const Key& key) const override;
  /// A train::ClassificationEvaluator.
  std::unique_ptr<train::Evaluator> make_evaluator() const override;
  std::string monitor() const override { return "error"; }
  const data::Dataset& train_set() const override { return *train_; }
  const data::Dataset& validation_set() const override { return *validation_; }
  const data::Dataset& test_set() const override { return *test_; }
  /// Frozen and slow parameters of the mode.
  std::vector<train::ParameterRule> rules(const torch::nn::Module& network) const override;

 private:
  TransferConfig config_;
  std::shared_ptr<const data::Dataset> train_, validation_, test_;
};

/// The recipe's backbone with a last layer for data.classes, with new weights.
std::shared_ptr<torch::nn::Module> make_backbone(const TransferConfig& config);

/// Refuses classes of the data that are not those of data.classes, where it names some: clew::Error.
void check_classes(const TransferConfig& config, const std::vector<std::string>& classes);

/// A split of the recipe's pictures through its views: image [3,H,W] f32 in [0,1], label i64.
std::shared_ptr<const data::Dataset> open_pictures(const TransferConfig& config, data::Split split);

}  // namespace clew::classify
