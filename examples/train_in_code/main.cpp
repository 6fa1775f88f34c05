// SPDX-License-Identifier: Apache-2.0
// Trains a navigator briefly and evaluates it beside the random and the shortest-path player.
#include <iostream>
#include <memory>

#include "clew/maze/level_text.h"
#include "clew/navigate/evaluate.h"
#include "clew/navigate/trainer.h"

int main() {
  clew::navigate::NavigateConfig config;
  config.level = "tiny";
  config.train.steps = 20'000;
  const auto level = std::make_shared<clew::maze::Level>(clew::maze::load_level(config.level));

  clew::navigate::Trainer trainer(config, level);
  while (!trainer.is_finished()) trainer.update();

  const auto agent = clew::navigate::load_agent(config, trainer.checkpoint(), "memory");
  const auto result = clew::navigate::evaluate(config, level, agent, {.episodes = 4});
  for (const auto& player : result.players) {
    std::cout << player.name << ": " << player.score_mean << '\n';
  }
}
