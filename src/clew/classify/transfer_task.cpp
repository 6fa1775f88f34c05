// SPDX-License-Identifier: Apache-2.0
#include "clew/classify/transfer_task.h"

#include <torch/nn/module.h>
#include <torch/types.h>
#include <torch/utils.h>

#include <charconv>
#include <cmath>
#include <utility>

#include "clew/core/error.h"
#include "clew/core/text.h"
#include "clew/data/folders.h"
#include "clew/data/mixed.h"
#include "clew/train/classification.h"

namespace clew::classify {
namespace {

/// Refuses a class with too few pictures for the splits.
void check_class_sizes(const data::FolderConfig& config) {
  data::FolderOptions options;
  options.validation = config.validation;
  options.test = config.test;
  const auto where = data::split_folder(config.dir, data::Split::kTrain, options);
  if (!where.is_shared) return;
  for (const auto& one : data::list_classes(where.path)) {
    CLEW_CHECK(one.files.size() != 1, "class '", one.name, "' of '", where.path.string(),
               "' must have at least 2 pictures, to learn from and to choose weights by, got 1");
  }
}

/// Training pictures by class; equal for scenes.
std::vector<double> class_counts(const TransferConfig& config) {
  std::vector<double> counts(config.data.classes.size(), config.data.dir.empty() ? 1 : 0);
  if (config.data.dir.empty()) return counts;
  const auto set = data::make_image_folder(config.data, data::Split::kTrain);
  for (std::int64_t i = 0; i < set->size(); ++i)
    ++counts.at(static_cast<std::size_t>(set->label(i)));
  return counts;
}

torch::Tensor class_weights_of(const TransferConfig& config) {
  const auto& texts = config.class_weights;
  const auto& classes = config.data.classes;
  if (texts.empty()) return {};
  auto weights = torch::empty({static_cast<std::int64_t>(classes.size())});
  auto* const to = weights.data_ptr<float>();
  if (texts.size() == 1 && texts[0] == "balanced") {
    const auto counts = class_counts(config);
    double all = 0;
    for (const double count : counts) all += count;
    for (std::size_t i = 0; i < counts.size(); ++i) {
      CLEW_CHECK(counts[i] > 0, "class '", classes[i], "' has no picture to learn from");
      to[i] = static_cast<float>(all / (static_cast<double>(counts.size()) * counts[i]));
    }
    return weights;
  }
  if (texts.size() != classes.size())
    throw UsageError(concat("class_weights must be [\"balanced\"] or a weight for each of ",
                            classes.size(), " classes (", join(classes), "), got ", texts.size()));
  for (std::size_t i = 0; i < texts.size(); ++i) {
    const auto& text = texts[i];
    float value = 0;
    const auto end = std::from_chars(text.data(), text.data() + text.size(), value);
    if (end.ec != std::errc() || end.ptr != text.data() + text.size() || !(value > 0) ||
        !std::isfinite(value))
      throw UsageError(concat("class_weights must be numbers above 0, got '", excerpt(text), "'"));
    to[i] = value;
  }
  return weights;
}

PictureSets open_sets(const TransferConfig& config) {
  PictureSets sets{open_pictures(config, data::Split::kTrain),
                   open_pictures(config, data::Split::kValidation),
                   open_pictures(config, data::Split::kTest)};
  const auto classes = sets.train->class_names();
  CLEW_CHECK(classes.size() > 1, "pictures of at least two classes are told apart, got ",
             classes.size());
  check_classes(config, classes);
  if (config.mixup > 0) sets.train = std::make_shared<data::MixedSet>(sets.train, config.mixup);
  return sets;
}

std::shared_ptr<const TransferConfig> with_classes(TransferConfig config) {
  if (config.data.classes.empty())
    config.data.classes = open_pictures(config, data::Split::kTrain)->class_names();
  return std::make_shared<const TransferConfig>(std::move(config));
}

}  // namespace

std::shared_ptr<const data::Dataset> open_pictures(const TransferConfig& config,
                                                   data::Split split) {
  if (config.data.dir.empty())
    return apply_views(config, std::make_shared<data::Scenes>(scene_options(config, split)), split);
  if (split == data::Split::kTrain) check_class_sizes(config.data);
  return apply_views(config, data::make_image_folder(config.data, split), split);
}

torch::Tensor smoothed_cross_entropy(const torch::Tensor& logits, const torch::Tensor& targets,
                                     double smoothing, const torch::Tensor& weights) {
  const auto logs = torch::log_softmax(logits.to(torch::kFloat32), 1);
  auto losses = -logs.gather(1, targets.unsqueeze(1)).squeeze(1);
  if (smoothing > 0) losses = losses * (1 - smoothing) - logs.mean(1) * smoothing;
  return weights.defined() ? losses * weights.index_select(0, targets) : losses;
}

TransferTask::TransferTask(const TransferConfig& config) : TransferTask(with_classes(config)) {}
TransferTask::TransferTask(const std::shared_ptr<const TransferConfig>& config)
    : PictureTask(config, std::ssize(config->data.classes), open_sets(*config)),
      label_smoothing_(config->label_smoothing),
      class_weights_(class_weights_of(*config)) {}

train::Loss TransferTask::loss(const data::Batch& outputs, const data::Batch& batch,
                               const Key& /*key*/) const {
  const auto &logits = outputs["logits"], &labels = batch["label"];
  if (label_smoothing_ == 0 && !class_weights_.defined() && !batch.has("share"))
    return train::classification_loss(logits, labels);
  const auto weights =
      class_weights_.defined() ? class_weights_.to(logits.device()) : class_weights_;
  const auto weight_of = [&](const torch::Tensor& targets) {
    return weights.defined() ? weights.index_select(0, targets)
                             : torch::ones(targets.sizes(), logits.options());
  };
  auto losses = smoothed_cross_entropy(logits, labels, label_smoothing_, weights);
  auto counted = weight_of(labels);
  if (batch.has("share")) {
    const auto &share = batch["share"], &others = batch["other_label"];
    losses = losses * share +
             smoothed_cross_entropy(logits, others, label_smoothing_, weights) * (1 - share);
    counted = counted * share + weight_of(others) * (1 - share);
  }
  const double weight = counted.sum().item<double>();
  const auto value = losses.sum() / weight;
  const auto wrong = logits.detach().argmax(1).ne(labels).sum().item<double>();
  return {.value = value,
          .metrics = {{"loss", value.item<double>()},
                      {"error", wrong / static_cast<double>(labels.size(0))}},
          .weight = weight};
}

std::unique_ptr<train::Evaluator> TransferTask::make_evaluator() const {
  return std::make_unique<train::ClassificationEvaluator>(classes());
}

}  // namespace clew::classify
