// SPDX-License-Identifier: Apache-2.0
// One episode's layout, drawn from a level and a key: the maze, where the goal and the fruit are, where one may spawn.
// The same (level, key) gives the same layout everywhere, so a snapshot stores the key and not the layout.
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "clew/core/key.h"
#include "clew/maze/grid.h"
#include "clew/maze/level.h"

namespace clew::maze {

constexpr int kMaxThings = 1024;  // a lane keeps one bit for each

struct Layout {
  std::shared_ptr<const Grid> grid;   // shared with the level unless the maze is random
  std::vector<Thing> things;          // things[0] is the goal, then fruit, then solids; at most kMaxThings
  std::vector<Cell> spawns;           // where the player may appear; never empty
  std::vector<std::uint16_t> goal_distance;  // [height*width] cells' walk to the goal; 65535 where none
};

/// Draws an episode. Fills `layout` in place, so that a lane that resets often allocates nothing.
void draw_layout(const Level& level, Key episode, Layout& layout);

}  // namespace clew::maze
