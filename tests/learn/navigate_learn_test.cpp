// SPDX-License-Identifier: Apache-2.0
// That the navigator learns at all: minutes of training in the smallest maze, far better play than
// chance. How well it can learn is measured in docs/results.md.
#include <gtest/gtest.h>

#include <memory>
#include <string>

#include "clew/core/memory.h"
#include "clew/maze/level_text.h"
#include "clew/navigate/evaluate.h"
#include "clew/navigate/trainer.h"

namespace clew::navigate {
namespace navigate_learn_test {

TEST(NavigateLearn, BeatsChanceInTiny) {
  keep_freed_memory();
  NavigateConfig config;
  config.level = "tiny";
  // Pinned, so that tuning the defaults for larger mazes does not move this test. Four longer runs
  // of such settings (seeds 1 to 3) scored 28 to 47 after 450,000 steps and 41 to 54 after 650,000;
  // chance scores 5.
  config.train.steps = 800'000;
  config.train.worlds = 64;
  config.train.unroll = 20;
  config.train.lr = 1e-3;
  config.train.entropy = 0.01;
  const auto level = std::make_shared<const maze::Level>(maze::load_level(config.level));
  Trainer trainer(config, level);
  while (!trainer.is_finished()) trainer.update();

  const auto bytes = trainer.checkpoint();
  const auto evaluation =
      evaluate(config, level, load_agent(config, bytes, "trained"), {.episodes = 40, .traces = 0});
  const auto &agent = evaluation.players[0], &random = evaluation.players[1];
  ASSERT_EQ(agent.name, "agent");
  ASSERT_EQ(random.name, "random");
  RecordProperty("agent", std::to_string(agent.score_mean));
  RecordProperty("random", std::to_string(random.score_mean));
  EXPECT_GT(agent.score_mean, 3 * random.score_mean);
  EXPECT_GT(agent.goals_mean, 3 * random.goals_mean);
  EXPECT_GT(agent.depth2_accuracy.value_or(0), 0.5);
}

}  // namespace navigate_learn_test
}  // namespace clew::navigate
