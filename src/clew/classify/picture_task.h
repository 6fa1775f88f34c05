// SPDX-License-Identifier: Apache-2.0
// Pictures and a backbone with a new last layer: what the tasks of this module share.
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
  /// logits [B,N] f32 (raw), of images [B,3,H,W] or of the features before the last layer.
  data::Batch forward(torch::nn::Module& network, const data::Batch& batch,
                      const Key& key) const override;
  const data::Dataset& train_set() const override { return *sets_.train; }
  const data::Dataset& validation_set() const override { return *sets_.validation; }
  const data::Dataset& test_set() const override { return *sets_.test; }
  /// Frozen and slow parameters of the mode.
  std::vector<train::ParameterRule> rules(const torch::nn::Module& network) const override;
  /// Inputs of the last layer, where that alone learns: of AlexNet and VGG without the dropout further in front.
  std::optional<train::FrozenPrefix> frozen_prefix(
      const torch::nn::Module& network,
      const std::function<bool(const std::string& name)>& is_frozen) const override;

 protected:
  /// `config` says mode and classes; the last layer gives `outputs` numbers.
  PictureTask(std::shared_ptr<const PictureConfig> config, std::int64_t outputs, PictureSets sets)
      : config_(std::move(config)), outputs_(outputs), sets_(std::move(sets)) {}
  const std::vector<std::string>& classes() const { return config_->data.classes; }

 private:
  std::shared_ptr<const PictureConfig> config_;
  std::int64_t outputs_;
  PictureSets sets_;
};

/// The recipe's backbone whose last layer gives `outputs` numbers, with new weights.
std::shared_ptr<torch::nn::Module> make_backbone(const PictureConfig& config, std::int64_t outputs);

/// Refuses classes of the data that are not those of data.classes, where it names some: clew::Error.
void check_classes(const PictureConfig& config, const std::vector<std::string>& classes);

/// Scenes of a split, with the recipe's number and classes of them. Other classes than there are: UsageError.
data::SceneOptions scene_options(const PictureConfig& config, data::Split split);

/// The recipe's views of a split, `set` through them.
std::shared_ptr<const data::Dataset> apply_views(const PictureConfig& config,
                                                 std::shared_ptr<const data::Dataset> set,
                                                 data::Split split);

/// Augmentation as what it comes to, never kAuto.
Augmentation resolved_augmentation(const PictureConfig& config);

}  // namespace clew::classify
