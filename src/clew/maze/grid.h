// SPDX-License-Identifier: Apache-2.0
// Geometry of a maze: square cells, thin walls on their sides, textures of wall faces and floors.
// Both readings of a level text give this, the only representation for physics, renderer and path
// search.
//
// Frame: x grows to the east (right in the text), y to the south (down); cell (x, y) covers [x,
// x+1) x [y, y+1). One unit of length is one cell. Headings are turns of 2^16: 0 looks east, 2^14
// south, clockwise seen from above.
#pragma once

#include <array>
#include <cstdint>
#include <vector>

#include "clew/core/names.h"

namespace clew::maze {

enum Side : std::uint8_t { kNorth = 0, kEast = 1, kSouth = 2, kWest = 3 };

struct Cell {
  std::int16_t x = 0, y = 0;
  friend bool operator==(const Cell&, const Cell&) = default;
};

/// Walls and textures. Invariant (checked by builders): the border is closed, and a wall between
/// two cells is set in both.
struct Grid {
  int width = 0, height = 0;  // cells, 1..255 each
  // [height*width] bit (1 << Side) set: a wall on that side
  std::vector<std::uint8_t> walls = {};
  // [height*width*4] texture of the wall seen from inside the cell, 0..kWallTextures-1
  std::vector<std::uint8_t> faces = {};
  // [height*width] texture of the floor, 0..kFloorTextures-1
  std::vector<std::uint8_t> floors = {};

  int index(Cell cell) const { return cell.y * width + cell.x; }
  bool has_wall(Cell cell, Side side) const { return (walls[index(cell)] >> side & 1) != 0; }
  bool contains(Cell cell) const {
    return cell.x >= 0 && cell.y >= 0 && cell.x < width && cell.y < height;
  }
  friend bool operator==(const Grid&, const Grid&) = default;
};

constexpr int kWallTextures = 64;
constexpr int kFloorTextures = 8;

/// Adjacent cell at `side`, ignoring walls; may not exist.
constexpr Cell neighbour(Cell cell, Side side) {
  constexpr std::int16_t kDx[] = {0, 1, 0, -1}, kDy[] = {-1, 0, 1, 0};
  return {static_cast<std::int16_t>(cell.x + kDx[side]),
          static_cast<std::int16_t>(cell.y + kDy[side])};
}
constexpr Side opposite(Side side) { return static_cast<Side>(side ^ 2); }

/// Objects in cells, in the order of semantic ids from kSemanticThing on (render.h).
enum class ThingKind : std::uint8_t { kGoal, kApple, kStrawberry, kLemon, kFungi, kSolid };
constexpr auto names(ThingKind) {
  using enum ThingKind;
  return std::to_array<Named<ThingKind>>({{kGoal, "goal"},
                                          {kApple, "apple"},
                                          {kStrawberry, "strawberry"},
                                          {kLemon, "lemon"},
                                          {kFungi, "fungi"},
                                          {kSolid, "solid"}});
}
constexpr int kThingKinds = 6;

/// An object at the centre of its cell. Solids are obstacles; the others are collected by touch.
struct Thing {
  Cell cell;
  ThingKind kind = ThingKind::kApple;
  friend bool operator==(const Thing&, const Thing&) = default;
};

}  // namespace clew::maze
