// SPDX-License-Identifier: Apache-2.0
// Localisation of one object per picture: class, and box regression.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "clew/classify/picture_task.h"
#include "clew/ops/tensor.h"
#include "clew/train/evaluator.h"

namespace clew::classify {

/// outputs [B,C+4] f, the last four being cxcywh in relative coordinates -> boxes [B,4] f xyxy,
/// relative.
torch::Tensor boxes_of(const torch::Tensor& outputs);

/// Outputs "logits" [B,C+4] f and columns label [B] i64 and relative_box [B,4] f32 (xyxy, relative) ->
/// "error", top-1 error rate; "overlap", mean IoU; "localised", share with the right class and an
/// IoU of at least 0.5.
class LocaliseEvaluator : public train::Evaluator {
 public:
  explicit LocaliseEvaluator(std::vector<std::string> classes) : classes_(std::move(classes)) {}

  void add(const data::Batch& outputs, const data::Batch& batch) override;
  std::string bytes() const override { return rows_.bytes(); }
  void merge(std::string_view bytes) override { rows_.merge(bytes); }
  std::vector<runs::Measure> result() const override;
  /// Measures by class.
  std::vector<runs::Table> tables() const override;

 private:
  std::vector<std::string> classes_;
  train::Rows rows_{4};  // label, 1 if misclassified, IoU, 1 if localised
};

class LocaliseTask : public PictureTask {
 public:
  /// Opens the scenes. data.dir, which has no boxes: UsageError.
  explicit LocaliseTask(const LocaliseConfig& config);

  /// Cross-entropy of the class plus box_weight times the box loss.
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

/// Scenes of one object with the recipe's views: image, label, relative_box.
std::shared_ptr<const data::Dataset> open_objects(const LocaliseConfig& config, data::Split split);

}  // namespace clew::classify
