// SPDX-License-Identifier: Apache-2.0
#include "clew/classify/transfer_task.h"

#include <torch/nn/module.h>
#include <torch/types.h>

#include <utility>

#include "clew/core/error.h"
#include "clew/core/text.h"
#include "clew/data/scenes.h"
#include "clew/train/classification.h"

namespace clew::classify {
namespace {

constexpr std::uint64_t kKeyScenes = 1;

}  // namespace

TransferMode resolved_mode(const TransferConfig& config) {
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

std::shared_ptr<const data::Dataset> open_pictures(const TransferConfig& config,
                                                   data::Split split) {
  const auto& data = config.data;
  std::shared_ptr<const data::Dataset> set;
  if (data.dir.empty()) {
    const Key key = clew::split(Key{config.seed}, kKeyScenes);
    set = std::make_shared<data::Scenes>(
        data::SceneOptions{.size = split == data::Split::kTrain ? data.scenes : data.scenes / 4,
                           .most_objects = 1,
                           .has_objects = false,
                           .has_mask = false,
                           .key = data::scene_key(key, split)});
  } else {
    set = data::make_image_folder(data, split);
  }
  return data.views.apply(std::move(set), split);
}

std::shared_ptr<torch::nn::Module> make_backbone(const TransferConfig& config) {
  const auto classes = static_cast<std::int64_t>(config.data.classes.size());
  CLEW_CHECK(classes > 1, "data.classes must name at least two classes, got ", classes);
  return nn::Backbone(config.backbone,
                      nn::BackboneOptions{.classes = classes, .dropout = config.dropout})
      .ptr();
}

void check_classes(const TransferConfig& config, const std::vector<std::string>& classes) {
  CLEW_CHECK(classes.size() > 1, "pictures of at least two classes are told apart, got ",
             classes.size());
  const auto& named = config.data.classes;
  CLEW_CHECK(named.empty() || named == classes, "data.classes are ", join(named),
             ", but the pictures are of ", join(classes));
}

TransferTask::TransferTask(const TransferConfig& config)
    : config_(config),
      train_(open_pictures(config, data::Split::kTrain)),
      validation_(open_pictures(config, data::Split::kValidation)),
      test_(open_pictures(config, data::Split::kTest)) {
  check_classes(config_, train_->class_names());
  config_.data.classes = train_->class_names();
}

std::shared_ptr<torch::nn::Module> TransferTask::make_network() const {
  return make_backbone(config_);
}

data::Batch TransferTask::forward(torch::nn::Module& network, const data::Batch& batch,
                                  const Key& key) const {
  data::Batch outputs;
  outputs.set("logits", dynamic_cast<nn::BackboneImpl&>(network).forward(batch["image"], &key));
  return outputs;
}

train::Loss TransferTask::loss(const data::Batch& outputs, const data::Batch& batch,
                               const Key& /*key*/) const {
  return train::classification_loss(outputs["logits"], batch["label"]);
}

std::unique_ptr<train::Evaluator> TransferTask::make_evaluator() const {
  return std::make_unique<train::ClassificationEvaluator>(config_.data.classes);
}

std::vector<train::ParameterRule> TransferTask::rules(const torch::nn::Module& network) const {
  const auto mode = resolved_mode(config_);
  if (mode != TransferMode::kLast && mode != TransferMode::kSlow) return {};
  const auto is_last =
      train::names_under(dynamic_cast<const nn::BackboneImpl&>(network).last_layer());
  train::ParameterRule rule{.what = concat("mode = ", name_of(mode)),
                            .matches = [is_last](const auto& name) { return !is_last(name); }};
  if (mode == TransferMode::kLast) {
    rule.is_frozen = true;
  } else {
    rule.lr_factor = config_.start.slow_factor;
  }
  return {std::move(rule)};
}

}  // namespace clew::classify
