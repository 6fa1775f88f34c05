// SPDX-License-Identifier: Apache-2.0
// clew train: trains a recipe in a new run folder, or resumes a run.
#include <CLI/CLI.hpp>
#include <algorithm>
#include <exception>
#include <filesystem>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "clew/core/config.h"
#include "clew/core/error.h"
#include "clew/core/files.h"
#include "clew/train/processes.h"
#include "clew/train/run_folder.h"
#include "command.h"
#include "processes.h"
#include "recipes.h"
#include "systems.h"
#include "terminal.h"
#include "training.h"

namespace clew::app {
namespace {

constexpr const char* kStarted = "--is-started";

struct Arguments {
  std::string what, config, runs = "runs";
  bool is_resumed = false;
  bool is_started = false;  // by another process of clew, with --processes
  int processes = 1;
  double timeout_s = train::ProcessPlace{}.timeout_s;
  std::vector<std::string> overrides;
};

const System& check_parallel(const System& system, int processes) {
  if (processes > 1 && !system.is_parallel) {
    throw UsageError(concat("the system ", system.name, " is trained by one process, got ",
                            processes, " processes"));
  }
  return system;
}

/// True if `name` is a folder and not a recipe, or a run folder with a recipe's name.
bool is_run_or_folder(const std::string& name) {
  std::error_code error;
  if (!path_exists(name) || !std::filesystem::is_directory(name, error)) return false;
  const auto names = recipe_names();
  return std::ranges::count(names, name) == 0 ||
         path_exists(std::filesystem::path(name) / "config.toml");
}

/// Run folder to resume, or a new one of a recipe.
std::filesystem::path open_run(const Arguments& arguments, int processes) {
  if (arguments.is_resumed) {
    (void)check_parallel(system_of_run(arguments.what), processes);
    return arguments.what;
  }
  auto recipe = find_recipe(arguments.config.empty() ? arguments.what : arguments.config);
  for (const auto& item : arguments.overrides) apply_override(recipe.tree, item);
  return check_parallel(system_of(recipe.tree), processes)
      .create_run(arguments.runs, recipe, processes);
}

/// Command line for another process.
std::vector<std::string> words_of(const Arguments& arguments) {
  std::vector<std::string> words{"train"};
  if (!arguments.what.empty()) words.push_back(arguments.what);
  words.insert(words.end(), arguments.overrides.begin(), arguments.overrides.end());
  if (!arguments.config.empty()) words.insert(words.end(), {"--config", arguments.config});
  if (arguments.is_resumed) words.emplace_back("--resume");
  words.insert(words.end(), {"--timeout", concat(arguments.timeout_s), kStarted});
  return words;
}

void train_in(train::Processes& processes, const Arguments& arguments) {
  const std::filesystem::path run =
      processes.from_first([&] { return open_run(arguments, processes.size()).string(); });
  const auto& system = system_of(
      parse_toml(train::read_run_config(run, &processes), (run / "config.toml").string()));
  const auto end = system.train(run, arguments.is_resumed, processes);
  if (!processes.is_first()) return;
  print_name(run);
  if (end == train::RunEnd::kStopped) say_how_to_go_on(run);
}

void train(const Arguments& arguments) {
  if (arguments.is_resumed && !arguments.overrides.empty() &&
      arguments.overrides[0].find('=') == std::string::npos) {
    throw UsageError(concat("--resume goes on with one run folder, got '", arguments.what,
                            "' and '", arguments.overrides[0], "'; resume each by itself"));
  }
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
  if (!arguments.is_resumed && is_run_or_folder(arguments.what)) {
    throw UsageError(concat(arguments.what, " is a folder; add --resume to go on with a run"));
  }
  auto place = train::place_from_environment();
  place.timeout_s = arguments.timeout_s;
  OtherProcesses others;
  std::function<void(int)> start_others;
  std::function<void()> check_others;
  if (arguments.processes > 1) {
    if (place.size > 1) {
      throw UsageError(concat("--processes ", arguments.processes,
                              " starts processes itself, but this one is of ", place.size,
                              " that were started already, says the environment"));
    }
    place.size = arguments.processes;
    start_others = [&](int port) { others.start(place, port, words_of(arguments)); };
    check_others = [&] { others.check(); };
  }
  {
    train::Processes processes(place, start_others, check_others);
    try {
      train_in(processes, arguments);
    } catch (const std::exception& error) {
      processes.tell_failure(error);
      // Reported by the parent process, on the same screen.
      if (arguments.is_started && processes.is_known()) throw CLI::RuntimeError(1);
      throw;
    }
  }
  others.wait();
}

}  // namespace

void define_train(CLI::App& command) {
  auto arguments = std::make_shared<Arguments>();
  command.add_option("RECIPE", arguments->what,
                     "a recipe, a .toml file, or with --resume a run folder");
  command.add_option("SETTINGS", arguments->overrides, "settings that replace the recipe's")
      ->type_name("KEY=VALUE");
  command.add_option("--config", arguments->config,
                     "take the recipe from this file, such as RUN/config.toml");
  command.add_option("--runs", arguments->runs, "where run folders go")->capture_default_str();
  command.add_flag("--resume", arguments->is_resumed,
                   "go on with a run folder from its newest checkpoint");
  command.add_flag(kStarted, arguments->is_started)->group("");  // not in the help
  command
      .add_option("--processes", arguments->processes,
                  "train in so many processes of this machine, each with train.workers threads")
      ->capture_default_str()
      ->check(CLI::Range(1, 256));
  command
      .add_option("--timeout", arguments->timeout_s, "seconds to wait for a process that is silent")
      ->capture_default_str()
      ->check(CLI::Range(1.0, 1e6));
  std::string footer = "Recipes:\n";
  for (const auto& name : recipe_names()) footer += "  " + name + "\n";
  footer += "\nSystems, the key 'system' of a recipe of your own:";
  for (const auto& system : systems()) footer += " " + system.name;
  command.footer(footer + "\n\n`clew help train RECIPE` shows every key of a recipe.\n");
  command.callback([arguments] {
    // With --config there is no recipe, so the first word is a setting.
    if (!arguments->config.empty() && arguments->what.find('=') != std::string::npos) {
      arguments->overrides.insert(arguments->overrides.begin(), std::exchange(arguments->what, {}));
    }
    train(*arguments);
  });
}

}  // namespace clew::app
