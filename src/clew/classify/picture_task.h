// SPDX-License-Identifier: Apache-2.0
// Base of this module's tasks: a backbone with a new last layer.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "clew/classify/config.h"
#include "clew/data/scenes.h"
#include "clew/train/task.h"

namespace clew::classify {

/// The three splits of a task.
struct PictureSets {
  std::shared_ptr<const data::Dataset> train, validation, test;
};

class PictureTask : public train::Task {
 public:
  std::shared_ptr<torch::nn::Module> make_network() const override;
  /// images [B,3,H,W], or cached inputs of the last layer -> logits [B,N] f32 (raw).
  data::Batch forward(torch::nn::Module& network, const data::Batch& batch,
                      const Key& key) const override;
  const data::Dataset& train_set() const override { return *sets_.train; }
  const data::Dataset& validation_set() const override { return *sets_.validation; }
  const data::Dataset& test_set() const override { return *sets_.test; }
  /// Frozen and slow parameters of the mode.
  std::vector<train::ParameterRule> rules(const torch::nn::Module& network) const override;
  /// All but the last layer, where only that is trained. For AlexNet and VGG without the earlier
  /// dropout.
  std::optional<train::FrozenPrefix> frozen_prefix(
      const torch::nn::Module& network,
      const std::function<bool(const std::string& name)>& is_frozen) const override;

 protected:
  /// `config`: resolved; `outputs`: of the last layer.
  PictureTask(std::shared_ptr<const PictureConfig> config, std::int64_t outputs, PictureSets sets)
      : config_(std::move(config)), outputs_(outputs), sets_(std::move(sets)) {}
  const std::vector<std::string>& classes() const { return config_->data.classes; }

 private:
  std::shared_ptr<const PictureConfig> config_;
  std::int64_t outputs_;
  PictureSets sets_;
};

/// The recipe's backbone with `outputs` outputs and random weights.
std::shared_ptr<torch::nn::Module> make_backbone(const PictureConfig& config, std::int64_t outputs);

/// Classes of the data other than data.classes, where these are set: clew::Error.
void check_classes(const PictureConfig& config, const std::vector<std::string>& classes);

/// Scenes of a split, with the recipe's number and classes. Unknown classes: UsageError.
data::SceneOptions scene_options(const PictureConfig& config, data::Split split);

/// `set` with the recipe's views of a split.
std::shared_ptr<const data::Dataset> apply_views(const PictureConfig& config,
                                                 std::shared_ptr<const data::Dataset> set,
                                                 data::Split split);

/// Resolved augmentation, never kAuto.
Augmentation resolved_augmentation(const PictureConfig& config);

}  // namespace clew::classify
