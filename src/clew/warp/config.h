// SPDX-License-Identifier: Apache-2.0
// Recipe keys of digit classification with spatial transformers: recipes/warp.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>

#include "clew/core/config.h"
#include "clew/data/digits_config.h"
#include "clew/train/learning_system.h"
#include "clew/warp/transform.h"

namespace clew::warp {

enum class BodyKind : std::uint8_t {
  kFcn,  // two hidden layers
  kCnn,  // conv 9x9, conv 7x7
};
constexpr auto names(BodyKind) {
  return std::to_array<Named<BodyKind>>({{BodyKind::kFcn, "fcn"}, {BodyKind::kCnn, "cnn"}});
}

enum class LocaliserKind : std::uint8_t {
  kFc,    // three layers of 32
  kConv,  // two conv 5x5 of 20
};
constexpr auto names(LocaliserKind) {
  return std::to_array<Named<LocaliserKind>>(
      {{LocaliserKind::kFc, "fc"}, {LocaliserKind::kConv, "conv"}});
}

struct NetworkConfig {
  BodyKind body = BodyKind::kCnn;
  std::optional<TransformKind> transform = TransformKind::kAffine;
  int transformers = 1;
  LocaliserKind localiser = LocaliserKind::kConv;
  int warp_size = 0, pool = 1;
  std::int64_t parameters = 200'000;
  double localiser_lr = 1;

  void fields(Fields& v) {
    v("body", body, {.help = "fcn: two hidden layers; cnn: conv 9x9, conv 7x7"});
    v("transform", transform, {.help = "what the spatial transformers do; none: there are none"});
    v("transformers", transformers,
      {.min = 1, .max = 8, .help = "side by side, each looking at the whole input"});
    v("localiser", localiser, {.help = "fc: three layers of 32; conv: two conv 5x5 of 20"});
    v("warp_size", warp_size,
      {.min = 0, .max = 1024, .help = "side of what a transformer gives, pixels; 0: the input's"});
    v("pool", pool, {.min = 1, .max = 8, .help = "average pooling behind the transformers"});
    v("parameters", parameters,
      {.min = 1000,
       .max = 1'000'000'000,
       .help = "of the whole network; the body is as wide as comes nearest"});
    v("localiser_lr", localiser_lr,
      {.min = 0, .max = 100, .help = "learning rate of the localisers, times train.lr"});
  }
};

struct WarpConfig : train::LearningConfig {
  std::string system = "warp";
  data::DigitsConfig data;
  NetworkConfig network;

  void fields(Fields& v) override {
    v("system", system, {.choices = {"warp"}, .help = "the system this recipe is for"});
    v("seed", seed, {.is_setting = false, .help = "of everything random in the run"});
    v.group("data", data);
    v.group("network", network);
    v.group("start", start);
    v.group("train", train);
  }
};

}  // namespace clew::warp
