// SPDX-License-Identifier: Apache-2.0
#include "clew/train/start.h"

#include <torch/nn/module.h>
#include <torch/types.h>

#include <algorithm>
#include <filesystem>
#include <system_error>

#include "clew/core/error.h"
#include "clew/core/files.h"
#include "clew/nn/safetensors.h"
#include "clew/nn/tensors.h"
#include "clew/train/run_folder.h"

namespace clew::train {
namespace {

constexpr std::string_view kNetwork = "network.", kAverage = "ema.";

/// The weights of a checkpoint under the network's names.
nn::NamedTensors tensors_of(const Checkpoint& checkpoint) {
  nn::NamedTensors tensors;
  const auto add = [&](const std::string& bytes) {
    if (bytes.empty()) return;
    const auto where = checkpoint.path.string();
    const auto file = nn::parse_safetensors(std::as_bytes(std::span(bytes)), where);
    for (const auto& [name, entry] : file.tensors) {
      if (!name.starts_with(kNetwork)) continue;
      const auto own = name.substr(kNetwork.size());
      const auto averaged = concat(kAverage, own);
      tensors.emplace_back(own,
                           nn::read_tensor(file, file.tensors.contains(averaged) ? averaged : name,
                                           nn::scalar_type(entry.dtype, where), {}, where));
    }
  };
  add(checkpoint.frozen);
  add(checkpoint.bytes);
  CLEW_CHECK(!tensors.empty(), checkpoint.path.string(), " holds no network to begin with");
  return tensors;
}

}  // namespace

StartWeights read_start(const StartConfig& start) {
  std::error_code ignored;
  const std::filesystem::path path = start.weights;
  const bool is_run = std::filesystem::is_directory(path, ignored);
  CLEW_CHECK(is_run || path_exists(path), "start.weights = '", start.weights,
             "': there is no such file or run folder");
  StartWeights weights;
  if (is_run) {
    if (!start.part.empty())
      throw UsageError(concat("start.part is for files of weights, and '", start.weights,
                              "' is a folder, got start.part = '", start.part, "'"));
    (void)runs::read_config(path);
    weights.tensors = tensors_of(best_checkpoint(path));
  } else {
    weights.tensors = nn::read_tensors(path, start.part);
  }
  weights.hash = nn::hash_of(weights.tensors);
  CLEW_CHECK(start.hash.empty() || start.hash == weights.hash, "start.weights = '", start.weights,
             "' are other weights than the run was made for: their hash must be ", start.hash,
             ", got ", weights.hash);
  return weights;
}

nn::LoadReport load_start(torch::nn::Module& network, const StartConfig& start,
                          const StartWeights& weights) {
  std::vector<std::string> skip;
  for (const auto& module : start.skip) {
    const auto state = nn::state_of(network);
    const auto is_below = names_under(module);
    if (std::ranges::none_of(state, [&](const auto& item) { return is_below(item.first); })) {
      throw UsageError(concat("start.skip = '", module,
                              "' matches no weight of the network, whose "
                              "first is ",
                              state.empty() ? "missing" : state[0].first));
    }
    for (const auto& [name, tensor] : state)
      if (is_below(name)) skip.push_back(name);
  }
  const auto report = nn::load_weights(
      network, weights.tensors, start.weights,
      {.skip = skip, .allows_missing = true, .allows_unexpected = true, .allows_misshapen = true});
  CLEW_CHECK(!report.loaded.empty(), "start.weights = '", start.weights,
             "' has nothing that fits the network: ", report.text());
  return report;
}

std::vector<ParameterRule> start_rules(const StartConfig& start) {
  std::vector<ParameterRule> rules;
  for (const auto& module : start.slow)
    rules.push_back({.what = concat("start.slow = '", module, "'"),
                     .matches = names_under(module),
                     .lr_factor = start.slow_factor});
  for (const auto& module : start.freeze)
    rules.push_back({.what = concat("start.freeze = '", module, "'"),
                     .matches = names_under(module),
                     .is_frozen = true});
  return rules;
}

}  // namespace clew::train
