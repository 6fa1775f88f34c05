// SPDX-License-Identifier: Apache-2.0
#include "clew/maze/paths.h"

#include <algorithm>

#include "clew/core/error.h"

namespace clew::maze {
namespace {

constexpr std::uint16_t kBlocked = 65534;  // longer than any walk: a grid has at most 65025 cells

bool has_solid(std::span<const Thing> things, Cell cell) {
  return std::any_of(things.begin(), things.end(), [&](const Thing& thing) {
    return thing.kind == ThingKind::kSolid && thing.cell == cell;
  });
}

}  // namespace

void walk_distances(const Grid& grid, Cell from, std::span<const Thing> things,
                    std::vector<std::uint16_t>& distances) {
  CLEW_ASSERT(grid.contains(from));
  const int cells = grid.width * grid.height;
  static thread_local std::vector<std::uint16_t> queue;
  if (queue.size() < static_cast<std::size_t>(cells)) queue.resize(cells);
  distances.assign(cells, kNoWay);
  bool has_solids = false;
  for (const Thing& thing : things) {
    if (thing.kind != ThingKind::kSolid) continue;
    distances[grid.index(thing.cell)] = kBlocked;
    has_solids = true;
  }
  const int offsets[] = {-grid.width, 1, grid.width, -1};
  int head = 0, tail = 0;
  queue[tail++] = static_cast<std::uint16_t>(grid.index(from));
  distances[grid.index(from)] = 0;
  while (head < tail) {
    const int here = queue[head++];
    const auto next_distance = static_cast<std::uint16_t>(distances[here] + 1);
    const int open = ~grid.walls[here];
    for (int side = 0; side < 4; ++side) {
      const int there = here + offsets[side];
      if ((open >> side & 1) == 0 || distances[there] != kNoWay) continue;
      distances[there] = next_distance;
      queue[tail++] = static_cast<std::uint16_t>(there);
    }
  }
  if (has_solids) std::replace(distances.begin(), distances.end(), kBlocked, kNoWay);
}

std::optional<Side> next_step(const Grid& grid, std::span<const std::uint16_t> distances,
                              Cell cell) {
  const int offsets[] = {-grid.width, 1, grid.width, -1};
  const int here = grid.index(cell);
  for (const Side side : {kNorth, kEast, kSouth, kWest}) {
    if (!grid.has_wall(cell, side) && distances[here + offsets[side]] < distances[here])
      return side;
  }
  return std::nullopt;
}

bool is_connected(const Grid& grid, std::span<const Thing> things) {
  std::vector<std::uint16_t> distances;
  for (int y = 0; y < grid.height; ++y) {
    for (int x = 0; x < grid.width; ++x) {
      const Cell cell{static_cast<std::int16_t>(x), static_cast<std::int16_t>(y)};
      if (!is_open(grid, grid.index(cell)) || has_solid(things, cell)) continue;
      if (distances.empty()) walk_distances(grid, cell, things, distances);
      if (distances[grid.index(cell)] == kNoWay) return false;
    }
  }
  return true;
}

}  // namespace clew::maze
