// SPDX-License-Identifier: Apache-2.0
// What all modules that sort examples into classes share: the loss, and the evaluator with confusion
// matrix and worst mistakes.
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

/// Cross-entropy: logits [B,C] f (raw), targets [B] i64 in [0,C) -> the mean, and the metrics "loss"
/// (nats) and "error" (the share of examples whose largest logit is another class). A target out of
/// range: data::ExampleError.
Loss classification_loss(const torch::Tensor& logits, const torch::Tensor& targets);

struct Mistake {
  std::int64_t index = 0;  // in the data set
  int target = 0, predicted = 0;
  double confidence = 0;  // probability of what was predicted
};
struct ClassificationReport {
  std::vector<std::string> classes;
  std::int64_t examples = 0;
  double error = 0, loss = 0;           // share; nats
  std::vector<std::int64_t> confusion;  // [C,C], row: target, column: predicted
  std::vector<Mistake> worst;           // most confident first
};

/// The examples of `mistakes`, at least one, each with what it is, what it was taken for and how surely.
image::Image draw_mistakes(
    const data::Dataset& set, std::span<const Mistake> mistakes,
    const std::vector<std::string>& classes, const image::GridLayout& layout,
    const std::function<image::Image(const torch::Tensor& image)>& draw = data::picture_of);

/// Of the outputs "logits" [B,C] f (raw) and the column "label" [B] i64: the measures "loss" (nats)
/// and "error" (share).
class ClassificationEvaluator : public Evaluator {
 public:
  /// `classes`: the name of each.
  explicit ClassificationEvaluator(std::vector<std::string> classes)
      : classes_(std::move(classes)) {}

  void add(const data::Batch& outputs, const data::Batch& batch) override;
  std::string bytes() const override { return rows_.bytes(); }
  void merge(std::string_view bytes) override { rows_.merge(bytes); }
  std::vector<runs::Measure> result() const override;

  /// The confusion matrix.
  std::vector<runs::Table> tables() const override;
  /// With at most `worst` mistakes.
  ClassificationReport report(int worst = 24) const;

 private:
  std::vector<std::string> classes_;
  Rows rows_{5};  // loss, target, predicted, its probability, 1 where they differ
};

}  // namespace clew::train
