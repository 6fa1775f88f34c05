// SPDX-License-Identifier: Apache-2.0
// One object a picture: its class, and its box by regression of four numbers.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "clew/classify/picture_task.h"
#include "clew/ops/tensor.h"
#include "clew/train/evaluator.h"

namespace clew::classify {

/// Outputs [B,C+4] of the last layer -> boxes [B,4] f, edges xyxy in shares of the picture's sides: its four
/// numbers are the box's centre and sides, in shares, x before y.
torch::Tensor boxes_of(const torch::Tensor& outputs);

/// Of the outputs "logits" [B,C+4] f and the columns label [B] i64 and place [B,4] f32 (edges in shares of the
/// picture's sides): "error", share of wrong classes; "overlap", the mean intersection over union;
/// "localised", share of the right class with an overlap of at least 0.5.
class LocaliseEvaluator : public train::Evaluator {
 public:
  explicit LocaliseEvaluator(std::vector<std::string> classes) : classes_(std::move(classes)) {}

  void add(const data::Batch& outputs, const data::Batch& batch) override;
  std::string bytes() const override { return rows_.bytes(); }
  void merge(std::string_view bytes) override { rows_.merge(bytes); }
  std::vector<runs::Measure> result() const override;
  /// The measures of each class.
  std::vector<runs::Table> tables() const override;

 private:
  std::vector<std::string> classes_;
  train::Rows rows_{4};  // label, 1 where the class is wrong, overlap, 1 where it is localised
};

class LocaliseTask : public PictureTask {
 public:
  /// Opens the scenes. A folder of pictures, which has no boxes: UsageError.
  explicit LocaliseTask(const LocaliseConfig& config);

  /// Cross-entropy of the class, and box_weight times the loss of the four numbers.
  train::Loss loss(const data::Batch& outputs, const data::Batch& batch,
                   const Key& key) const override;
  std::unique_ptr<train::Evaluator> make_evaluator() const override {
    return std::make_unique<LocaliseEvaluator>(classes());
  }
  std::string monitor() const override { return "localised"; }

 private:
  explicit LocaliseTask(const std::shared_ptr<const LocaliseConfig>& config);

  BoxLoss box_loss_;
  double box_weight_;
};

/// Scenes of one object through the recipe's views: image, label, place.
std::shared_ptr<const data::Dataset> open_objects(const LocaliseConfig& config, data::Split split);

}  // namespace clew::classify
