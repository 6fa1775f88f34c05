// SPDX-License-Identifier: Apache-2.0
#include "clew/navigate/run.h"

#include <algorithm>
#include <memory>

#include "clew/core/error.h"
#include "clew/core/files.h"
#include "clew/maze/level_text.h"
#include "clew/navigate/trainer.h"
#include "clew/ops/precision.h"
#include "clew/runs/about.h"
#include "clew/runs/folder.h"
#include "clew/train/run_folder.h"

namespace clew::navigate {
namespace {

namespace fs = std::filesystem;

constexpr std::uint64_t kLevelMax = 1 << 20;
constexpr const char* kLevelFile = "level.toml";

bool is_builtin_level(const std::string& name) {
  const auto names = maze::builtin_level_names();
  return std::find(names.begin(), names.end(), name) != names.end();
}

/// Name of a built-in level, or stem of a level file.
std::string level_name(const std::string& level) {
  return is_builtin_level(level) ? level : fs::path(level).stem().string();
}

/// The columns of Trainer::take_metrics.
std::vector<runs::Plot> plots() {
  using Place = runs::PlotPlace;
  const auto single = [](const char* title, const char* unit, const char* metric, const char* name,
                         Place place = Place::kHidden) {
    return runs::Plot{
        .title = title, .unit = unit, .lines = {{.metric = metric, .name = name}}, .place = place};
  };
  const auto per_episode = [](const char* title, const char* unit, const char* metric,
                              const char* name, Place place) {
    return runs::Plot{.title = title,
                      .unit = unit,
                      .lines = {{.metric = metric, .name = name, .weight = "episodes"}},
                      .place = place};
  };
  auto policy = single("Policy loss", "", "loss_policy", "policy");
  policy.has_zero = false;
  return {
      per_episode("Score", "reward an episode", "score", "agent", Place::kFirst),
      per_episode("Goals", "an episode", "goals", "goals", Place::kSecond),
      {.title = "Depth predicted right",
       .unit = "share",
       .lines = {{.metric = "depth1_accuracy", .name = "from what it sees (d1)"},
                 {.metric = "depth2_accuracy", .name = "from memory (d2)"}},
       .references = {{.metric = "depth1_accuracy", .name = "guessing", .value = 1.0 / 8}}},
      single("Loop closure predicted right", "share", "loop_accuracy", "loop", Place::kSecond),
      single("Entropy of the policy", "nats", "entropy", "entropy", Place::kSecond),
      single("Speed", "agent steps a second", "steps_per_second", "speed", Place::kSecond),
      policy,
      single("Value loss", "", "loss_value", "value"),
      {.title = "Depth loss",
       .unit = "nats",
       .lines = {{.metric = "loss_depth1", .name = "d1"}, {.metric = "loss_depth2", .name = "d2"}},
       .place = Place::kHidden},
      single("Loop closure loss", "nats", "loss_loop", "loop"),
      single("Gradient norm", "", "grad_norm", "norm"),
      single("Learning rate", "", "lr", "rate")};
}

}  // namespace

void check_config(const NavigateConfig& config) {
  (void)maze::load_level(config.level);
  (void)agent_options(config);
  const auto& train = config.train;
  train::check_schedule(train);
  if (train.worlds < train.workers) {
    throw UsageError(concat("train.worlds must be at least train.workers (", train.workers,
                            "), got ", train.worlds));
  }
}

fs::path create_run(const fs::path& root, const std::string& recipe, const NavigateConfig& config,
                    const std::string& about) {
  const auto run = runs::create_run_folder(root, recipe);
  NavigateConfig written = config;
  if (!is_builtin_level(config.level)) {
    write_file_atomic(run / kLevelFile, read_file(config.level, kLevelMax));
    written.level = kLevelFile;
  }
  written.train.precision = ops::resolve_precision(config.train.precision, ops::Products::kKernels);
  runs::write_run_config(run, about, dump_toml(written));
  runs::write_about(run, {.title = concat(config.agent, " on ", level_name(config.level)),
                          .step_name = "agent steps",
                          .plots = plots()});
  return run;
}

NavigateConfig read_run(const fs::path& run) {
  NavigateConfig config;
  config.train.bootstrap_timeouts = false;  // a run without it is from before the key existed
  load(config, parse_toml(runs::read_config(run), (run / "config.toml").string()));
  // The path of a level in a config is relative to its folder.
  if (!is_builtin_level(config.level) && fs::exists(run / config.level))
    config.level = (run / config.level).string();
  return config;
}

train::RunEnd train_run(const fs::path& run, bool is_resumed,
                        const train::RunCallbacks& callbacks) {
  NavigateConfig config = read_run(run);
  Trainer trainer(config, std::make_shared<const maze::Level>(maze::load_level(config.level)));
  return train::train_run(run, trainer,
                          {.loop = config.train,
                           .resume_rules = resume_rules(fields_of(config)),
                           .is_resumed = is_resumed},
                          callbacks);
}

}  // namespace clew::navigate
