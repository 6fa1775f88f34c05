// SPDX-License-Identifier: Apache-2.0
// Layout of one episode, drawn from a level and a key: maze, goal, fruit, spawn cells. The same
// (level, key) gives the same layout everywhere, so a snapshot stores the key and not the layout.
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "clew/core/key.h"
#include "clew/maze/grid.h"
#include "clew/maze/level.h"

namespace clew::maze {

struct Layout {
  std::shared_ptr<const Grid> grid;  // the level's (which must outlive the layout), or `drawn`
  std::vector<Thing> things;  // things[0] is the goal, then fruit, then solids; at most kMaxThings
  std::vector<Cell> spawns;   // never empty
  std::vector<std::uint16_t>
      goal_distance;            // [height*width] path length to the goal, cells; 65535: unreachable
  std::shared_ptr<Grid> drawn;  // buffer of a random maze, reused by the next draw
};

/// Draws an episode from a finished level (finish_level) into `layout`, without allocation in a
/// lane that resets often; earlier copies of the layout are not affected. Goal: one of level.goals,
/// or any open cell if random and there are none. Fruit: floor(density * open cells) of the free
/// cells, uniformly, of which round(strawberry_share * number) are strawberries. Spawns:
/// level.spawns, or all open cells, more than spawn_distance_min steps from the goal; if there are
/// none, the farthest cells.
void draw_layout(const Level& level, Key episode, Layout& layout);

}  // namespace clew::maze
