// SPDX-License-Identifier: Apache-2.0
#include "clew/navigate/players.h"

#include <gtest/gtest.h>

#include <array>
#include <memory>

#include "clew/maze/level_text.h"

namespace clew::navigate {
namespace players_test {

TEST(RandomPlayer, PlaysEveryActionEquallyOften) {
  std::array<int, maze::kActions> counts{};
  for (std::uint64_t step = 0; step < 8000; ++step)
    ++counts[static_cast<std::size_t>(random_action(Key{3}, 1, step))];
  for (const int count : counts) EXPECT_NEAR(count, 1000, 150);  // five standard deviations
}

TEST(ShortestPathPlayer, FindsTheGoalAgainAndAgainInEveryLevel) {
  for (const auto& name : maze::builtin_level_names()) {
    const auto level = std::make_shared<const maze::Level>(maze::load_builtin(name));
    maze::VectorEnv env(level, {.worlds = 2, .render = {.width = 16, .height = 16}});
    std::array<std::uint8_t, 2> event{};
    std::array<float, 2> reward{};
    const maze::StepBuffers out{.reward = reward, .event = event};
    env.reset(Key{4}, out);
    std::array<int, 2> goals{};
    // Two minutes of play; the longest walk of the largest level takes about twenty seconds.
    for (int step = 0; step < 1800; ++step) {
      const std::array<std::int32_t, 2> actions = {shortest_path_action(env, 0),
                                                   shortest_path_action(env, 1)};
      env.step(actions, out);
      for (std::size_t i = 0; i < 2; ++i) goals[i] += (event[i] & maze::kEventGoal) != 0;
    }
    for (const int count : goals) EXPECT_GE(count, 5) << name;
  }
}

}  // namespace players_test
}  // namespace clew::navigate
