// SPDX-License-Identifier: Apache-2.0
// clew train: a recipe becomes a run folder and is trained; a run folder is resumed.
#include <CLI/CLI.hpp>
#include <filesystem>
#include <iostream>
#include <memory>
#include <string>
#include <vector>

#include "clew/core/config.h"
#include "clew/core/error.h"
#include "command.h"
#include "recipes.h"
#include "systems.h"

namespace clew::app {
namespace {

struct Arguments {
  std::string what, config, runs = "runs";
  bool is_resumed = false;
  std::vector<std::string> overrides;
};

std::filesystem::path start_run(const Arguments& arguments) {
  auto recipe = find_recipe(arguments.config.empty() ? arguments.what : arguments.config);
  for (const auto& item : arguments.overrides) apply_override(recipe.tree, item);
  return system_of(recipe.tree).create_run(arguments.runs, recipe);
}

void train(const Arguments& arguments) {
  if (arguments.is_resumed && (!arguments.overrides.empty() || !arguments.config.empty())) {
    throw UsageError("--resume goes on with the run's own config and takes no other settings");
  }
  if (!arguments.config.empty() && !arguments.what.empty() &&
      arguments.what.find('=') == std::string::npos) {
    throw UsageError(concat("give either a recipe or --config, got '", arguments.what, "' and '",
                            arguments.config, "'"));
  }
  if (arguments.config.empty() && arguments.what.empty())
    throw UsageError("train needs a recipe or a run folder");
  if (!arguments.is_resumed && std::filesystem::is_directory(arguments.what)) {
    throw UsageError(concat(arguments.what, " is a folder; add --resume to go on with a run"));
  }
  const std::filesystem::path run =
      arguments.is_resumed ? std::filesystem::path(arguments.what) : start_run(arguments);
  const auto end = system_of_run(run).train(run, arguments.is_resumed);
  std::cout << run.string() << '\n';
  if (end == train::RunEnd::kStopped) {
    std::cerr << "stopped; `clew train " << run.string() << " --resume` goes on\n";
  }
}

}  // namespace

void define_train(CLI::App& command) {
  auto arguments = std::make_shared<Arguments>();
  command.add_option("RECIPE", arguments->what,
                     "a recipe, a .toml file, or with --resume a run folder");
  command.add_option("KEY=VALUE", arguments->overrides, "settings that replace the recipe's");
  command.add_option("--config", arguments->config,
                     "take the recipe from this file, such as RUN/config.toml");
  command.add_option("--runs", arguments->runs, "where run folders go")->capture_default_str();
  command.add_flag("--resume", arguments->is_resumed,
                   "go on with a run folder from its newest checkpoint");
  std::string footer = "Recipes:\n";
  for (const auto& name : recipe_names()) footer += "  " + name + "\n";
  for (const auto& system : systems())
    footer += concat("\nSettings of ", system.name, ":\n", system.settings());
  command.footer(footer);
  command.callback([arguments] {
    // With --config there is no recipe, so the first word is a setting.
    if (!arguments->config.empty() && arguments->what.find('=') != std::string::npos) {
      arguments->overrides.insert(arguments->overrides.begin(), std::exchange(arguments->what, {}));
    }
    train(*arguments);
  });
}

}  // namespace clew::app
