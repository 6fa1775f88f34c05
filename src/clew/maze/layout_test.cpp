// SPDX-License-Identifier: Apache-2.0
// draw_layout: goal, fruit and spawns by the rules, the same for the same key, without allocation.
#include "clew/maze/layout.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <set>
#include <string>

#include "clew/core/error.h"
#include "clew/maze/generator.h"
#include "clew/maze/paths.h"

namespace clew::maze {
namespace layout_test {

Level random_level(int width, int height) {
  Level level;
  level.name = "test";
  level.is_generated = true;
  level.generator = {.width = width, .height = height};
  level.rules.is_maze_random = level.rules.is_goal_random = level.rules.is_fruit_random = true;
  level.rules.fruit_density = 0.1F;
  level.rules.strawberry_share = 0.25F;
  level.rules.spawn_distance_min = 4;
  finish_level(level);
  return level;
}

TEST(Layout, RandomMazesFollowTheRules) {
  const Level level = random_level(9, 15);
  Layout layout;
  for (std::uint64_t i = 0; i < 500; ++i) {
    draw_layout(level, Key{i}, layout);
    ASSERT_TRUE(is_connected(*layout.grid));
    ASSERT_EQ(layout.things.size(), 14U);  // the goal and floor(0.1 * 135) fruits
    ASSERT_EQ(layout.things[0].kind, ThingKind::kGoal);
    std::set<int> cells;
    int strawberries = 0;
    for (const Thing& thing : layout.things) {
      cells.insert(layout.grid->index(thing.cell));
      strawberries += int{thing.kind == ThingKind::kStrawberry};
    }
    ASSERT_EQ(cells.size(), 14U) << "two things in one cell";
    ASSERT_EQ(strawberries, 3);  // round(0.25 * 13)
    std::vector<std::uint16_t> distances;
    walk_distances(*layout.grid, layout.things[0].cell, {}, distances);
    ASSERT_EQ(distances, layout.goal_distance);
    const auto far_cells =
        std::count_if(distances.begin(), distances.end(), [](int d) { return d > 4; });
    ASSERT_EQ(layout.spawns.size(), static_cast<std::size_t>(far_cells));
    for (const Cell cell : layout.spawns) ASSERT_GT(distances[layout.grid->index(cell)], 4);
  }
}

TEST(Layout, GoalAndFruitAreUniform) {
  const Level level = random_level(4, 3);
  Layout layout;
  std::vector<int> goals(12), fruits(12);
  for (std::uint64_t i = 0; i < 12000; ++i) {
    draw_layout(level, fold_in(Key{1}, i), layout);
    ++goals[layout.grid->index(layout.things[0].cell)];
    for (const Thing& thing : layout.things)
      if (thing.kind != ThingKind::kGoal) ++fruits[layout.grid->index(thing.cell)];
  }
  for (int i = 0; i < 12;
       ++i) {  // one fruit an episode; four standard deviations: 4 * sqrt(1000 * 11/12)
    EXPECT_NEAR(goals[i], 1000, 122) << "cell " << i;
    EXPECT_NEAR(fruits[i], 1000, 122) << "cell " << i;
  }
}

TEST(Layout, TheKeyAloneDecides) {
  const Level level = random_level(9, 15);
  Layout fresh, used;
  draw_layout(random_level(20, 20), Key{1}, used);
  draw_layout(level, Key{1}, used);
  draw_layout(level, Key{2}, used);
  draw_layout(level, Key{2}, fresh);
  EXPECT_EQ(*fresh.grid, *used.grid);
  EXPECT_EQ(fresh.things, used.things);
  EXPECT_EQ(fresh.spawns, used.spawns);
  EXPECT_EQ(fresh.goal_distance, used.goal_distance);
}

TEST(Layout, DrawsInPlaceButLeavesCopiesAlone) {
  const Level level = random_level(9, 15);
  Layout layout;
  draw_layout(level, Key{1}, layout);
  const void* before[] = {layout.grid->walls.data(), layout.things.data(), layout.spawns.data(),
                          layout.goal_distance.data()};
  for (std::uint64_t i = 2; i < 50; ++i) draw_layout(level, Key{i}, layout);
  const void* after[] = {layout.grid->walls.data(), layout.things.data(), layout.spawns.data(),
                         layout.goal_distance.data()};
  EXPECT_TRUE(std::equal(before, before + 4, after));

  const Layout copy = layout;
  const Grid walls = *copy.grid;
  draw_layout(level, Key{99}, layout);
  EXPECT_EQ(*copy.grid, walls);
  EXPECT_NE(*layout.grid, walls);
}

TEST(Layout, AFixedMazeIsSharedWithTheLevel) {
  Level level = random_level(9, 5);
  level.rules.is_maze_random = level.rules.is_goal_random = level.rules.is_fruit_random = false;
  finish_level(level);
  ASSERT_EQ(level.goals.size(), 1U);
  ASSERT_EQ(level.things.size(), 4U);  // floor(0.1 * 45)
  const Level once = level;
  finish_level(level);
  EXPECT_EQ(level, once);
  Layout one, two;
  draw_layout(level, Key{1}, one);
  draw_layout(level, Key{2}, two);
  EXPECT_EQ(one.grid.get(), &level.grid);
  EXPECT_EQ(one.things, two.things);
  EXPECT_EQ(one.spawns, two.spawns);
}

TEST(Layout, WhenNoSpawnIsFarEnoughTheFarthestAreUsed) {
  // A corridor of five cells with the goal in its west end: cells 1..4 steps away.
  Level level;
  level.name = "corridor";
  level.grid = {.width = 5, .height = 1, .walls = {13, 5, 5, 5, 7}};
  level.goals = {{0, 0}};
  level.rules.spawn_distance_min = 2;
  finish_level(level);
  Layout layout;
  draw_layout(level, Key{1}, layout);
  EXPECT_EQ(layout.spawns, (std::vector<Cell>{{3, 0}, {4, 0}}));
  level.rules.spawn_distance_min = 4;
  draw_layout(level, Key{1}, layout);
  EXPECT_EQ(layout.spawns, (std::vector<Cell>{{4, 0}}));
  level.spawns = {{1, 0}, {2, 0}};
  draw_layout(level, Key{1}, layout);
  EXPECT_EQ(layout.spawns, (std::vector<Cell>{{2, 0}}));
  // A solid cuts off what lies beyond it.
  level.spawns.clear();
  level.things = {{{2, 0}, ThingKind::kSolid}};
  draw_layout(level, Key{1}, layout);
  EXPECT_EQ(layout.spawns, (std::vector<Cell>{{1, 0}}));
  EXPECT_EQ(layout.goal_distance, (std::vector<std::uint16_t>{0, 1, kNoWay, kNoWay, kNoWay}));
}

TEST(Layout, GoalsOfTheMapAreDrawnUniformly) {
  Level level;
  level.name = "corridor";
  level.grid = {.width = 5, .height = 1, .walls = {13, 5, 5, 5, 7}};
  level.goals = {{0, 0}, {4, 0}};
  level.spawns = {{2, 0}};
  level.rules.is_goal_random = true;
  finish_level(level);
  Layout layout;
  std::map<int, int> count;
  for (std::uint64_t i = 0; i < 4000; ++i) {
    draw_layout(level, fold_in(Key{3}, i), layout);
    ++count[layout.things[0].cell.x];
  }
  EXPECT_EQ(count.size(), 2U);
  EXPECT_NEAR(count[0], 2000, 127);  // four standard deviations
  level.rules.is_goal_random = false;
  for (std::uint64_t i = 0; i < 20; ++i) {
    draw_layout(level, Key{i}, layout);
    EXPECT_EQ(layout.things[0].cell, (Cell{0, 0}));
  }
}

}  // namespace layout_test
}  // namespace clew::maze
