// SPDX-License-Identifier: Apache-2.0
// Recipe keys of the navigator, with defaults, ranges and help.
#pragma once

#include <cstdint>
#include <string>

#include "clew/core/config.h"
#include "clew/ops/precision.h"
#include "clew/train/loop.h"
#include "clew/train/optimizer.h"
#include "clew/train/schedule.h"

namespace clew::navigate {

struct TrainOptions : train::LoopConfig, train::ScheduleConfig, train::OptimizerConfig {
  TrainOptions()
      : LoopConfig{.steps = 20'000'000, .log_steps = 50'000},
        ScheduleConfig{.lr = 1e-3, .schedule = train::ScheduleKind::kLinear},
        OptimizerConfig{
            .optimizer = train::OptimizerKind::kRmsprop, .momentum = 0, .decay = 0.99, .clip = 5} {}

  int workers = 2;  // threads, each with its share of the worlds
  int worlds = 64;
  int unroll = 20;  // steps per rollout
  double discount = 0.99;
  double lambda = 1;
  bool bootstrap_timeouts = true;
  double reward_scale = 0.3;
  double entropy = 0.01, entropy_end = 0.001, value = 0.5, depth1 = 0.3, depth2 = 0.3, loop = 0.3;
  ops::PrecisionChoice precision = ops::PrecisionChoice::kAuto;

  void fields(Fields& v) {
    LoopConfig::fields(v, "agent steps of all worlds");
    v("workers", workers,
      {.min = 1, .max = 256, .help = "worker threads, one intra-op thread each"});
    v("worlds", worlds,
      {.min = 1, .max = 65536, .help = "mazes played at once, shared out over the workers"});
    v("unroll", unroll, {.min = 1, .max = 1000, .help = "steps between updates (T)"});
    OptimizerConfig::fields(v);
    ScheduleConfig::fields(v);
    v("discount", discount, {.min = 0, .max = 1, .help = "gamma, per agent step"});
    v("lambda", lambda, {.min = 0, .max = 1, .help = "V-trace lambda"});
    v("bootstrap_timeouts", bootstrap_timeouts,
      {.help = "an episode that the clock ends counts as going on; false: as over (the paper)"});
    v("reward_scale", reward_scale,
      {.min = 0, .max = 1000, .help = "factor on rewards before learning"});
    v("entropy", entropy,
      {.min = 0, .max = 10, .help = "weight of the policy's entropy at the start"});
    v("entropy_end", entropy_end,
      {.min = 0, .max = 10, .help = "weight at the end; linear in between"});
    v("value", value, {.min = 0, .max = 10, .help = "weight of the value loss"});
    v("depth1", depth1,
      {.min = 0, .max = 1000, .help = "weight of the encoder's depth loss (+d1)"});
    v("depth2", depth2, {.min = 0, .max = 1000, .help = "weight of the LSTM's depth loss (+d2)"});
    v("loop", loop, {.min = 0, .max = 1000, .help = "weight of the loop closure loss (+l)"});
    v("precision", precision, {.help = "operands of products; auto: the faster on this machine"});
  }
};

struct NavigateConfig {
  std::string system = "navigate";
  std::string level = "static_small";
  std::string agent = "nav+d1+d2+l";
  std::uint64_t seed = 1;
  int size = 84;
  int action_repeat = 4;
  int lstm1 = 64, lstm2 = 256;
  TrainOptions train;

  void fields(Fields& v) {
    v("system", system, {.choices = {"navigate"}, .help = "the system this recipe is for"});
    v("level", level,
      {.path = PathKind::kNameOrPath, .help = "a built-in level (`clew levels`) or a level file"});
    v("agent", agent, {.help = "ff, lstm or nav, then any of +d1 +d2 +l"});
    v("seed", seed, {.is_setting = false, .help = "of everything random in the run"});
    v("size", size,
      {.min = 36, .max = 256, .help = "height and width of the agent's frames, pixels"});
    v("action_repeat", action_repeat,
      {.min = 1, .max = 60, .help = "frames at 60 a second that one action lasts"});
    v("lstm1", lstm1, {.min = 1, .max = 4096, .help = "units of the first LSTM (nav)"});
    v("lstm2", lstm2, {.min = 1, .max = 4096, .help = "units of the policy LSTM (nav, lstm)"});
    v.group("train", train);
  }
};

}  // namespace clew::navigate
