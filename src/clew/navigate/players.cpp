// SPDX-License-Identifier: Apache-2.0
#include "clew/navigate/players.h"

#include <cmath>
#include <numbers>

#include "clew/maze/paths.h"

namespace clew::navigate {
std::int32_t random_action(Key key, std::uint64_t world, std::uint64_t step) {
  return static_cast<std::int32_t>(Stream(split(key, world, step)).below(maze::kActions));
}

std::int32_t shortest_path_action(const maze::Batch& batch, int world) {
  const auto state = batch.state(world);
  const auto& layout = batch.layout(world);
  const maze::Cell here{static_cast<std::int16_t>(state.camera.x),
                        static_cast<std::int16_t>(state.camera.y)};
  const auto side = maze::next_step(*layout.grid, layout.goal_distance, here);
  const auto next = side ? maze::neighbour(here, *side) : here;
  const double wanted = std::atan2(next.y + 0.5 - state.camera.y, next.x + 0.5 - state.camera.x);
  const double heading = state.camera.heading * (2 * std::numbers::pi / 65536);
  const double error_degrees =
      std::remainder(wanted - heading, 2 * std::numbers::pi) * (180 / std::numbers::pi);
  // One agent step turns by about 8 degrees, so half of that is as straight as it gets.
  constexpr double kStraight = 5, kWhileRunning = 50;
  maze::Action action = maze::Action::kForward;
  if (std::abs(error_degrees) > kWhileRunning) {
    action = error_degrees > 0 ? maze::Action::kLookRight : maze::Action::kLookLeft;
  } else if (std::abs(error_degrees) > kStraight) {
    action = error_degrees > 0 ? maze::Action::kLookRightForward : maze::Action::kLookLeftForward;
  }
  return static_cast<std::int32_t>(action);
}

}  // namespace clew::navigate
