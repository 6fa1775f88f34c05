// SPDX-License-Identifier: Apache-2.0
// Properties of many random mazes, and shortest paths in small ones by hand.
#include "clew/maze/generator.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <bit>
#include <limits>
#include <set>
#include <string>

#include "clew/maze/paths.h"
#include "tests/support/expect_error.h"

namespace clew::maze {
namespace generator_test {

std::string error_of(const GeneratorOptions& options) {
  return clew::error_of([&] { check(options); });
}

/// Open inner walls: for a spanning tree, cells - 1.
int passages(const Grid& grid) {
  int open = 0;
  for (const std::uint8_t walls : grid.walls) open += 4 - std::popcount(unsigned{walls});
  return open / 2;
}

void expect_sound(const Grid& grid) {
  for (int y = 0; y < grid.height; ++y) {
    for (int x = 0; x < grid.width; ++x) {
      const Cell cell{static_cast<std::int16_t>(x), static_cast<std::int16_t>(y)};
      for (const Side side : {kNorth, kEast, kSouth, kWest}) {
        const Cell next = neighbour(cell, side);
        if (!grid.contains(next)) {
          ASSERT_TRUE(grid.has_wall(cell, side)) << "border open at " << x << ", " << y;
        } else {
          ASSERT_EQ(grid.has_wall(cell, side), grid.has_wall(next, opposite(side)));
        }
      }
    }
  }
}

TEST(Generator, MazesAreConnectedClosedAndSymmetric) {
  Grid grid;
  for (std::uint64_t i = 0; i < 2000; ++i) {
    Stream random(fold_in(Key{7}, i));
    GeneratorOptions options;
    options.width = 2 + static_cast<int>(random.below(24));
    options.height = 2 + static_cast<int>(random.below(24));
    options.openings = random.uniform();
    options.rooms = static_cast<int>(random.below(4));
    options.room_max = 2 + static_cast<int>(random.below(30));
    generate(options, Key{i}, grid);
    ASSERT_EQ(grid.walls.size(), static_cast<std::size_t>(options.width) * options.height);
    expect_sound(grid);
    ASSERT_TRUE(is_connected(grid)) << "key " << i;
  }
}

TEST(Generator, AnySizeUpTo255) {
  for (const auto& [width, height] : {std::pair{2, 2}, {2, 255}, {255, 2}, {255, 255}}) {
    Grid grid;
    generate({.width = width, .height = height, .openings = 0}, Key{3}, grid);
    EXPECT_EQ(passages(grid), width * height - 1);
    expect_sound(grid);
    EXPECT_TRUE(is_connected(grid));
  }
}

TEST(Generator, OpeningsAreAnExactShare) {
  // 9x15 cells have 8*15 + 9*14 = 246 inner walls; the tree opens 134, 112 stay.
  for (const auto& [share, opened] : {std::pair{0.0F, 0}, {0.15F, 17}, {0.5F, 56}, {1.0F, 112}}) {
    Grid grid;
    generate({.width = 9, .height = 15, .openings = share}, Key{11}, grid);
    EXPECT_EQ(passages(grid), 134 + opened);
  }
}

TEST(Generator, RoomsAreOpenInside) {
  // One room as large as the maze leaves no inner wall.
  Grid grid;
  generate({.width = 5, .height = 4, .openings = 0, .rooms = 1, .room_min = 9, .room_max = 9},
           Key{1}, grid);
  EXPECT_EQ(passages(grid), 4 * 4 + 5 * 3);
  expect_sound(grid);
}

TEST(Generator, TheKeyAloneDecides) {
  const GeneratorOptions options{.width = 9, .height = 15};
  Grid first, used, other;
  generate(options, Key{5}, first);
  draw_looks(Key{6}, first);
  generate({.width = 40, .height = 30}, Key{1}, used);
  draw_looks(Key{2}, used);
  generate(options, Key{5}, used);
  draw_looks(Key{6}, used);
  EXPECT_EQ(first, used);
  generate(options, Key{8}, other);
  EXPECT_NE(first.walls, other.walls);
}

TEST(Generator, EveryWallOfATwoByTwoTreeIsEquallyLikely) {
  // A depth-first tree of 2x2 cells leaves one of four inner walls standing.
  int east_of_first = 0;
  Grid grid;
  for (std::uint64_t i = 0; i < 4000; ++i) {
    generate({.width = 2, .height = 2, .openings = 0}, fold_in(Key{1}, i), grid);
    east_of_first += int{grid.has_wall({0, 0}, kEast)};
  }
  EXPECT_NEAR(east_of_first, 1000, 110);  // four standard deviations of a binomial count
}

TEST(Generator, FillsInPlace) {
  Grid grid;
  generate({.width = 9, .height = 15}, Key{1}, grid);
  const auto* walls = grid.walls.data();
  const auto* faces = grid.faces.data();
  const auto* floors = grid.floors.data();
  generate({.width = 9, .height = 15}, Key{2}, grid);
  draw_looks(Key{2}, grid);
  EXPECT_EQ(walls, grid.walls.data());
  EXPECT_EQ(faces, grid.faces.data());
  EXPECT_EQ(floors, grid.floors.data());
}

TEST(Generator, SaysWhichOptionIsOutOfRange) {
  EXPECT_EQ(error_of({}), "no error");
  EXPECT_EQ(error_of({.width = 1}), "generator.width must be in 2..255, got 1");
  EXPECT_EQ(error_of({.height = 256}), "generator.height must be in 2..255, got 256");
  EXPECT_EQ(error_of({.height = -3}), "generator.height must be in 2..255, got -3");
  EXPECT_EQ(error_of({.openings = 1.5F}), "generator.openings must be in 0..1, got 1.5");
  EXPECT_EQ(error_of({.openings = std::numeric_limits<float>::quiet_NaN()}),
            "generator.openings must be in 0..1, got nan");
  EXPECT_EQ(error_of({.rooms = -1}), "generator.rooms must be in 0..1024, got -1");
  EXPECT_EQ(error_of({.room_min = 0}), "generator.room_min must be in 1..255, got 0");
  EXPECT_EQ(error_of({.room_min = 4, .room_max = 3}),
            "generator.room_max must be at least generator.room_min, 4, got 3");
}

TEST(Looks, TexturesAreInRangeAndPlacesDiffer) {
  Grid grid;
  for (std::uint64_t i = 0; i < 200; ++i) {
    generate({.width = 15, .height = 9}, Key{i}, grid);
    draw_looks(Key{i}, grid);
    std::set<int> bases, posters;
    int walls = 0, poster_faces = 0;
    for (int index = 0; index < 135; ++index) {
      ASSERT_LT(grid.floors[index], kFloorTextures);
      std::set<int> bases_here;
      for (int side = 0; side < 4; ++side) {
        const int face = grid.faces[index * 4 + side];
        ASSERT_LT(face, kWallTextures);
        if ((grid.walls[index] >> side & 1) == 0) continue;
        ++walls;
        poster_faces += int{face >= kFirstPoster};
        (face >= kFirstPoster ? posters : bases_here).insert(face);
      }
      ASSERT_LE(bases_here.size(), 1U);  // a cell lies in one region
      bases.insert(bases_here.begin(), bases_here.end());
    }
    EXPECT_GE(bases.size(), 6U);
    EXPECT_GE(posters.size(), 20U);
    EXPECT_GT(poster_faces, walls / 10);
    EXPECT_LT(poster_faces, walls / 2);
  }
}

TEST(Looks, DeadEndsCarryPosters) {
  Grid grid;
  generate({.width = 12, .height = 12, .openings = 0}, Key{4}, grid);
  draw_looks(Key{4}, grid);
  int dead_ends = 0;
  for (int index = 0; index < 144; ++index) {
    const unsigned open = ~unsigned{grid.walls[index]} & 15U;
    if (std::popcount(open) != 1) continue;
    ++dead_ends;
    EXPECT_GE(grid.faces[index * 4 + (std::countr_zero(open) ^ 2)], kFirstPoster);
  }
  EXPECT_GT(dead_ends, 0);
}

// A corridor of 3x1 cells above another, joined at the east end:  0 1 2
//                                                                 5 4 3
Grid hairpin() {
  Grid grid{.width = 3, .height = 2};
  const std::uint8_t n = 1, e = 2, s = 4, w = 8;
  grid.walls = {std::uint8_t(n | w | s), std::uint8_t(n | s), std::uint8_t(n | e),
                std::uint8_t(n | w | s), std::uint8_t(n | s), std::uint8_t(e | s)};
  grid.faces.resize(24);
  grid.floors.resize(6);
  return grid;
}

TEST(Paths, DistancesInAHairpin) {
  const Grid grid = hairpin();
  std::vector<std::uint16_t> distances;
  walk_distances(grid, {0, 0}, {}, distances);
  EXPECT_EQ(distances, (std::vector<std::uint16_t>{0, 1, 2, 5, 4, 3}));
  EXPECT_EQ(next_step(grid, distances, {0, 1}), kEast);
  EXPECT_EQ(next_step(grid, distances, {2, 1}), kNorth);
  EXPECT_EQ(next_step(grid, distances, {2, 0}), kWest);
  EXPECT_EQ(next_step(grid, distances, {0, 0}), std::nullopt);
  EXPECT_TRUE(is_connected(grid));
}

TEST(Paths, SolidsBlockTheWay) {
  const Grid grid = hairpin();
  const Thing solid[] = {{{2, 0}, ThingKind::kSolid}};
  const Thing apple[] = {{{2, 0}, ThingKind::kApple}};
  std::vector<std::uint16_t> distances;
  walk_distances(grid, {0, 0}, solid, distances);
  EXPECT_EQ(distances, (std::vector<std::uint16_t>{0, 1, kNoWay, kNoWay, kNoWay, kNoWay}));
  EXPECT_EQ(next_step(grid, distances, {2, 1}), std::nullopt);
  EXPECT_FALSE(is_connected(grid, solid));
  walk_distances(grid, {0, 0}, apple, distances);
  EXPECT_EQ(distances[3], 5);
  EXPECT_TRUE(is_connected(grid, apple));
}

TEST(Paths, AWalkFollowsTheDistances) {
  Grid grid;
  generate({.width = 30, .height = 20}, Key{9}, grid);
  std::vector<std::uint16_t> distances;
  walk_distances(grid, {3, 4}, {}, distances);
  for (int i = 0; i < 600; ++i) {
    Cell cell{static_cast<std::int16_t>(i % 30), static_cast<std::int16_t>(i / 30)};
    int steps = 0;
    while (const auto side = next_step(grid, distances, cell)) {
      ASSERT_FALSE(grid.has_wall(cell, *side));
      cell = neighbour(cell, *side);
      ++steps;
    }
    ASSERT_EQ(cell, (Cell{3, 4}));
    ASSERT_EQ(steps, distances[i]);
  }
}

}  // namespace generator_test
}  // namespace clew::maze
