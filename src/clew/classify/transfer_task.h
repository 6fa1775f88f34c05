// SPDX-License-Identifier: Apache-2.0
// Single-label classification task.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "clew/classify/picture_task.h"
#include "clew/ops/tensor.h"

namespace clew::classify {

class TransferTask : public PictureTask {
 public:
  /// Opens the data; invalid: clew::Error or UsageError.
  explicit TransferTask(const TransferConfig& config);

  /// Cross-entropy with the recipe's class weights, label smoothing and mixup.
  train::Loss loss(const data::Batch& outputs, const data::Batch& batch,
                   const Key& key) const override;
  /// A train::ClassificationEvaluator.
  std::unique_ptr<train::Evaluator> make_evaluator() const override;
  std::string monitor() const override { return "error"; }

 private:
  explicit TransferTask(const std::shared_ptr<const TransferConfig>& config);

  double label_smoothing_;
  torch::Tensor class_weights_;  // [C] f32; undefined: all 1
};

/// A split of the recipe's pictures with its views: image [3,H,W] f32 in [0,1], label i64. A class
/// with too few pictures for the splits: clew::Error.
std::shared_ptr<const data::Dataset> open_pictures(const TransferConfig& config, data::Split split);

/// logits [B,C] f (raw), targets [B] i64 -> cross-entropy [B] f32 with label smoothing (`smoothing`
/// spread evenly over all classes), times the target's weight in `weights` [C] where defined.
torch::Tensor smoothed_cross_entropy(const torch::Tensor& logits, const torch::Tensor& targets,
                                     double smoothing, const torch::Tensor& weights);

}  // namespace clew::classify
