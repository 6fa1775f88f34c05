// SPDX-License-Identifier: Apache-2.0
#include "clew/detect/detect_task.h"

#include <torch/nn/module.h>
#include <torch/types.h>

#include <algorithm>
#include <array>
#include <cstddef>
#include <functional>
#include <utility>

#include "clew/core/error.h"
#include "clew/core/text.h"
#include "clew/data/scenes.h"
#include "clew/detect/box_evaluator.h"
#include "clew/detect/proposal_evaluator.h"

namespace clew::detect {
namespace {

constexpr std::uint64_t kKeyScenes = 1, kKeySide = 2, kKeyDropout = 3;
constexpr const char* kProposer = "proposer";
constexpr std::array<const char*, 5> kLosses = {"objectness_loss", "proposal_loss", "class_loss",
                                                "box_loss", "mask_loss"};

/// Region proposals that a step trains, or takes its proposals from.
FasterRcnnImpl& proposer_of(torch::nn::Module& network, DetectTraining training) {
  using enum DetectTraining;
  if (training == kProposals || training == kDetections)
    return *dynamic_cast<AlternatingRcnnImpl&>(network).proposer;
  return detector_of(network);
}

/// True for parameters that a step of alternating training learns.
bool is_learned(const std::string& name, DetectTraining training) {
  const auto is_below = [&](const char* part) { return train::names_under(part)(name); };
  switch (training) {
    case DetectTraining::kJoint:
    case DetectTraining::kAlternating:
      return true;
    case DetectTraining::kProposals:
      return is_below(kProposer);
    case DetectTraining::kDetections:
      return is_below("backbone") || is_below("roi_heads");
    case DetectTraining::kSharedProposals:
      return is_below("rpn");
    case DetectTraining::kSharedDetections:
      return is_below("roi_heads");
  }
  return true;
}

}  // namespace

bool trains_proposals(DetectTraining training) {
  return training == DetectTraining::kProposals || training == DetectTraining::kSharedProposals;
}

FasterRcnnImpl& detector_of(torch::nn::Module& network) {
  return dynamic_cast<FasterRcnnImpl&>(network);
}

int resolved_frozen_stride(const DetectConfig& config) {
  if (config.frozen_stride >= 0) return config.frozen_stride;
  return config.start.weights.empty() ? 0 : detector_defaults(config.network).frozen_stride;
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
  if (own.detection_overlap > 0) options.detection_nms = own.detection_overlap;
  options.least_score = own.least_score;
  options.most_detections = own.most_detections;
  if (const auto& sizes = own.anchor_sizes; !sizes.empty()) {
    const auto levels = options.anchors.size(), count = sizes.size() / levels;
    if (sizes.size() % levels != 0)
      throw UsageError(concat("regions.anchor_sizes must be ", levels, ", one for each level of ",
                              config.network, ", or a multiple of that, got ", sizes.size()));
    auto first = sizes.begin();
    for (auto& level : options.anchors) {
      level.sizes.assign(first, first + static_cast<std::ptrdiff_t>(count));
      first += static_cast<std::ptrdiff_t>(count);
    }
  }
  if (!own.anchor_ratios.empty())
    for (auto& level : options.anchors) level.ratios = own.anchor_ratios;
  return options;
}

TrainingOptions training_options(const DetectConfig& config) {
  const auto defaults = detector_defaults(config.network);
  const auto sampled = config.regions.sampled_proposals;
  TrainingOptions options;
  options.sampled_anchors = config.regions.sampled_anchors;
  options.sampled_proposals = sampled > 0 ? sampled : defaults.sampled_proposals;
  options.detection_beta = defaults.detection_beta;
  options.ignores_crossing_anchors = defaults.ignores_crossing_anchors;
  return options;
}

std::shared_ptr<const data::Dataset> open_boxes(const DetectConfig& config, data::Split split) {
  const auto& own = config.data;
  const bool has_masks = network_options(config).has_masks;
  std::shared_ptr<const data::Dataset> set;
  if (own.dir.empty()) {
    if (own.scenes < 12)
      throw UsageError(own.scenes == 0
                           ? "data.dir must name a folder of pictures with boxes, of Pascal VOC, "
                             "COCO or YOLO, for this recipe has data.scenes = 0, got none"
                           : concat("data.scenes must be 0 or at least 12, got ", own.scenes));
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
  const auto options = network_options(config_);
  if (config_.training == DetectTraining::kJoint) return FasterRcnn(config_.network, options).ptr();
  return AlternatingRcnn(config_.network, options).ptr();
}

std::string DetectTask::monitor() const {
  if (trains_proposals(config_.training)) return "recall50";
  return network_options(config_).has_masks ? "mask_ap" : "ap";
}

std::vector<torch::Tensor> DetectTask::propose(torch::nn::Module& network,
                                               const std::vector<torch::Tensor>& images,
                                               std::int64_t count) const {
  return proposer_of(network, config_.training).propose_boxes(images, count);
}

std::vector<Detections> DetectTask::detect(torch::nn::Module& network,
                                           const std::vector<torch::Tensor>& images) const {
  if (trains_proposals(config_.training)) return std::vector<Detections>(images.size());
  auto& own = detector_of(network);
  auto& proposer = proposer_of(network, config_.training);
  if (&proposer == &own) return own.detect(images);
  const torch::NoGradGuard no_grad;
  const auto resized = own.resize(images);
  return own.finish(resized, own.features(resized.images),
                    proposer.propose(proposer.features(resized.images),
                                     {resized.images.size(2), resized.images.size(3)}));
}

data::Batch DetectTask::forward(torch::nn::Module& network, const data::Batch& batch,
                                const Key& key) const {
  auto& own = detector_of(network);
  const auto& images = batch.list("image");
  data::Batch outputs;
  if (!own.is_training() && trains_proposals(config_.training)) {
    outputs.set_list("boxes", propose(network, images, own.options().evaluation.after_nms));
    return outputs;
  }
  if (!own.is_training()) {
    std::vector<torch::Tensor> boxes, scores, labels, masks;
    for (auto& found : detect(network, images)) {
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
  auto& proposer = proposer_of(network, config_.training);
  TrainingPictures pictures{.images = images, .objects = {}, .dropout = fold_in(key, kKeyDropout)};
  for (std::size_t i = 0; i < images.size(); ++i)
    pictures.objects.push_back(learned_objects(batch, i));
  const auto& sides = config_.regions.train_short_sides;
  if (!sides.empty()) {
    Stream stream(fold_in(key, kKeySide));
    pictures.short_side = sides[stream.below(static_cast<std::uint32_t>(sides.size()))];
  }
  const auto options = training_options(config_);
  const auto samplers = random_samplers(key, options);
  DetectorLosses losses;
  if (trains_proposals(config_.training)) {
    losses = proposal_losses(proposer, pictures, samplers, options);
  } else if (config_.training == DetectTraining::kJoint) {
    losses = detector_losses(own, pictures, samplers, options);
  } else {
    losses = detection_losses(own, proposer, pictures, samplers, options);
  }
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
  if (trains_proposals(config_.training)) return std::make_unique<ProposalEvaluator>();
  return std::make_unique<BoxEvaluator>(config_.data.classes, network_options(config_).has_masks);
}

std::vector<train::ParameterRule> DetectTask::rules(const torch::nn::Module& network) const {
  std::vector<train::ParameterRule> rules;
  using Matches = std::function<bool(const std::string&)>;
  // Modules of the detector, and of the proposals' own body.
  const auto any_of = [](const std::vector<std::string>& names) -> Matches {
    std::vector<Matches> modules;
    for (const auto& name : names) {
      modules.push_back(train::names_under(name));
      modules.push_back(train::names_under(concat(kProposer, ".", name)));
    }
    return [modules](const std::string& name) {
      return std::ranges::any_of(modules, [&](const auto& matches) { return matches(name); });
    };
  };
  if (config_.body_rate != 1)
    rules.push_back({.what = "body_rate",
                     .matches = any_of({"backbone.body"}),
                     .lr_factor = config_.body_rate});
  if (const int stride = resolved_frozen_stride(config_); stride > 0)
    rules.push_back(
        {.what = concat("frozen_stride = ", stride),
         .matches = any_of(dynamic_cast<const FasterRcnnImpl&>(network).body_modules(stride)),
         .is_frozen = true});
  const auto training = config_.training;
  if (training != DetectTraining::kJoint && training != DetectTraining::kAlternating)
    rules.push_back(
        {.what = concat("training = ", name_of(training)),
         .matches = [training](const std::string& name) { return !is_learned(name, training); },
         .is_frozen = true});
  return rules;
}

}  // namespace clew::detect
