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
#include "clew/detect/losses.h"
#include "clew/detect/one_box.h"
#include "clew/detect/proposal_evaluator.h"
#include "clew/detect/windows.h"

namespace clew::detect {
namespace {

constexpr std::uint64_t kKeyScenes = 1, kKeySide = 2, kKeyDropout = 3;
constexpr const char* kProposer = "proposer";
constexpr std::array<const char*, 5> kLosses = {"objectness_loss", "proposal_loss", "class_loss",
                                                "box_loss", "mask_loss"};

FasterRcnnImpl& faster_rcnn_of(torch::nn::Module& network) {
  return dynamic_cast<FasterRcnnImpl&>(network);
}

/// Region proposals that a step of alternating training trains, or takes its proposals from.
FasterRcnnImpl& proposer_of(torch::nn::Module& network, DetectTraining training) {
  using enum DetectTraining;
  if (training == kProposals || training == kDetections)
    return *dynamic_cast<AlternatingRcnnImpl&>(network).proposer;
  return faster_rcnn_of(network);
}

DetectorDefaults network_defaults(const std::string& network) {
  if (network == kOneBoxName) return {};
  if (network == kWindowsName) return {.frozen_stride = 0, .sampled_proposals = 128};
  return detector_defaults(network);
}

OneBoxOptions one_box_options(const DetectConfig& config) {
  OneBoxOptions options;
  options.classes = std::ssize(config.data.classes) + 1;
  if (config.regions.short_side > 0) options.side = config.regions.short_side;
  options.has_frozen_norms = !config.start.weights.empty();
  options.least_score = config.regions.least_score;
  return options;
}

WindowsOptions windows_options(const DetectConfig& config) {
  const auto& own = config.regions;
  WindowsOptions options;
  options.classes = std::ssize(config.data.classes) + 1;
  if (own.short_side > 0) options.short_side = own.short_side;
  if (own.long_side > 0) options.long_side = own.long_side;
  if (!own.anchor_sizes.empty()) options.sizes = own.anchor_sizes;
  if (own.detection_overlap > 0) options.detections.overlap = own.detection_overlap;
  options.detections.least_score = own.least_score;
  options.detections.most = own.most_detections;
  options.is_one_by_one = own.one_by_one;
  return options;
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

Detector& detector_of(torch::nn::Module& network) { return dynamic_cast<Detector&>(network); }

const std::vector<std::string>& network_names() {
  static const auto kNames = [] {
    auto names = detector_names();
    names.emplace_back(kOneBoxName);
    names.emplace_back(kWindowsName);
    return names;
  }();
  return kNames;
}

bool has_proposals(const DetectConfig& config) {
  return config.network != kOneBoxName && config.network != kWindowsName;
}

bool has_masks(const DetectConfig& config) {
  return config.masks || (has_proposals(config) && detector_options(config.network).has_masks);
}

void check_network(const DetectConfig& config) {
  const auto refuse = [&](const char* key, const auto& wanted, const auto& got) {
    throw UsageError(
        concat(key, " must be ", wanted, " with network = ", config.network, ", got ", got));
  };
  if (config.regions.one_by_one && config.network != kWindowsName)
    refuse("regions.one_by_one", "false", "true");
  if (has_proposals(config)) return;
  if (config.training != DetectTraining::kJoint)
    refuse("training", "joint", name_of(config.training));
  if (config.masks) refuse("masks", "false", "true");
  if (config.network == kWindowsName && !config.start.weights.empty())
    refuse("start.weights", "empty", concat("'", config.start.weights, "'"));
}

std::shared_ptr<Detector> make_detector(const DetectConfig& config) {
  if (config.network == kOneBoxName) return OneBox(one_box_options(config)).ptr();
  if (config.network == kWindowsName) return Windows(windows_options(config)).ptr();
  return FasterRcnn(config.network, network_options(config)).ptr();
}

DetectFunction fastest_detect(const std::shared_ptr<torch::nn::Module>& network) {
  if (const auto faster = std::dynamic_pointer_cast<FasterRcnnImpl>(network))
    return [fused = std::make_shared<FusedDetector>(FasterRcnn(faster))](const auto& images) {
      return fused->detect(images);
    };
  return [network](const auto& images) { return detector_of(*network).detect(images); };
}

int resolved_frozen_stride(const DetectConfig& config) {
  if (config.frozen_stride >= 0) return config.frozen_stride;
  return config.start.weights.empty() ? 0 : network_defaults(config.network).frozen_stride;
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
  const auto defaults = network_defaults(config.network);
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
  const bool needs_masks = has_masks(config);
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
    set = std::make_shared<data::SceneBoxes>(options, needs_masks);
  } else {
    set = std::make_shared<data::BoxPictures>(own, split, needs_masks);
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
  if (config_.training == DetectTraining::kJoint) return make_detector(config_);
  return AlternatingRcnn(config_.network, network_options(config_)).ptr();
}

std::string DetectTask::monitor() const {
  if (trains_proposals(config_.training)) return "recall50";
  return has_masks(config_) ? "mask_ap" : "ap";
}

std::vector<torch::Tensor> DetectTask::propose(torch::nn::Module& network,
                                               const std::vector<torch::Tensor>& images,
                                               std::int64_t count) const {
  if (config_.training == DetectTraining::kJoint)
    return detector_of(network).propose_boxes(images, count);
  return proposer_of(network, config_.training).propose_boxes(images, count);
}

std::vector<Detections> DetectTask::detect(torch::nn::Module& network,
                                           const std::vector<torch::Tensor>& images) const {
  if (trains_proposals(config_.training)) return std::vector<Detections>(images.size());
  if (config_.training == DetectTraining::kJoint) return detector_of(network).detect(images);
  auto& own = faster_rcnn_of(network);
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
    const auto& limits = faster_rcnn_of(network).options().evaluation;
    outputs.set_list("boxes", propose(network, images, limits.after_nms));
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
  TrainingPictures pictures{.images = images, .objects = {}, .dropout = fold_in(key, kKeyDropout)};
  for (std::size_t i = 0; i < images.size(); ++i)
    pictures.objects.push_back(learned_objects(batch, i));
  const auto& sides = config_.regions.train_short_sides;
  if (!sides.empty()) {
    Stream stream(fold_in(key, kKeySide));
    pictures.short_side = sides[stream.below(static_cast<std::uint32_t>(sides.size()))];
  }
  const auto options = training_options(config_);
  DetectorLosses losses;
  if (config_.training == DetectTraining::kJoint) {
    losses = own.losses(pictures, key, options);
  } else {
    auto& proposer = proposer_of(network, config_.training);
    const auto samplers = random_samplers(key, options);
    losses = trains_proposals(config_.training)
                 ? proposal_losses(proposer, pictures, samplers, options)
                 : detection_losses(faster_rcnn_of(network), proposer, pictures, samplers, options);
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
  return std::make_unique<BoxEvaluator>(config_.data.classes, has_masks(config_));
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
    rules.push_back({.what = concat("frozen_stride = ", stride),
                     .matches = any_of(dynamic_cast<const Detector&>(network).body_modules(stride)),
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
