// SPDX-License-Identifier: Apache-2.0
// clew demo: trains in a small maze for a few minutes, evaluates, writes the report and prints a
// summary.
#include <CLI/CLI.hpp>
#include <cstdio>
#include <filesystem>
#include <iostream>
#include <memory>
#include <string>

#include "clew/core/config.h"
#include "clew/core/error.h"
#include "clew/maze/draw.h"
#include "clew/maze/level_text.h"
#include "clew/report/report.h"
#include "command.h"
#include "navigate.h"
#include "progress.h"
#include "recipes.h"
#include "terminal.h"
#include "training.h"

namespace clew::app {
namespace {

const navigate::PlayerResult& player(const navigate::Evaluation& evaluation,
                                     const std::string& name) {
  for (const auto& one : evaluation.players) {
    if (one.name == name) return one;
  }
  throw Error("the evaluation has no player '" + name + "'");
}

void summarise(const navigate::NavigateConfig& config, const navigate::Evaluation& evaluation,
               const std::string& page) {
  const auto& agent = player(evaluation, "agent");
  const auto& random = player(evaluation, "random");
  const auto& best = player(evaluation, "shortest path");
  char latency[100] = "never in these episodes";
  if (agent.latency_first_s) {
    std::snprintf(latency, sizeof latency, "first after %.1f s", *agent.latency_first_s);
  }
  if (agent.latency_later_s) {
    std::snprintf(latency, sizeof latency, "first after %.1f s, then every %.1f s",
                  *agent.latency_first_s, *agent.latency_later_s);
  }
  char ratio[40] = "";
  if (random.score_mean > 0) {
    std::snprintf(ratio, sizeof ratio, "%.1f times random and ",
                  agent.score_mean / random.score_mean);
  }
  char text[1000];
  std::snprintf(text, sizeof text,
                "An agent (%s) learned the maze '%s' from pixels in %s steps of play.\n"
                "It scores %.1f in an episode; a player who moves at random scores %.1f, one who "
                "has the map %.1f.\n"
                "That is %s%.0f %% of the shortest path.\n"
                "It finds the goal %.1f times an episode, %s.\n"
                "Curves, maps and what it sees: %s\n",
                config.agent.c_str(), config.level.c_str(),
                count_text(static_cast<double>(config.train.steps)).c_str(), agent.score_mean,
                random.score_mean, best.score_mean, ratio, 100 * agent.score_mean / best.score_mean,
                agent.goals_mean, latency, page.c_str());
  std::cout << text;
}

}  // namespace

void define_demo(CLI::App& command) {
  struct Arguments {
    std::string runs = "runs";
    std::vector<std::string> overrides;
    int episodes = 100;
  };
  auto arguments = std::make_shared<Arguments>();
  command
      .add_option("SETTINGS", arguments->overrides,
                  "settings that replace those of the recipe navigate/tiny")
      ->type_name("KEY=VALUE");
  command.add_option("--runs", arguments->runs, "where the run folder goes")->capture_default_str();
  command.add_option("--episodes", arguments->episodes, "episodes of the evaluation")
      ->capture_default_str()
      ->check(CLI::Range(1, 1000000));
  command.callback([arguments] {
    auto recipe = find_recipe("navigate/tiny");
    for (const auto& item : arguments->overrides) apply_override(recipe.tree, item);
    navigate::NavigateConfig config;
    load(config, recipe.tree);
    navigate::check_config(config);
    const auto level = maze::load_level(config.level);
    maze::Layout layout;
    maze::draw_layout(level, Key{config.seed}, layout);
    say("The maze, from above; the agent never sees it so:\n" + maze::map_text(layout, false));
    const auto run = navigate::create_run(arguments->runs, "demo", config, about_this_program());
    if (train_navigate(run, false) == train::RunEnd::kStopped) {
      say_how_to_go_on(run);
      return;
    }
    const auto evaluation = evaluate_run(run, {.episodes = arguments->episodes});
    navigate::write_evaluation(run, config, evaluation);
    const auto page = run / "report.html";
    report::write_html(run, page);
    say('\n' + evaluation_table(evaluation) + '\n');
    summarise(config, evaluation, page.string());
  });
}

}  // namespace clew::app
