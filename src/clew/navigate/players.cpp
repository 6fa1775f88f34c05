// SPDX-License-Identifier: Apache-2.0
#include "clew/navigate/players.h"

#include <cmath>
#include <numbers>

#include "clew/maze/paths.h"

namespace clew::navigate {
std::int32_t random_action(Key key, std::uint64_t world, std::uint64_t step) {
  return static_cast<std::int32_t>(Stream(fold_in(key, world, step)).below(maze::kActions));
}

std::int32_t shortest_path_action(const maze::VectorEnv& env, int world) {
  const auto state = env.state(world);
  const auto& layout = env.layout(world);
  const maze::Cell here{static_cast<std::int16_t>(state.camera.x),
                        static_cast<std::int16_t>(state.camera.y)};
  const auto side = maze::next_step(*layout.grid, layout.goal_distance, here);
  const auto next = side ? maze::neighbour(here, *side) : here;
  const double wanted = std::atan2(next.y + 0.5 - state.camera.y, next.x + 0.5 - state.camera.x);
  const double heading = state.camera.heading * (2 * std::numbers::pi / 65536);
  const double right_degrees =
      std::remainder(wanted - heading, 2 * std::numbers::pi) * (180 / std::numbers::pi);
  // Degrees before it turns. Strafing is as fast as running ahead, and corridors have four
  // directions, so it runs in the nearest of four and lets walls guide the rest. Turning at every
  // corner instead costs two fifths of the goals.
  constexpr double kFarOff = 30;
  const auto quarter = std::lround(right_degrees / 90);
  const double off = right_degrees - 90.0 * static_cast<double>(quarter);
  using maze::Action;
  constexpr Action kRun[] = {Action::kForward, Action::kStrafeRight, Action::kBackward,
                             Action::kStrafeLeft};
  Action action = kRun[quarter & 3];
  if (std::abs(off) > kFarOff) {
    if (quarter == 0) {
      action = off > 0 ? Action::kLookRightForward : Action::kLookLeftForward;
    } else {
      action = off > 0 ? Action::kLookRight : Action::kLookLeft;
    }
  }
  return static_cast<std::int32_t>(action);
}

}  // namespace clew::navigate
