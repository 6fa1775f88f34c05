// SPDX-License-Identifier: Apache-2.0
// Multi-label classification: an independent probability per class.
#pragma once

#include <memory>
#include <span>
#include <string>
#include <vector>

#include "clew/classify/picture_task.h"
#include "clew/ops/tensor.h"
#include "clew/train/evaluator.h"

namespace clew::classify {

/// Average precision, sum of (R_n - R_(n-1)) P_n over distinct scores as thresholds, as in
/// scikit-learn's average_precision_score. NaN without a positive example. `scores` and
/// `is_positive` have equal length.
double average_precision(std::span<const double> scores, const std::vector<bool>& is_positive);

/// Outputs "logits" [B,C] f (raw) and column "labels" [B,C] of 0 and 1 -> "loss" (nats per class),
/// "mAP", mean average_precision over classes, and "error", share of wrong labels at a threshold of
/// 0.5.
class MultilabelEvaluator : public train::Evaluator {
 public:
  explicit MultilabelEvaluator(std::vector<std::string> classes)
      : classes_(std::move(classes)), rows_(2 * classes_.size() + 1) {}

  void add(const data::Batch& outputs, const data::Batch& batch) override;
  std::string bytes() const override { return rows_.bytes(); }
  void merge(std::string_view bytes) override { rows_.merge(bytes); }
  std::vector<runs::Measure> result() const override;
  /// Average precision and number of pictures by class.
  std::vector<runs::Table> tables() const override;
  /// Precision over recall by class.
  std::vector<runs::Curve> curves() const override;

 private:
  struct Column {
    std::vector<double> scores;
    std::vector<bool> is_positive;
  };
  Column column(std::size_t one) const;

  std::vector<std::string> classes_;
  train::Rows rows_;  // loss, the logits, the labels
};

class MultilabelTask : public PictureTask {
 public:
  /// Opens the data; invalid: clew::Error or UsageError.
  explicit MultilabelTask(const MultilabelConfig& config);

  /// Mean binary cross-entropy over classes.
  train::Loss loss(const data::Batch& outputs, const data::Batch& batch,
                   const Key& key) const override;
  std::unique_ptr<train::Evaluator> make_evaluator() const override {
    return std::make_unique<MultilabelEvaluator>(classes());
  }
  std::string monitor() const override { return "mAP"; }

 private:
  explicit MultilabelTask(const std::shared_ptr<const MultilabelConfig>& config);
};

/// A split of the recipe's pictures with its views: image [3,H,W] f32 in [0,1], labels [C] f32.
std::shared_ptr<const data::Dataset> open_labelled(const MultilabelConfig& config,
                                                   data::Split split);

}  // namespace clew::classify
