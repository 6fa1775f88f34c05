// SPDX-License-Identifier: Apache-2.0
// Initial weights, frozen and slow modules: the keys `start` of a recipe.
#pragma once

#include <string>
#include <vector>

#include "clew/core/config.h"
#include "clew/nn/weights.h"
#include "clew/ops/tensor.h"
#include "clew/train/rules.h"

namespace clew::train {

struct StartConfig {
  std::string weights = "", part = "", hash = "";
  std::vector<std::string> skip, freeze, slow;
  double slow_factor = 0.1;

  void fields(Fields& v) {
    v("weights", weights,
      {.path = PathKind::kPath,
       .help =
           "backbone of `clew weights list`, file of weights, .pth or .safetensors, or run folder, "
           "to begin with; without: new ones"});
    v("part", part, {.help = "part of the file that holds them, such as state_dict"});
    v("hash", hash,
      {.is_setting = false,
       .help = "of the weights; a run's config has it, and other ones are refused"});
    v("skip", skip, {.help = "modules that begin with new weights all the same"});
    v("freeze", freeze, {.help = "modules whose weights never change"});
    v("slow", slow, {.help = "modules that learn at start.slow_factor times train.lr"});
    v("slow_factor", slow_factor,
      {.min = 0, .max = 100, .help = "learning rate of start.slow, times train.lr"});
  }
};

/// Replaces a backbone's name in start.weights by the path of its published weights; a file or run
/// folder of that name takes precedence. Weights that were not downloaded: clew::Error with the
/// command for it. Neither name, file nor folder: UsageError naming the nearest.
void resolve_start(StartConfig& start);

/// Tensors of start.weights under the network's names, and their hash. Of a run folder: its best
/// weights, the moving average where it has one. No such file, or another hash than start.hash:
/// clew::Error.
struct StartWeights {
  nn::NamedTensors tensors;
  std::string hash;  // 16 hexadecimal digits of names, shapes and values
};
StartWeights read_start(const StartConfig& start);

/// Copies matching tensors into `network`; reports loaded, missing, unexpected and misshapen ones.
/// No match, weights of another backbone, loaded values that are not finite: clew::Error.
nn::LoadReport load_start(torch::nn::Module& network, const StartConfig& start,
                          const StartWeights& weights);

/// Rules of start.freeze and start.slow.
std::vector<ParameterRule> start_rules(const StartConfig& start);

}  // namespace clew::train
