// SPDX-License-Identifier: Apache-2.0
// Recipe keys of this module: semantic segmentation.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "clew/core/config.h"
#include "clew/core/names.h"
#include "clew/data/mask_pictures.h"
#include "clew/data/views.h"
#include "clew/segment/averaging.h"
#include "clew/segment/network.h"
#include "clew/train/learning_system.h"

namespace clew::segment {

/// Weights of classes in the loss.
enum class ClassWeights : std::uint8_t {
  kNone,              // all pixels alike
  kInverseFrequency,  // 1 / share of the training pixels
};
constexpr auto names(ClassWeights) {
  return std::to_array<Named<ClassWeights>>(
      {{ClassWeights::kNone, "none"}, {ClassWeights::kInverseFrequency, "inverse_frequency"}});
}

/// Pictures with masks: those of data.dir, or drawn scenes.
struct SegmentData : data::MaskDataConfig {
  data::ViewsConfig views;
  int scenes = 2000, scene_size = 128;  // 0 scenes: data.dir is needed
  std::vector<double> shares;

  void fields(Fields& v) {
    MaskDataConfig::fields(v);
    views.fields(v);
    v("scenes", scenes,
      {.min = 0,
       .max = 10'000'000,
       .help =
           "drawn scenes to learn from without data.dir, at least 12, and a quarter as many for "
           "validation and for testing each; 0: none, so that data.dir is needed"});
    v("scene_size", scene_size, {.min = 16, .max = 4096, .help = "side of drawn scenes, pixels"});
    v("shares", shares,
      {.min = 0,
       .max = 1,
       .help = "of the pixels of each class; a run's config has those of its training data where "
               "class_weights needs them"});
  }
};

struct SegmentConfig : train::LearningConfig {
  std::string system = "segment", network = "fcn8s", backbone = "mobilenet_v2";
  int output_stride = 0;  // 0: the network's own
  std::optional<nn::ContextSize> context;
  nn::ContextStart context_start = nn::ContextStart::kIdentity;
  double dropout = -1, bias_rate = 2, auxiliary_weight = 0.5;
  ClassWeights class_weights = ClassWeights::kNone;
  SegmentData data;
  AveragingOptions averaging;  // of an evaluation

  SegmentConfig() {
    train.optimizer = train::OptimizerKind::kSgd;
    train.lr = 0.01;
    train.weight_decay = 5e-4;
    train.batch = 8;
    train.clip = 10;
  }

  void fields(Fields& v) override {
    v("system", system, {.choices = {"segment"}, .help = "the system this recipe is for"});
    v("seed", seed, {.is_setting = false, .help = "of everything random in the run"});
    v("network", network,
      {.choices = network_names(),
       .help = "fully convolutional network with scores of the last map alone (fcn32s), or also of "
               "those of stride 16 (fcn16s) and 8 (fcn8s); of a last map that dilation keeps fine "
               "(dilated; Yu and Koltun 2016); or a network of torchvision's"});
    v("backbone", backbone,
      {.choices = fcn_backbone_names(), .help = "body of fcn32s, fcn16s, fcn8s and dilated"});
    v("output_stride", output_stride,
      {.min = 0,
       .max = 32,
       .help = "of the backbone's last map: 32, 16 or 8; strides beyond it become dilation; 0: the "
               "network's own, 32 of FCNs, 8 of dilated and torchvision's"});
    v("context", context,
      {.help = "module of dilated convolutions on the scores, which sees 67 x 67 of them: none; "
               "basic, with a channel a class in each layer; large, with up to 32"});
    v("context_start", context_start,
      {.help = "initial weights of the context: identity, which passes the scores on; random, with "
               "which it hardly learns (Yu and Koltun 2016, section 3)"});
    v("dropout", dropout, {.min = -1, .below = 1.0, .help = "of the heads; -1: the network's own"});
    v("bias_rate", bias_rate,
      {.min = 0,
       .max = 100,
       .help = "learning rate of convolutions' biases, times train.lr (Long et al. 2015)"});
    v("auxiliary_weight", auxiliary_weight,
      {.min = 0,
       .max = 100,
       .help = "in the loss, of the scores of an earlier map that torchvision's networks have"});
    v("class_weights", class_weights,
      {.help = "in the loss: none; inverse_frequency, by 1 / share of the training pixels"});
    v.group("data", data);
    v.group("start", start);
    v.group("train", train);
  }
  void eval_fields(Fields& v) override { averaging.fields(v); }
  void prediction_fields(Fields& v) override {
    v("classes", data.classes,
      {.help = "names of the classes by their number in the masks; empty: those of labels.txt in "
               "the folder `truth`"});
    v("ignored", data.ignored, {.help = "classes whose pixels in `truth` are not counted"});
  }
};

/// Names of the counted classes, in the network's order.
std::vector<std::string> class_names(const SegmentConfig& config);
/// Options of the recipe's network. data.classes must be resolved.
NetworkOptions network_options(const SegmentConfig& config);

/// A split of the recipe's data (data::mask_columns), with its views. Evaluation views other than resize and
/// resize_short, after which a picture is not seen whole: UsageError.
std::shared_ptr<const data::Dataset> open_masks(const SegmentConfig& config, data::Split split);

/// Shares of the pixels of each class in up to 500 examples spread evenly over `set`. Blocks.
std::vector<double> pixel_shares(const data::Dataset& set, std::int64_t classes);

}  // namespace clew::segment
