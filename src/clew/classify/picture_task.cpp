// SPDX-License-Identifier: Apache-2.0
#include "clew/classify/picture_task.h"

#include <torch/nn/module.h>
#include <torch/types.h>

#include <algorithm>
#include <utility>

#include "clew/core/error.h"
#include "clew/core/text.h"

namespace clew::classify {
namespace {

constexpr std::uint64_t kKeyScenes = 1;

/// "WxH" of the last evaluation view with a size; default 224x224.
std::string side_of(const PictureConfig& config) {
  const auto& texts = config.data.views.eval;
  for (auto text = texts.rbegin(); text != texts.rend(); ++text) {
    const auto at = text->find('=');
    if (text->starts_with("crop=") || text->starts_with("resize=")) return text->substr(at + 1);
  }
  return "224x224";
}

}  // namespace

TransferMode resolved_mode(const PictureConfig& config) {
  const bool has_weights = !config.start.weights.empty();
  switch (config.mode) {
    case TransferMode::kAuto:
      return has_weights ? TransferMode::kLast : TransferMode::kScratch;
    case TransferMode::kScratch:
      if (has_weights)
        throw UsageError("mode = scratch begins with new weights, got start.weights = '" +
                         config.start.weights + "'");
      break;
    default:
      if (!has_weights)
        throw UsageError(concat("mode = ", name_of(config.mode),
                                " needs start.weights, a file of weights or a run, got none"));
  }
  return config.mode;
}

Augmentation resolved_augmentation(const PictureConfig& config) {
  if (config.data.augment != Augmentation::kAuto) return config.data.augment;
  return resolved_mode(config) == TransferMode::kLast && config.train.kept_versions == 1
             ? Augmentation::kNone
             : Augmentation::kViews;
}

data::SceneOptions scene_options(const PictureConfig& config, data::Split split) {
  const auto& data = config.data;
  return {.size = split == data::Split::kTrain ? data.scenes : data.scenes / 4,
          .most_objects = 1,
          .has_objects = false,
          .has_mask = false,
          .classes = data::scene_classes(data.scene_classes, "data.scene_classes"),
          .key = data::scene_key(fold_in(Key{config.seed}, kKeyScenes), split)};
}

std::shared_ptr<const data::Dataset> apply_views(const PictureConfig& config,
                                                 std::shared_ptr<const data::Dataset> set,
                                                 data::Split split) {
  auto views = config.data.views;
  views.check();
  const auto side = side_of(config);
  switch (resolved_augmentation(config)) {
    case Augmentation::kNone:
      views.train = views.eval;
      break;
    case Augmentation::kLight:
      views.train = {concat("random_crop=", side, ":0.5"), "flip"};
      break;
    case Augmentation::kStrong:
      views.train = {concat("random_crop=", side, ":0.125"), "flip", "colour=0.4:0.4:0.4:0.1"};
      break;
    default:
      break;
  }
  return views.apply(std::move(set), split);
}

std::shared_ptr<torch::nn::Module> make_backbone(const PictureConfig& config,
                                                 std::int64_t outputs) {
  return nn::Backbone(config.backbone,
                      nn::BackboneOptions{.classes = outputs, .dropout = config.dropout})
      .ptr();
}

void check_classes(const PictureConfig& config, const std::vector<std::string>& classes) {
  const auto& named = config.data.classes;
  CLEW_CHECK(named.empty() || named == classes, "data.classes are ", join(named),
             ", but the pictures are of ", join(classes));
}

std::shared_ptr<torch::nn::Module> PictureTask::make_network() const {
  return make_backbone(*config_, outputs_);
}

data::Batch PictureTask::forward(torch::nn::Module& network, const data::Batch& batch,
                                 const Key& key) const {
  const auto& backbone = dynamic_cast<nn::BackboneImpl&>(network);
  data::Batch outputs;
  outputs.set("logits", batch.has("features") ? backbone.classify(batch["features"], &key)
                                              : backbone.forward(batch["image"], &key));
  return outputs;
}

std::vector<train::ParameterRule> PictureTask::rules(const torch::nn::Module& network) const {
  const auto mode = resolved_mode(*config_);
  if (mode != TransferMode::kLast && mode != TransferMode::kSlow) return {};
  const auto is_last =
      train::names_under(dynamic_cast<const nn::BackboneImpl&>(network).last_layer());
  train::ParameterRule rule{.what = concat("mode = ", name_of(mode)),
                            .matches = [is_last](const auto& name) { return !is_last(name); }};
  if (mode == TransferMode::kLast) {
    rule.is_frozen = true;
  } else {
    rule.lr_factor = config_->start.slow_factor;
  }
  return {std::move(rule)};
}

std::optional<train::FrozenPrefix> PictureTask::frozen_prefix(
    const torch::nn::Module& network,
    const std::function<bool(const std::string& name)>& is_frozen) const {
  const auto& backbone = dynamic_cast<const nn::BackboneImpl&>(network);
  const auto is_last = train::names_under(backbone.last_layer());
  for (const auto& item : network.named_parameters())
    if (!is_last(item.key()) && !is_frozen(item.key())) return {};
  return train::FrozenPrefix{
      .run =
          [](torch::nn::Module& module, const data::Batch& batch) {
            data::Batch outputs;
            outputs.set("features",
                        dynamic_cast<nn::BackboneImpl&>(module).features(batch["image"]));
            return outputs;
          },
      .outputs = {{.name = "features",
                   .shape = {backbone.feature_count()},
                   .type = torch::kFloat32,
                   .meaning = "what the last layer reads"}},
      .inputs = {"image"}};
}

}  // namespace clew::classify
