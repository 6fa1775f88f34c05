// SPDX-License-Identifier: Apache-2.0
// Keys of a recipe of transfer learning.
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

/// Weights of a backbone that training changes.
enum class TransferMode : std::uint8_t {
  kAuto,     // kLast with weights to begin with, kScratch without
  kLast,     // the last layer alone; batch norms keep their statistics
  kSlow,     // all, but for the last layer at start.slow_factor times the rate
  kAll,      // all
  kScratch,  // all, from new weights
};
constexpr auto names(TransferMode) {
  using enum TransferMode;
  return std::to_array<Named<TransferMode>>(
      {{kAuto, "auto"}, {kLast, "last"}, {kSlow, "slow"}, {kAll, "all"}, {kScratch, "scratch"}});
}

struct TransferData : data::FolderConfig {
  data::ViewsConfig views;
  int scenes = 4000;                 // to learn from, where no folder is named
  std::vector<std::string> classes;  // of the data, once they were looked at

  void fields(Fields& v) {
    FolderConfig::fields(v);
    views.fields(v);
    v("scenes", scenes,
      {.min = 12,
       .max = 10'000'000,
       .help = "drawn scenes to learn from without data.dir, and a quarter as many for validation "
               "and for testing each"});
    v("classes", classes, {.help = "names of the classes; a run's config has those of its data"});
  }
};

struct TransferConfig : train::LearningConfig {
  std::string system = "classify";
  std::string backbone = "mobilenet_v2";
  TransferMode mode = TransferMode::kAuto;
  double dropout = -1;
  TransferData data;

  TransferConfig() {
    train.optimizer = train::OptimizerKind::kSgd;
    train.lr = 0.01;
    train.batch = 32;
  }
  void fields(Fields& v) override {
    v("system", system, {.choices = {"classify"}, .help = "the system this recipe is for"});
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
    v.group("data", data);
    v.group("start", start);
    v.group("train", train);
  }
};

/// `mode` as what it comes to, never kAuto. A mode that needs weights without them, or scratch with: UsageError.
TransferMode resolved_mode(const TransferConfig& config);

}  // namespace clew::classify
