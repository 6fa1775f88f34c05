// SPDX-License-Identifier: Apache-2.0
#include "clew/train/start.h"

#include <torch/nn/module.h>
#include <torch/types.h>
#include <torch/utils.h>

#include <algorithm>
#include <filesystem>
#include <system_error>
#include <unordered_set>

#include "clew/core/error.h"
#include "clew/core/files.h"
#include "clew/nn/backbones/backbone.h"
#include "clew/nn/backbones/published.h"
#include "clew/nn/backbones/recognise.h"
#include "clew/nn/safetensors.h"
#include "clew/nn/tensors.h"
#include "clew/train/run_folder.h"

namespace clew::train {
namespace {

constexpr std::string_view kNetwork = "network.", kAverage = "ema.";

/// Weights of a checkpoint under the network's names.
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

/// Refuses loaded values that are not finite.
void check_finite(const torch::nn::Module& network, const nn::LoadReport& report,
                  const StartConfig& start) {
  const std::unordered_set<std::string_view> loaded(report.loaded.begin(), report.loaded.end());
  for (const auto& [name, tensor] : nn::state_of(network)) {
    if (!loaded.contains(name) || !tensor.is_floating_point()) continue;
    const auto others = tensor.numel() - torch::isfinite(tensor).sum().item<std::int64_t>();
    CLEW_CHECK(others == 0, "start.weights = '", start.weights, "': ", others, " of ",
               tensor.numel(), " numbers of ", name, " are NaN or infinite; start.skip = [\"",
               name.substr(0, name.rfind('.')), "\"] begins that module anew");
  }
}

}  // namespace

void resolve_start(StartConfig& start) {
  const bool is_word = start.weights.find_first_of("/.") == std::string::npos;
  if (start.weights.empty() || !is_word || path_exists(start.weights)) return;
  const auto* published = nn::find_published(start.weights);
  if (published == nullptr) {
    const auto& backbones = nn::backbone_names();
    if (std::ranges::find(backbones, start.weights) != backbones.end())
      throw UsageError(concat("start.weights = '", start.weights,
                              "': there is no such file or run folder, and no weights of that "
                              "backbone were published"));
    std::vector<std::string> names;
    for (const auto& one : nn::published_weights()) names.push_back(one.backbone);
    throw UsageError(concat("start.weights = '", start.weights,
                            "': there is no such file or run folder, and no such backbone",
                            did_you_mean(start.weights, names)));
  }
  const auto path = nn::at_hand(*published);
  CLEW_CHECK(path, "start.weights = '", start.weights,
             "': its weights are not at hand; `clew weights get ", start.weights, "` brings them, ",
             published->bytes >> 20, " MiB");
  start.weights = path->string();
}

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
  const auto given = nn::fitting_backbone(nn::weights_info(weights.tensors).tensors);
  const auto wanted = nn::fitting_backbone(nn::weights_info(nn::state_of(network)).tensors);
  const auto kind = given ? concat("; it holds ", given->text()) : "";
  CLEW_CHECK(!report.loaded.empty(), "start.weights = '", start.weights,
             "' has nothing that fits the network", kind, ": ", report.text());
  CLEW_CHECK(!given || !wanted || given->backbone == wanted->backbone, "start.weights = '",
             start.weights, "' is for another network: it holds ", given->text(), ", wanted ",
             wanted->backbone, ": ", report.text());
  check_finite(network, report, start);
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
