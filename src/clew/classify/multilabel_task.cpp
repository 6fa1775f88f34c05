// SPDX-License-Identifier: Apache-2.0
#include "clew/classify/multilabel_task.h"

#include <torch/types.h>
#include <torch/utils.h>

#include <algorithm>
#include <cmath>
#include <numeric>
#include <utility>

#include "clew/core/error.h"
#include "clew/core/files.h"
#include "clew/data/labelled_pictures.h"

namespace clew::classify {
namespace {

constexpr int kMostObjects = 4;  // per scene

/// Scenes with multi-hot labels of their objects' classes.
class LabelledScenes : public data::Dataset {
 public:
  explicit LabelledScenes(std::shared_ptr<const data::Dataset> scenes)
      : scenes_(std::move(scenes)) {}
  std::int64_t size() const override { return scenes_->size(); }
  data::Example get(std::int64_t index, const Key& key) const override {
    const auto scene = scenes_->get(index, key);
    auto labels = torch::zeros({std::ssize(class_names())});
    labels.index_fill_(0, scene["labels"], 1);
    return {{"image", scene["image"]}, {"labels", labels}};
  }
  data::Columns columns() const override {
    return {scenes_->columns()[0],
            {.name = "labels",
             .shape = {std::ssize(class_names())},
             .type = torch::kFloat32,
             .meaning = "1 for each class of an object, else 0"}};
  }
  std::vector<std::string> class_names() const override { return scenes_->class_names(); }
  std::uint64_t content_hash() const override {
    return hash_text("labelled", scenes_->content_hash());
  }

