// SPDX-License-Identifier: Apache-2.0
// Classification: the loss, and the evaluator with confusion matrix and worst mistakes.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "clew/data/dataset.h"
#include "clew/data/sheet.h"
#include "clew/image/draw.h"
#include "clew/ops/tensor.h"
#include "clew/runs/evaluation.h"
#include "clew/train/evaluator.h"
#include "clew/train/task.h"

namespace clew::train {

/// Mean cross-entropy: logits [B,C] f (raw), targets [B] i64 in [0,C) -> loss, and the metrics
/// "loss" (nats) and "error" (top-1 error rate in [0,1]). A target out of range:
/// data::ExampleError.
Loss classification_loss(const torch::Tensor& logits, const torch::Tensor& targets);

struct Mistake {
  std::int64_t index = 0;  // in the data set
  int target = 0, predicted = 0;
  double confidence = 0;  // probability of `predicted`
};
struct ClassificationReport {
  std::vector<std::string> classes;
  std::int64_t examples = 0;
  double error = 0, loss = 0;           // top-1 error rate; nats
  std::vector<std::int64_t> confusion;  // [C,C], row: target, column: predicted
  std::vector<Mistake> worst;           // by descending confidence
};

/// Grid of misclassified examples (at least one), each with target, prediction and confidence.
image::Image draw_mistakes(
    const data::Dataset& set, std::span<const Mistake> mistakes,
    const std::vector<std::string>& classes, const image::GridLayout& layout,
    const std::function<image::Image(const torch::Tensor& image)>& draw = data::picture_of);

/// Outputs "logits" [B,C] f (raw) and column "label" [B] i64 -> measures "loss" (nats) and "error"
/// (top-1 error rate).
class ClassificationEvaluator : public Evaluator {
 public:
  /// `classes`: names by class index.
  explicit ClassificationEvaluator(std::vector<std::string> classes)
      : classes_(std::move(classes)) {}

  void add(const data::Batch& outputs, const data::Batch& batch) override;
  std::string bytes() const override { return rows_.bytes(); }
  void merge(std::string_view bytes) override { rows_.merge(bytes); }
  std::vector<runs::Measure> result() const override;

  /// The confusion matrix.
  std::vector<runs::Table> tables() const override;
  /// Report with at most `worst` mistakes.
  ClassificationReport report(int worst = 24) const;

 private:
  std::vector<std::string> classes_;
  Rows rows_{5};  // loss, target, predicted, its probability, 1 where they differ
};

}  // namespace clew::train
