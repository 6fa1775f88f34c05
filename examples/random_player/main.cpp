// SPDX-License-Identifier: Apache-2.0
// Four random players in a 3-D maze. Uses only clew::maze, which needs no LibTorch.
#include <cstdint>
#include <iostream>
#include <memory>
#include <numeric>
#include <vector>

#include "clew/core/key.h"
#include "clew/maze/level_text.h"
#include "clew/maze/vector_env.h"

int main() {
  constexpr int kWorlds = 4, kSteps = 900;
  const auto level = std::make_shared<clew::maze::Level>(clew::maze::load_builtin("static_small"));
  clew::maze::VectorEnv env(level, {.worlds = kWorlds, .threads = 2});

  std::vector<std::uint8_t> rgb(kWorlds * 3 * 84 * 84);  // what the players see
  std::vector<float> reward(kWorlds);
  std::vector<std::int32_t> actions(kWorlds);
  const clew::maze::StepBuffers out = {.rgb = rgb, .reward = reward};

  clew::Stream random(clew::Key{7});
  double score = 0;
  env.reset(clew::Key{1}, out);
  for (int step = 0; step < kSteps; ++step) {
    for (auto& action : actions)
      action = static_cast<std::int32_t>(random.below(clew::maze::kActions));
    env.step(actions, out);
    score += std::accumulate(reward.begin(), reward.end(), 0.0);
  }
  std::cout << kWorlds << " random players, " << kSteps << " steps each: mean score " << std::fixed
            << score / kWorlds << '\n';
}
