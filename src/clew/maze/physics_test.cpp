// SPDX-License-Identifier: Apache-2.0
#include "clew/maze/physics.h"

#include <gtest/gtest.h>

#include <bit>
#include <cmath>
#include <vector>

#include "clew/core/key.h"
#include "clew/maze/generator.h"

namespace clew::maze {
namespace physics_test {

// A grid without inner walls.
Grid open_grid(int width, int height) {
  Grid grid{.width = width, .height = height};
  const auto cells = static_cast<std::size_t>(width * height);
  grid.walls.resize(cells);
  grid.faces.resize(4 * cells);
  grid.floors.resize(cells);
  for (int y = 0; y < height; ++y) {
    for (int x = 0; x < width; ++x) {
      int walls = 0;
      if (y == 0) walls |= 1 << kNorth;
      if (x == width - 1) walls |= 1 << kEast;
      if (y == height - 1) walls |= 1 << kSouth;
      if (x == 0) walls |= 1 << kWest;
      grid.walls[static_cast<std::size_t>(y * width + x)] = static_cast<std::uint8_t>(walls);
    }
  }
  return grid;
}

void add_wall(Grid& grid, Cell cell, Side side) {
  grid.walls[static_cast<std::size_t>(grid.index(cell))] |= static_cast<std::uint8_t>(1 << side);
  grid.walls[static_cast<std::size_t>(grid.index(neighbour(cell, side)))] |=
      static_cast<std::uint8_t>(1 << opposite(side));
}

void run(const Grid& grid, Action action, int frames, Body& body,
         std::span<const std::uint8_t> solids = {}) {
  for (int i = 0; i < frames; ++i) move(grid, solids, action, body);
}

float speed(const Body& body) { return std::hypot(body.velocity_x, body.velocity_y); }

constexpr std::uint32_t kEastward = 0, kSouthward = 1U << 30, kWestward = 1U << 31;

TEST(Physics, EveryActionPushesItsOwnWay) {
  const Grid grid = open_grid(20, 20);
  struct Case {
    Action action;
    float dx, dy;
    int turn;
  };
  // Facing south: ahead is +y, right is west, -x.
  const Case cases[] = {{Action::kLookLeft, 0, 0, -1},        {Action::kLookRight, 0, 0, 1},
                        {Action::kStrafeLeft, 1, 0, 0},       {Action::kStrafeRight, -1, 0, 0},
                        {Action::kForward, 0, 1, 0},          {Action::kBackward, 0, -1, 0},
                        {Action::kLookLeftForward, 0, 1, -1}, {Action::kLookRightForward, 0, 1, 1}};
  for (const Case& c : cases) {
    Body body{.x = 10.5F, .y = 10.5F, .heading = kSouthward};
    run(grid, c.action, 1, body);
    const float push = 0.64F / 60;
    // The heading turns first and by half the top rate, 1.05 degrees, so the push leans by 2 % of
    // itself.
    EXPECT_NEAR(body.x - 10.5F, c.dx * push, 0.02F * push + 1e-6F) << static_cast<int>(c.action);
    EXPECT_NEAR(body.y - 10.5F, c.dy * push, 0.02F * push + 1e-6F) << static_cast<int>(c.action);
    EXPECT_EQ(body.turn, c.turn * 12'526'988) << static_cast<int>(c.action);
    EXPECT_EQ(body.heading - kSouthward, static_cast<std::uint32_t>(body.turn));
  }
}

TEST(Physics, ReachesTopSpeedInSevenFramesAndStaysThere) {
  const Grid grid = open_grid(20, 3);
  Body body{.x = 1.5F, .y = 1.5F, .heading = kEastward};
  run(grid, Action::kForward, 6, body);
  EXPECT_LT(speed(body), kTopSpeed);
  run(grid, Action::kForward, 1, body);
  EXPECT_FLOAT_EQ(speed(body), kTopSpeed);
  const float before = body.x;
  run(grid, Action::kForward, 60, body);
  EXPECT_FLOAT_EQ(speed(body), kTopSpeed);
  EXPECT_NEAR(body.x - before, 3.2F, 1e-4F);
}

TEST(Physics, FrictionStopsWhoDoesNotPush) {
  const Grid grid = open_grid(20, 3);
  Body body{.x = 5.5F, .y = 1.5F, .heading = kEastward};
  run(grid, Action::kForward, 10, body);
  run(grid, Action::kLookLeft, 16, body);
  EXPECT_NEAR(speed(body), 3.2F * std::pow(0.9F, 16.0F), 1e-4F);
  run(grid, Action::kLookLeft, 60, body);
  EXPECT_EQ(speed(body), 0);
}

TEST(Physics, TurningAndRunningAtOnceNeverExceedsTopSpeed) {
  const Grid grid = open_grid(40, 40);
  Body body{.x = 20.5F, .y = 20.5F, .heading = kEastward};
  Stream random(Key{3});
  for (int i = 0; i < 2000; ++i) {
    run(grid, static_cast<Action>(random.below(kActions)), 1, body);
    ASSERT_LE(speed(body), kTopSpeed * 1.00001F);
    body.x = body.y = 20.5F;
  }
}

TEST(Physics, TurnsBy126DegreesASecondAndStopsTurning) {
  const Grid grid = open_grid(3, 3);
  Body body{.x = 1.5F, .y = 1.5F, .heading = kEastward};
  run(grid, Action::kLookRight, 2, body);
  const std::uint32_t before = body.heading;
  run(grid, Action::kLookRight, 60, body);
  EXPECT_NEAR((body.heading - before) * 0x1p-32, 0.35, 1e-6);
  EXPECT_NEAR(body.turn_rate(), kTopTurnRate, 1e-6F);
  run(grid, Action::kForward, 2, body);
  EXPECT_EQ(body.turn, 0);
}

TEST(Physics, LeftUndoesRightExactly) {
  const Grid grid = open_grid(3, 3);
  Body body{.x = 1.5F, .y = 1.5F, .heading = 12345};
  const Body before = body;
  run(grid, Action::kLookRight, 9, body);
  run(grid, Action::kStrafeRight, 2, body);
  body.velocity_x = body.velocity_y = 0;
  run(grid, Action::kLookLeft, 9, body);
  run(grid, Action::kStrafeLeft, 2, body);
  EXPECT_EQ(body.heading, before.heading);
}

TEST(Physics, StopsAtTheBorderAndSlidesAlongIt) {
  const Grid grid = open_grid(10, 2);
  Body body{.x = 1.5F, .y = 0.5F, .heading = 0xe0000000U};  // north-east
  run(grid, Action::kForward, 60, body);
  EXPECT_FLOAT_EQ(body.y, kPlayerRadius);
  EXPECT_EQ(body.velocity_y, 0);
  // Quake's rule: the speed along the wish is topped, so along the wall it may come near the top.
  EXPECT_GT(body.velocity_x, 2.2F);
  EXPECT_GT(body.x, 3.0F);
  Body corner{.x = 9.5F, .y = 0.5F, .heading = 0xe0000000U};
  run(grid, Action::kForward, 60, corner);
  EXPECT_FLOAT_EQ(corner.x, 10 - kPlayerRadius);
  EXPECT_FLOAT_EQ(corner.y, kPlayerRadius);
}

TEST(Physics, GoesRoundTheEndOfAWallWithoutTouchingIt) {
  // A wall from (2,0) to (2,1). Running east along y = 1 + 0.1 the circle meets its end and slides
  // south round it.
  Grid grid = open_grid(4, 3);
  add_wall(grid, {1, 0}, kEast);
  Body body{.x = 1.2F, .y = 1.1F, .heading = kEastward};
  float nearest = 9;
  for (int i = 0; i < 120; ++i) {
    run(grid, Action::kForward, 1, body);
    nearest = std::min(nearest, std::hypot(body.x - 2, body.y - 1));
  }
  EXPECT_NEAR(nearest, kPlayerRadius, 1e-5F);
  EXPECT_GT(body.x, 3.0F);
  EXPECT_GT(body.y, 1 + kPlayerRadius - 1e-5F);
}

TEST(Physics, AWallStopsFromBothSides) {
  Grid grid = open_grid(4, 1);
  add_wall(grid, {1, 0}, kEast);
  Body west{.x = 0.5F, .y = 0.5F, .heading = kEastward},
      east{.x = 3.5F, .y = 0.5F, .heading = kWestward};
  run(grid, Action::kForward, 100, west);
  run(grid, Action::kForward, 100, east);
  EXPECT_FLOAT_EQ(west.x, 2 - kPlayerRadius);
  EXPECT_FLOAT_EQ(east.x, 2 + kPlayerRadius);
}

TEST(Physics, SolidsStopHeadOnAndLetGlance) {
  const Grid grid = open_grid(5, 3);
  std::vector<std::uint8_t> solids(15, 0);
  solids[1 * 5 + 2] = 1;  // at (2.5, 1.5)
  Body head_on{.x = 0.5F, .y = 1.5F, .heading = kEastward};
  run(grid, Action::kForward, 100, head_on, solids);
  EXPECT_NEAR(head_on.x, 2.5F - kPlayerRadius - kSolidRadius, 1e-4F);
  Body glancing{.x = 0.5F, .y = 1.3F, .heading = kEastward};
  for (int i = 0; i < 150; ++i) {
    run(grid, Action::kForward, 1, glancing, solids);
    ASSERT_TRUE(is_clear(grid, solids, glancing.x, glancing.y));
  }
  EXPECT_GT(glancing.x, 3.5F);
}

TEST(Physics, IsClearSeesWallsWallEndsSolidsAndTheOutside) {
  Grid grid = open_grid(4, 3);
  add_wall(grid, {1, 0}, kEast);
  std::vector<std::uint8_t> solids(12, 0);
  solids[2 * 4 + 3] = 1;
  EXPECT_TRUE(is_clear(grid, solids, 0.5F, 0.5F));
  EXPECT_FALSE(is_clear(grid, solids, 0.1F, 0.5F));
  EXPECT_FALSE(is_clear(grid, solids, 2.05F, 1.05F));
  EXPECT_TRUE(is_clear(grid, solids, 2.05F, 1.2F));
  EXPECT_FALSE(is_clear(grid, solids, 3.5F, 2.2F));
  EXPECT_TRUE(is_clear(grid, {}, 3.5F, 2.2F));
  EXPECT_FALSE(is_clear(grid, solids, -1, 0.5F));
  EXPECT_FALSE(is_clear(grid, solids, 0.5F, 3.5F));
  EXPECT_FALSE(is_clear(grid, solids, std::nanf(""), 0.5F));
}

// Random players never overlap a wall or solid, and their centre crosses cells through openings
// only.
TEST(Physics, TenMillionRandomFramesNeverLeaveTouchOrTunnel) {
  constexpr int kMazes = 1000, kFrames = 10'000;
  Grid grid;
  std::vector<std::uint8_t> solids;
  for (int maze = 0; maze < kMazes; ++maze) {
    Stream random(fold_in(Key{20}, static_cast<std::uint64_t>(maze)));
    const GeneratorOptions options{.width = 2 + static_cast<int>(random.below(14)),
                                   .height = 2 + static_cast<int>(random.below(14)),
                                   .openings = random.uniform(),
                                   .rooms = 0};
    generate(options, fold_in(Key{21}, static_cast<std::uint64_t>(maze)), grid);
    const int cells = grid.width * grid.height;
    solids.assign(static_cast<std::size_t>(cells), 0);
    // A third of the mazes have solids in a fifth of their cells, never where the player starts.
    const int start = static_cast<int>(random.below(static_cast<std::uint32_t>(cells)));
    if (maze % 3 == 0) {
      for (int i = 0; i < cells; ++i)
        solids[static_cast<std::size_t>(i)] = i != start && random.below(5) == 0 ? 1 : 0;
    }
    Body body{.x = static_cast<float>(start % grid.width) + 0.5F,
              .y = static_cast<float>(start / grid.width) + 0.5F,
              .heading = static_cast<std::uint32_t>(random.bits())};
    auto action = Action::kForward;
    for (int frame = 0; frame < kFrames; ++frame) {
      // Mostly forward and for many frames, so that players run into things at full speed from all
      // sides.
      if (random.below(8) == 0) action = static_cast<Action>(random.below(kActions + 4));
      if (static_cast<int>(action) >= kActions) action = Action::kForward;
      const Cell from{static_cast<std::int16_t>(body.x), static_cast<std::int16_t>(body.y)};
      const float x = body.x, y = body.y;
      move(grid, solids, action, body);
      ASSERT_TRUE(is_clear(grid, solids, body.x, body.y))
          << "maze " << maze << " frame " << frame << " at " << body.x << ", " << body.y;
      // A push out of a corner or solid may add to a frame's way, never more than the way itself.
      ASSERT_LT(std::hypot(body.x - x, body.y - y), 2 * kTopSpeed / 60);
      const Cell to{static_cast<std::int16_t>(body.x), static_cast<std::int16_t>(body.y)};
      if (from == to) continue;
      const Side across = to.x > from.x ? kEast : kWest, along = to.y > from.y ? kSouth : kNorth;
      bool is_open = false;
      if (to.y == from.y)
        is_open = !grid.has_wall(from, across);
      else if (to.x == from.x)
        is_open = !grid.has_wall(from, along);
      else
        is_open = !grid.has_wall(from, across) && !grid.has_wall(from, along) &&
                  !grid.has_wall(to, opposite(across)) && !grid.has_wall(to, opposite(along));
      ASSERT_TRUE(is_open) << "maze " << maze << " frame " << frame;
    }
  }
}

// A change of these numbers changes every golden frame.
TEST(Physics, BitsArePinned) {
  Grid grid;
  generate({.width = 9, .height = 9, .openings = 0.3F}, Key{4}, grid);
  Body body{.x = 0.5F, .y = 0.5F, .heading = kEastward};
  Stream random(Key{5});
  std::uint64_t sum = 0;
  for (int i = 0; i < 10'000; ++i) {
    const auto action =
        random.below(2) == 0 ? Action::kForward : static_cast<Action>(random.below(kActions));
    move(grid, {}, action, body);
    for (const float value : {body.x, body.y, body.velocity_x, body.velocity_y}) {
      sum = sum * 0x9e3779b97f4a7c15ULL + std::bit_cast<std::uint32_t>(value);
    }
    sum = sum * 0x9e3779b97f4a7c15ULL + body.heading;
  }
  EXPECT_EQ(sum, 14081674348263646324ULL);
}

}  // namespace physics_test
}  // namespace clew::maze
