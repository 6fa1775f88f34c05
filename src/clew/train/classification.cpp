// SPDX-License-Identifier: Apache-2.0
#include "clew/train/classification.h"

#include <torch/types.h>
#include <torch/utils.h>

#include <algorithm>
#include <array>
#include <utility>

#include "clew/core/error.h"

namespace clew::train {
namespace {

constexpr std::size_t kIsWrong = 4;  // column of an evaluator's rows

void check_labels(const torch::Tensor& logits, const torch::Tensor& labels) {
  CLEW_CHECK(logits.dim() == 2 && labels.dim() == 1 && labels.size(0) == logits.size(0) &&
                 labels.scalar_type() == torch::kInt64,
             "logits must be [B,C] and labels [B] of Long, got ", logits.sizes(), " and ",
             labels.sizes(), " of ", labels.scalar_type());
  const auto classes = logits.size(1);
  const auto fits = labels.ge(0).logical_and_(labels.lt(classes));
  if (fits.all().item<bool>()) return;
  const auto place = fits.to(torch::kInt64).argmin().item<std::int64_t>();
  throw data::ExampleError(
      concat("a label must be in 0..", classes - 1, ", got ", labels[place].item<std::int64_t>()),
      static_cast<std::size_t>(place));
}

}  // namespace

Loss classification_loss(const torch::Tensor& logits, const torch::Tensor& targets) {
  check_labels(logits, targets);
  const auto value = torch::cross_entropy_loss(logits.to(torch::kFloat32), targets);
  const auto wrong = logits.detach().argmax(1).ne(targets).sum().item<double>();
  return {.value = value,
          .metrics = {
              {"loss", value.item<double>()},
              {"error", wrong / static_cast<double>(std::max<std::int64_t>(1, targets.size(0)))}}};
}

image::Image draw_mistakes(const data::Dataset& set, std::span<const Mistake> mistakes,
                           const std::vector<std::string>& classes, const image::GridLayout& layout,
                           const std::function<image::Image(const torch::Tensor&)>& draw) {
  std::vector<image::Tile> tiles;
  for (const auto& mistake : mistakes) {
    tiles.push_back({.picture = draw(set.get(mistake.index, Key{})["image"]),
                     .label = concat(classes.at(static_cast<std::size_t>(mistake.target)), " as ",
                                     classes.at(static_cast<std::size_t>(mistake.predicted)), ", ",
                                     static_cast<int>(100 * mistake.confidence), "%")});
  }
  auto own = layout;
  own.columns = std::min(layout.columns, static_cast<int>(tiles.size()));
  return image::grid(tiles, own);
}

void ClassificationEvaluator::add(const data::Batch& outputs, const data::Batch& batch) {
  const auto logits = outputs["logits"].to(torch::kFloat32);
  const auto& labels = batch["label"];
  check_labels(logits, labels);
  CLEW_CHECK(static_cast<std::int64_t>(classes_.size()) == logits.size(1), "the network tells ",
             logits.size(1), " classes apart, the data set has ", classes_.size());
  const auto losses = torch::cross_entropy_loss(logits, labels, {}, at::Reduction::None);
  const auto [confidences, predictions] = torch::softmax(logits, 1).max(1);
  for (std::int64_t i = 0; i < logits.size(0); ++i) {
    const auto label = labels[i].item<double>(), predicted = predictions[i].item<double>();
    const std::array<double, 5> row = {losses[i].item<double>(), label, predicted,
                                       confidences[i].item<double>(),
                                       label == predicted ? 0.0 : 1.0};
    rows_.add(batch.indices[i].item<std::int64_t>(), row);
  }
}

std::vector<runs::Measure> ClassificationEvaluator::result() const {
  return {{.name = "loss", .value = rows_.mean(0), .unit = "nats"},
          {.name = "error", .value = rows_.mean(kIsWrong), .unit = "share"}};
}

ClassificationReport ClassificationEvaluator::report(int worst) const {
  const auto classes = static_cast<std::int64_t>(classes_.size());
  ClassificationReport report{.classes = classes_,
                              .examples = static_cast<std::int64_t>(rows_.size()),
                              .error = rows_.mean(kIsWrong),
                              .loss = rows_.mean(0)};
  report.confusion.assign(static_cast<std::size_t>(classes * classes), 0);
  for (const auto& [index, row] : rows_.rows()) {
    const int target = static_cast<int>(row[1]), predicted = static_cast<int>(row[2]);
    ++report.confusion[static_cast<std::size_t>(target * classes + predicted)];
    if (target == predicted) continue;
    report.worst.push_back(
        {.index = index, .target = target, .predicted = predicted, .confidence = row[3]});
  }
  std::stable_sort(report.worst.begin(), report.worst.end(),
                   [](const auto& a, const auto& b) { return a.confidence > b.confidence; });
  if (report.worst.size() > static_cast<std::size_t>(worst))
    report.worst.resize(static_cast<std::size_t>(worst));
  return report;
}

std::vector<runs::Table> ClassificationEvaluator::tables() const {
  const auto all = report(0);
  runs::Table table{.title = "Confusion matrix",
                    .caption = "Rows are the true classes, columns the predicted ones.",
                    .row_title = "class",
                    .columns = {},
                    .rows = {},
                    .style = runs::TableStyle::kConfusion};
  const auto count = all.classes.size();
  for (std::size_t row = 0; row < count; ++row) {
    table.columns.push_back({all.classes[row]});
    std::vector<double> values;
    for (std::size_t column = 0; column < count; ++column)
      values.push_back(static_cast<double>(all.confusion[row * count + column]));
    table.rows.push_back({.name = all.classes[row], .values = std::move(values)});
  }
  return {std::move(table)};
}

}  // namespace clew::train
