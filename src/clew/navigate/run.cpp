// SPDX-License-Identifier: Apache-2.0
#include "clew/navigate/run.h"

#include <algorithm>
#include <memory>

#include "clew/core/error.h"
#include "clew/core/files.h"
#include "clew/maze/level_text.h"
#include "clew/navigate/trainer.h"
#include "clew/ops/precision.h"
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

}  // namespace

void check_config(const NavigateConfig& config) {
  (void)maze::load_level(config.level);
  (void)agent_options(config);
  const auto& train = config.train;
  if (train.worlds < train.workers) {
    throw UsageError(concat("train.worlds must be at least train.workers (", train.workers,
                            "), got ", train.worlds));
  }
}

fs::path create_run(const fs::path& root, const std::string& recipe, const NavigateConfig& config,
                    const std::string& about) {
  const auto run = train::create_run_folder(root, recipe);
  NavigateConfig written = config;
  if (!is_builtin_level(config.level)) {
    write_file_atomic(run / kLevelFile, read_file(config.level, kLevelMax));
    written.level = kLevelFile;
  }
  written.train.precision = ops::resolve_precision(config.train.precision, ops::Products::kKernels);
  train::write_run_config(run, about, dump_toml(written));
  return run;
}

NavigateConfig read_run(const fs::path& run) {
  NavigateConfig config;
  config.train.bootstrap_timeouts =
      false;  // a run that does not name it is from before it was there
  load(config, parse_toml(train::read_run_config(run), (run / "config.toml").string()));
  // The path of a level in a config file is one from the file's own folder.
  if (!is_builtin_level(config.level) && fs::exists(run / config.level))
    config.level = (run / config.level).string();
  return config;
}

train::RunEnd train_run(const fs::path& run, bool is_resumed,
                        const train::RunCallbacks& callbacks) {
  const NavigateConfig config = read_run(run);
  Trainer trainer(config, std::make_shared<const maze::Level>(maze::load_level(config.level)));
  return train::train_run(run, trainer,
                          {.steps = config.train.steps,
                           .log_steps = config.train.log_steps,
                           .checkpoint_seconds = config.train.checkpoint_seconds},
                          is_resumed, callbacks);
}

}  // namespace clew::navigate
