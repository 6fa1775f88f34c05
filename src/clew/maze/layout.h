// SPDX-License-Identifier: Apache-2.0
// One episode's layout, drawn from a level and a key: the maze, where the goal and the fruit are,
// where one may spawn. The same (level, key) gives the same layout everywhere, so a snapshot stores
// the key and not the layout.
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "clew/core/key.h"
#include "clew/maze/grid.h"
#include "clew/maze/level.h"

namespace clew::maze {

struct Layout {
  std::shared_ptr<const Grid>
      grid;  // the level's own (not kept alive: the level must outlive the layout), or `drawn`
  std::vector<Thing> things;  // things[0] is the goal, then fruit, then solids; at most kMaxThings
  std::vector<Cell> spawns;   // where the player may appear; never empty
  std::vector<std::uint16_t>
      goal_distance;            // [height*width] cells' walk to the goal; 65535 where none
  std::shared_ptr<Grid> drawn;  // memory of a random maze, filled again by the next draw
};

/// Draws an episode from a finished level (finish_level). Fills `layout` in place, so that a lane
/// that resets often allocates nothing; a copy made of a layout before is left alone. Goal: one of
/// level.goals, or any open cell when it is random and there are none. Fruit: floor(density * open
/// cells) of the cells that carry nothing else, each equally likely, round(strawberry_share *
/// those) strawberries. Spawns: level.spawns, or all open cells, from which the goal can be walked
/// to in more than spawn_distance_min steps; when there is no such cell, those farthest from the
/// goal.
void draw_layout(const Level& level, Key episode, Layout& layout);

}  // namespace clew::maze
