// SPDX-License-Identifier: Apache-2.0
// Recipe keys of this module: transfer learning, multi-label classification, localisation of one
// object.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <vector>

#include "clew/core/config.h"
#include "clew/data/folder_config.h"
#include "clew/data/views.h"
#include "clew/nn/backbones/backbone.h"
#include "clew/train/learning_system.h"

namespace clew::classify {

/// Trainable weights of a backbone.
enum class TransferMode : std::uint8_t {
  kAuto,     // kLast with start.weights, kScratch without
  kLast,     // the last layer; batch norms keep their statistics
  kSlow,     // all; below the last layer at start.slow_factor times the learning rate
  kAll,      // all
  kScratch,  // all, from random weights
};
constexpr auto names(TransferMode) {
  using enum TransferMode;
  return std::to_array<Named<TransferMode>>(
      {{kAuto, "auto"}, {kLast, "last"}, {kSlow, "slow"}, {kAll, "all"}, {kScratch, "scratch"}});
}

/// Augmentation of training pictures.
enum class Augmentation : std::uint8_t {
  kAuto,    // kNone where outputs of one version are cached, else kViews
  kNone,    // evaluation views
  kLight,   // crops of at least half of the area, flips
  kViews,   // data.views
  kStrong,  // crops of at least an eighth of the area, flips, colour jitter
};
constexpr auto names(Augmentation) {
  using enum Augmentation;
  return std::to_array<Named<Augmentation>>({{kAuto, "auto"},
                                             {kNone, "none"},
                                             {kLight, "light"},
                                             {kViews, "views"},
                                             {kStrong, "strong"}});
}

struct PictureData : data::FolderConfig {
  data::ViewsConfig views;
  Augmentation augment = Augmentation::kAuto;
  int scenes = 4000;                       // training scenes, without data.dir
  std::vector<std::string> scene_classes;  // empty: all
  std::vector<std::string> classes;        // of the data, once resolved

  void fields(Fields& v) {
    FolderConfig::fields(v);
    views.fields(v);
    v("augment", augment,
      {.help = "random views of training pictures: none, those of an evaluation; light, crops and "
               "mirror images; views, data.views; strong, smaller crops and other colours; auto: "
               "none where train.kept_versions = 1 takes effect, else views"});
    v("scenes", scenes,
      {.min = 12,
       .max = 10'000'000,
       .help = "drawn scenes to learn from without data.dir, and a quarter as many for validation "
               "and for testing each"});
    v("scene_classes", scene_classes,
      {.help = "classes of the drawn scenes, such as [\"ball\", \"star\"]; none: all twelve"});
    v("classes", classes, {.help = "names of the classes; a run's config has those of its data"});
  }
};

/// Keys shared by the recipes of this module.
struct PictureConfig : train::LearningConfig {
  std::string backbone = "mobilenet_v2";
  TransferMode mode = TransferMode::kAuto;
  double dropout = -1;
  PictureData data;

  PictureConfig() {
    train.optimizer = train::OptimizerKind::kSgd;
    train.lr = 0.01;
    train.batch = 32;
    train.kept_versions = 1;
  }

 protected:
  /// The first keys of a recipe for `system`.
  void head(Fields& v, std::string& system, const char* name) {
    v("system", system, {.choices = {name}, .help = "the system this recipe is for"});
    v("seed", seed, {.is_setting = false, .help = "of everything random in the run"});
    v("backbone", backbone,
      {.choices = nn::backbone_names(), .help = "the network, with a last layer for the data"});
    v("mode", mode,
      {.help =
           "what is trained: last, the last layer alone; slow, all, but the rest at "
           "start.slow_factor times train.lr; all; scratch, all from new weights; auto: last with "
           "start.weights, scratch without"});
    v("dropout", dropout,
      {.min = -1, .below = 1.0, .help = "before linear layers; -1: the network's own"});
  }
  void tail(Fields& v) {
    v.group("data", data);
    v.group("start", start);
    v.group("train", train);
  }
};

struct TransferConfig : PictureConfig {
  std::string system = "classify";
  std::vector<std::string> class_weights;
  double label_smoothing = 0, mixup = 0;

  void fields(Fields& v) override {
    head(v, system, "classify");
    v("class_weights", class_weights,
      {.help = "weight of each class in the loss, in the order of data.classes, or [\"balanced\"]: "
               "classes count alike, however many pictures they have"});
    v("label_smoothing", label_smoothing,
      {.min = 0,
       .below = 1.0,
       .help = "share of each label that is spread over all classes (Szegedy et al. 2016)"});
    v("mixup", mixup,
      {.min = 0,
       .max = 1,
       .help = "alpha of Beta(alpha, alpha), by which two training pictures and their labels are "
               "mixed (Zhang et al. 2018); 0: they are not"});
    tail(v);
  }
};

struct MultilabelConfig : PictureConfig {
  std::string system = "multilabel";

  void fields(Fields& v) override {
    head(v, system, "multilabel");
    tail(v);
  }
};

/// Box regression loss.
enum class BoxLoss : std::uint8_t { kMse, kSmoothL1 };
constexpr auto names(BoxLoss) {
  return std::to_array<Named<BoxLoss>>({{BoxLoss::kMse, "mse"}, {BoxLoss::kSmoothL1, "smooth_l1"}});
}

struct LocaliseConfig : PictureConfig {
  std::string system = "localise";
  BoxLoss box_loss = BoxLoss::kMse;
  double box_weight = 10;

  void fields(Fields& v) override {
    head(v, system, "localise");
    v("box_loss", box_loss,
      {.help = "of the box's four numbers, shares of the picture's sides: mse, the squared error; "
               "smooth_l1 (Girshick 2015), bent at 0.1"});
    v("box_weight", box_weight,
      {.min = 0, .max = 1e6, .help = "of the box in the loss, beside the class"});
    tail(v);
  }
};

/// Resolved mode, never kAuto. A mode that needs start.weights without them, or scratch with them:
/// UsageError.
TransferMode resolved_mode(const PictureConfig& config);

}  // namespace clew::classify
