// SPDX-License-Identifier: Apache-2.0
#include "clew/detect/detect_task.h"

#include <torch/nn/module.h>
#include <torch/types.h>

#include <algorithm>
#include <array>
#include <utility>

#include "clew/core/error.h"
#include "clew/core/text.h"
#include "clew/data/scenes.h"
#include "clew/detect/box_evaluator.h"

namespace clew::detect {
namespace {

constexpr std::uint64_t kKeyScenes = 1, kKeySide = 2;
constexpr std::array<const char*, 5> kLosses = {"objectness_loss", "proposal_loss", "class_loss",
                                                "box_loss", "mask_loss"};

}  // namespace

FasterRcnnImpl& detector_of(torch::nn::Module& network) {
  return dynamic_cast<FasterRcnnImpl&>(network);
}

int resolved_frozen_stride(const DetectConfig& config) {
  if (config.frozen_stride >= 0) return config.frozen_stride;
  return config.start.weights.empty() ? 0 : 4;
}

FasterRcnnOptions network_options(const DetectConfig& config) {
  const auto& own = config.regions;
  auto options = detector_options(config.network, std::ssize(config.data.classes) + 1);
  options.has_frozen_norms = !config.start.weights.empty();
  options.has_masks |= config.masks;
  const auto set = [](std::int64_t& value, std::int64_t given) {
    if (given > 0) value = given;
  };
  set(options.short_side, own.short_side);
  set(options.long_side, own.long_side);
  set(options.evaluation.after_nms, own.proposals);
  set(options.training.after_nms, own.train_proposals);
  for (auto* const limits : {&options.evaluation, &options.training})
    limits->before_nms = std::max(limits->before_nms, limits->after_nms);
  options.proposal_nms = own.proposal_overlap;
  options.detection_nms = own.detection_overlap;
  options.least_score = own.least_score;
  options.most_detections = own.most_detections;
  const auto levels = options.anchors.size();
  if (!own.anchor_sizes.empty()) {
    if (own.anchor_sizes.size() != levels)
      throw UsageError(concat("regions.anchor_sizes must be ", levels, ", one for each level of ",
                              config.network, ", got ", own.anchor_sizes.size()));
    for (std::size_t i = 0; i < levels; ++i) options.anchors[i].sizes = {own.anchor_sizes[i]};
  }
  if (!own.anchor_ratios.empty())
    for (auto& level : options.anchors) level.ratios = own.anchor_ratios;
  return options;
}

TrainingOptions training_options(const DetectConfig& config) {
  TrainingOptions options;
  options.sampled_anchors = config.regions.sampled_anchors;
  if (config.regions.sampled_proposals > 0) {
    options.sampled_proposals = config.regions.sampled_proposals;
  } else if (detector_options(config.network).training.after_nms < 2000) {
    options.sampled_proposals = 128;
  }
  return options;
}

std::shared_ptr<const data::Dataset> open_boxes(const DetectConfig& config, data::Split split) {
  const auto& own = config.data;
  const bool has_masks = network_options(config).has_masks;
  std::shared_ptr<const data::Dataset> set;
  if (own.dir.empty()) {
    data::SceneOptions options{
        .size = split == data::Split::kTrain ? own.scenes : own.scenes / 4,
        .width = own.scene_size,
        .height = own.scene_size,
        .has_mask = false,
        .classes = data::scene_classes(own.scene_classes, "data.scene_classes"),
        .key = data::scene_key(fold_in(Key{config.seed}, kKeyScenes), split)};
    set = std::make_shared<data::SceneBoxes>(options, has_masks);
  } else {
    set = std::make_shared<data::BoxPictures>(own, split, has_masks);
  }
  own.views.check();
  return own.views.apply(std::move(set), split);
}

Objects learned_objects(const data::Batch& batch, std::size_t picture) {
  const auto rows = batch.list("crowd")[picture]
                        .logical_or(batch.list("difficult")[picture])
                        .logical_not()
                        .nonzero()
                        .squeeze(1);
  Objects objects{.boxes = batch.list("boxes")[picture].index_select(0, rows),
                  .labels = batch.list("labels")[picture].index_select(0, rows) + 1};
  if (batch.has("masks")) objects.masks = batch.list("masks")[picture].index_select(0, rows);
  return objects;
}

DetectTask::DetectTask(const DetectConfig& config)
    : config_(config),
      train_(open_boxes(config, data::Split::kTrain)),
      validation_(open_boxes(config, data::Split::kValidation)),
      test_(open_boxes(config, data::Split::kTest)) {
  const auto classes = train_->class_names();
  if (config_.data.classes.empty()) config_.data.classes = classes;
  CLEW_CHECK(config_.data.classes == classes, "data.classes are ", join(config_.data.classes),
             ", but the pictures have ", join(classes));
}

std::shared_ptr<torch::nn::Module> DetectTask::make_network() const {
  return FasterRcnn(config_.network, network_options(config_)).ptr();
}

data::Batch DetectTask::forward(torch::nn::Module& network, const data::Batch& batch,
                                const Key& key) const {
  auto& own = detector_of(network);
  const auto& images = batch.list("image");
  data::Batch outputs;
  if (!own.is_training()) {
    std::vector<torch::Tensor> boxes, scores, labels, masks;
    for (auto& found : own.detect(images)) {
      boxes.push_back(std::move(found.boxes));
      scores.push_back(std::move(found.scores));
      labels.push_back(std::move(found.labels));
      if (found.masks.defined()) masks.push_back(std::move(found.masks));
    }
    outputs.set_list("boxes", std::move(boxes));
    outputs.set_list("scores", std::move(scores));
    outputs.set_list("labels", std::move(labels));
    if (!masks.empty()) outputs.set_list("masks", std::move(masks));
    return outputs;
  }
  std::vector<Objects> objects;
  for (std::size_t i = 0; i < images.size(); ++i) objects.push_back(learned_objects(batch, i));
  const auto& sides = config_.regions.train_short_sides;
  std::int64_t side = 0;
  if (!sides.empty()) {
    Stream stream(fold_in(key, kKeySide));
    side = sides[stream.below(static_cast<std::uint32_t>(sides.size()))];
  }
  const auto options = training_options(config_);
  const auto losses =
      detector_losses(own, images, objects, random_samplers(key, options), options, side);
  const std::array<torch::Tensor, 5> values = {losses.objectness, losses.proposal_boxes,
                                               losses.classes, losses.boxes, losses.masks};
  for (std::size_t i = 0; i < values.size(); ++i)
    if (values.at(i).defined()) outputs.set(kLosses.at(i), values.at(i).expand({batch.size()}));
  return outputs;
}

train::Loss DetectTask::loss(const data::Batch& outputs, const data::Batch& /*batch*/,
                             const Key& /*key*/) const {
  train::Loss loss{.value = torch::Tensor(), .metrics = {{.name = "loss", .value = 0}}};
  for (const auto* const name : kLosses) {
    if (!outputs.has(name)) continue;
    const auto value = outputs[name].mean();
    loss.value = loss.value.defined() ? loss.value + value : value;
    loss.metrics.push_back({.name = name, .value = value.item<double>()});
  }
  loss.metrics[0].value = loss.value.item<double>();
  return loss;
}

std::unique_ptr<train::Evaluator> DetectTask::make_evaluator() const {
  return std::make_unique<BoxEvaluator>(config_.data.classes, network_options(config_).has_masks);
}

std::string DetectTask::monitor() const {
  return network_options(config_).has_masks ? "mask_ap" : "ap";
}

std::vector<train::ParameterRule> DetectTask::rules(const torch::nn::Module& network) const {
  std::vector<train::ParameterRule> rules;
  const auto is_body = train::names_under("backbone.body");
  if (config_.body_rate != 1)
    rules.push_back({.what = "body_rate", .matches = is_body, .lr_factor = config_.body_rate});
  const int stride = resolved_frozen_stride(config_);
  if (stride == 0) return rules;
  std::vector<std::function<bool(const std::string&)>> modules;
  for (const auto& name : dynamic_cast<const FasterRcnnImpl&>(network).body_modules(stride))
    modules.push_back(train::names_under(name));
  rules.push_back({.what = concat("frozen_stride = ", stride),
                   .matches =
                       [modules](const std::string& name) {
                         return std::ranges::any_of(
                             modules, [&](const auto& matches) { return matches(name); });
                       },
                   .is_frozen = true});
  return rules;
}

}  // namespace clew::detect