 private:
  std::shared_ptr<const data::Dataset> scenes_;
};

/// Precision and recall at each threshold, by descending score.
struct PrecisionRecall {
  std::vector<double> precision, recall;
};
PrecisionRecall precision_recall(std::span<const double> scores,
                                 const std::vector<bool>& is_positive) {
  std::vector<std::size_t> order(scores.size());
  std::iota(order.begin(), order.end(), 0);
  std::ranges::stable_sort(order, [&](auto a, auto b) { return scores[a] > scores[b]; });
  const auto positives = static_cast<double>(std::ranges::count(is_positive, true));
  PrecisionRecall made;
  double found = 0;
  for (std::size_t i = 0; i < order.size(); ++i) {
    found += is_positive[order[i]];
    if (i + 1 < order.size() && scores[order[i + 1]] == scores[order[i]]) continue;
    made.precision.push_back(found / static_cast<double>(i + 1));
    made.recall.push_back(found / positives);
  }
  return made;
}

PictureSets open_labelled_sets(const MultilabelConfig& config) {
  PictureSets sets{open_labelled(config, data::Split::kTrain),
                   open_labelled(config, data::Split::kValidation),
                   open_labelled(config, data::Split::kTest)};
  check_classes(config, sets.train->class_names());
  return sets;
}

std::shared_ptr<const MultilabelConfig> with_labels(MultilabelConfig config) {
  if (config.data.classes.empty())
    config.data.classes = open_labelled(config, data::Split::kTrain)->class_names();
  return std::make_shared<const MultilabelConfig>(std::move(config));
}

}  // namespace

double average_precision(std::span<const double> scores, const std::vector<bool>& is_positive) {
  CLEW_CHECK(scores.size() == is_positive.size(), "scores and labels must be of one length, got ",
             scores.size(), " and ", is_positive.size(), " (average_precision)");
  if (std::ranges::count(is_positive, true) == 0) return std::nan("");
  const auto [precision, recall] = precision_recall(scores, is_positive);
  double area = 0, before = 0;
  for (std::size_t i = 0; i < precision.size(); ++i) {
    area += (recall[i] - before) * precision[i];
    before = recall[i];
  }
  return area;
}

void MultilabelEvaluator::add(const data::Batch& outputs, const data::Batch& batch) {
  const auto logits = outputs["logits"].to(torch::kFloat64), &labels = batch["labels"];
  const auto count = static_cast<std::int64_t>(classes_.size());
  CLEW_CHECK(logits.dim() == 2 && logits.size(1) == count && labels.sizes() == logits.sizes(),
             "logits and labels must be [B,", count, "], got ", logits.sizes(), " and ",
             labels.sizes());
  const auto targets = labels.to(torch::kFloat64);
  const auto losses =
      torch::binary_cross_entropy_with_logits(logits, targets, {}, {}, at::Reduction::None)
          .mean(1, true);
  const auto all = torch::cat({losses, logits, targets}, 1).contiguous();
  const auto width = static_cast<std::size_t>(all.size(1));
  for (std::int64_t i = 0; i < all.size(0); ++i)
    rows_.add(batch.indices[i].item<std::int64_t>(),
              {all.data_ptr<double>() + static_cast<std::size_t>(i) * width, width});
}

MultilabelEvaluator::Column MultilabelEvaluator::column(std::size_t one) const {
  Column made;
  for (const auto& [number, row] : rows_.rows()) {
    made.scores.push_back(row[1 + one]);
    made.is_positive.push_back(row[1 + classes_.size() + one] > 0.5);
  }
  return made;
}

std::vector<runs::Measure> MultilabelEvaluator::result() const {
  double sum = 0, known = 0, wrong = 0;
  for (std::size_t i = 0; i < classes_.size(); ++i) {
    const auto one = column(i);
    const double precision = average_precision(one.scores, one.is_positive);
    if (!std::isnan(precision)) sum += precision, ++known;
    for (std::size_t k = 0; k < one.scores.size(); ++k)
      wrong += (one.scores[k] > 0) != one.is_positive[k];
  }
  const auto labels = static_cast<double>(rows_.size() * classes_.size());
  return {{.name = "loss", .value = rows_.mean(0), .unit = "nats"},
          {.name = "error",
           .value = rows_.size() == 0 ? std::nan("") : wrong / labels,
           .unit = "share"},
          {.name = "mAP",
           .value = known > 0 ? sum / known : std::nan(""),
           .unit = "share",
           .larger_is_better = true}};
}

std::vector<runs::Table> MultilabelEvaluator::tables() const {
  runs::Table table{.title = "Average precision of each class",
                    .caption = "The area under its precision over its recall.",
                    .row_title = "class",
                    .columns = {{.name = "AP", .unit = "share"}, {.name = "pictures"}},
                    .rows = {},
                    .style = runs::TableStyle::kBars};
  for (std::size_t i = 0; i < classes_.size(); ++i) {
    const auto one = column(i);
    table.rows.push_back(
        {.name = classes_[i],
         .values = {average_precision(one.scores, one.is_positive),
                    static_cast<double>(std::ranges::count(one.is_positive, true))}});
  }
  return {std::move(table)};
}

std::vector<runs::Curve> MultilabelEvaluator::curves() const {
  runs::Curve curve{.title = "Precision over recall",
                    .caption = "One line a class, from the surest picture on.",
                    .x_name = "recall",
                    .y_name = "precision",
                    .lines = {},
                    .is_share = true};
  for (std::size_t i = 0; i < classes_.size(); ++i) {
    const auto one = column(i);
    if (std::ranges::count(one.is_positive, true) == 0) continue;
    auto [precision, recall] = precision_recall(one.scores, one.is_positive);
    curve.lines.push_back({.name = classes_[i], .x = std::move(recall), .y = std::move(precision)});
  }
  return {std::move(curve)};
}

std::shared_ptr<const data::Dataset> open_labelled(const MultilabelConfig& config,
                                                   data::Split split) {
  if (!config.data.dir.empty())
    return apply_views(config, std::make_shared<data::LabelledPictures>(config.data, split), split);
  auto options = scene_options(config, split);
  if (!options.classes.empty())
    throw UsageError(
        "data.scene_classes must be empty for scenes of several objects, which are of all classes");
  options.most_objects = kMostObjects;
  options.has_objects = true;
  return std::make_shared<LabelledScenes>(
      apply_views(config, std::make_shared<data::Scenes>(options), split));
}

MultilabelTask::MultilabelTask(const MultilabelConfig& config)
    : MultilabelTask(with_labels(config)) {}
MultilabelTask::MultilabelTask(const std::shared_ptr<const MultilabelConfig>& config)
    : PictureTask(config, std::ssize(config->data.classes), open_labelled_sets(*config)) {}

train::Loss MultilabelTask::loss(const data::Batch& outputs, const data::Batch& batch,
                                 const Key& /*key*/) const {
  const auto logits = outputs["logits"].to(torch::kFloat32);
  const auto& labels = batch["labels"];
  const auto value =
      torch::binary_cross_entropy_with_logits(logits, labels, {}, {}, at::Reduction::Mean);
  const auto wrong = logits.detach().gt(0).ne(labels.gt(0.5)).to(torch::kFloat32).mean();
  return {.value = value,
          .metrics = {{"loss", value.item<double>()}, {"error", wrong.item<double>()}}};
}

}  // namespace clew::classify
