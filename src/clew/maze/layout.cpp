// SPDX-License-Identifier: Apache-2.0
#include "clew/maze/layout.h"

#include <algorithm>

#include "clew/core/error.h"
#include "clew/maze/generator.h"
#include "clew/maze/level_detail.h"
#include "clew/maze/paths.h"

namespace clew::maze {
namespace {

enum Part : std::uint64_t { kMazePart, kLooksPart, kGoalPart, kFruitPart };

void draw_maze(const Level& level, Key episode, Layout& layout) {
  const long own_references = layout.grid == layout.drawn ? 2 : 1;
  if (!layout.drawn || layout.drawn.use_count() > own_references)
    layout.drawn = std::make_shared<Grid>();
  generate(level.generator, fold_in(episode, kMazePart), *layout.drawn);
  draw_looks(fold_in(episode, kLooksPart, level.look_seed), *layout.drawn);
  layout.grid = layout.drawn;
}

Cell draw_goal(const Level& level, const Layout& layout, Key key, FreeCells& free) {
  Stream random(key);
  if (level.goals.empty()) return free.draw_cell(*layout.grid, random);
  if (!level.rules.is_goal_random) return level.goals.front();
  return level.goals[random.below(static_cast<std::uint32_t>(level.goals.size()))];
}

/// Keeps candidates farther than `nearest` steps from the goal, else the farthest ones.
template <class ForEachCandidate>
void fill_spawns(const ForEachCandidate& for_each, int nearest, Layout& layout) {
  const Grid& grid = *layout.grid;
  int farthest = 0;
  layout.spawns.clear();
  for_each([&](Cell cell) {
    const int distance = layout.goal_distance[grid.index(cell)];
    if (distance == kNoWay) return;
    farthest = std::max(farthest, distance);
    if (distance > nearest) layout.spawns.push_back(cell);
  });
  if (!layout.spawns.empty() || farthest == 0) return;
  for_each([&](Cell cell) {
    if (layout.goal_distance[grid.index(cell)] == farthest) layout.spawns.push_back(cell);
  });
}

}  // namespace

void draw_layout(const Level& level, Key episode, Layout& layout) {
  const Rules& rules = level.rules;
  if (rules.is_maze_random) {
    draw_maze(level, episode, layout);
  } else {
    layout.grid = std::shared_ptr<const Grid>(std::shared_ptr<const Grid>(), &level.grid);
  }
  const Grid& grid = *layout.grid;
  const int cells = grid.width * grid.height;

  // goal_distance is filled last; until then it is scratch memory for taken cells.
  FreeCells free(grid, layout.goal_distance);
  for (const Thing& thing : level.things) free.take(grid.index(thing.cell));
  for (const Cell cell : level.goals) free.take(grid.index(cell));
  if (level.spawns.size() == 1) free.take(grid.index(level.spawns[0]));
  const Cell goal = draw_goal(level, layout, fold_in(episode, kGoalPart), free);
  free.take(grid.index(goal));

  layout.things.clear();
  layout.things.push_back({goal, ThingKind::kGoal});
  for (const Thing& thing : level.things)
    if (thing.kind != ThingKind::kSolid) layout.things.push_back(thing);
  if (rules.is_fruit_random) {
    Stream random(fold_in(episode, kFruitPart));
    free.draw_fruit(grid, rules, random, layout.things);
  }
  for (const Thing& thing : level.things)
    if (thing.kind == ThingKind::kSolid) layout.things.push_back(thing);

  walk_distances(grid, goal, layout.things, layout.goal_distance);
  layout.spawns.reserve(cells);
  if (level.spawns.empty()) {
    const auto every_cell = [&](const auto& visit) {
      for (int y = 0; y < grid.height; ++y)
        for (int x = 0; x < grid.width; ++x)
          visit(Cell{static_cast<std::int16_t>(x), static_cast<std::int16_t>(y)});
    };
    fill_spawns(every_cell, rules.spawn_distance_min, layout);
  } else {
    const auto every_spawn = [&](const auto& visit) {
      for (const Cell cell : level.spawns) visit(cell);
    };
    fill_spawns(every_spawn, rules.spawn_distance_min, layout);
  }
  CLEW_CHECK(!layout.spawns.empty(), "level '", level.name,
             "' needs a spawn from which the goal can be reached, got none");
}

}  // namespace clew::maze
