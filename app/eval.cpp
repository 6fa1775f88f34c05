// SPDX-License-Identifier: Apache-2.0
// clew eval: plays a trained agent, a random and a shortest-path player, and prints the paper's
// numbers.
#include <CLI/CLI.hpp>
#include <iostream>
#include <memory>
#include <string>

#include "command.h"
#include "navigate.h"

namespace clew::app {

void define_eval(CLI::App& command) {
  struct Arguments {
    std::string run;
    navigate::EvalOptions options;
    bool is_json = false;
  };
  auto arguments = std::make_shared<Arguments>();
  auto& options = arguments->options;
  command.add_option("RUN", arguments->run, "a run folder")->required();
  command.add_option("--episodes", options.episodes, "episodes for each player")
      ->capture_default_str()
      ->check(CLI::Range(1, 1000000));
  command.add_option("--seed", options.seed, "of the mazes and choices")->capture_default_str();
  command.add_option("--threads", options.threads, "worker threads")
      ->capture_default_str()
      ->check(CLI::Range(1, 1024));
  command.add_option("--traces", options.trace_episodes, "episodes recorded for the report")
      ->capture_default_str()
      ->check(CLI::Range(0, 100));
  command.add_flag("--json", arguments->is_json, "print JSON");
  command.callback([arguments] {
    const auto evaluation = evaluate_run(arguments->run, arguments->options);
    std::cout << (arguments->is_json ? navigate::evaluation_json(evaluation)
                                     : evaluation_table(evaluation));
  });
}

}  // namespace clew::app
