// SPDX-License-Identifier: Apache-2.0
#include "clew/maze/paths.h"

#include <algorithm>

#include "clew/core/error.h"

namespace clew::maze {
namespace {

constexpr std::uint16_t kBlocked = 65534;  // above any distance: a grid has at most 65025 cells

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

int label_parts(const Grid& grid, std::span<const Thing> things, std::vector<std::uint16_t>& part) {
  const int cells = grid.width * grid.height;
  part.assign(cells, kBlocked);
  for (int index = 0; index < cells; ++index)
    if (!is_open(grid, index)) part[index] = kNoWay;
  for (const Thing& thing : things)
    if (thing.kind == ThingKind::kSolid) part[grid.index(thing.cell)] = kNoWay;
  const int offsets[] = {-grid.width, 1, grid.width, -1};
  std::vector<int> stack;
  int parts = 0;
  for (int index = 0; index < cells; ++index) {
    if (part[index] != kBlocked) continue;
    part[index] = static_cast<std::uint16_t>(parts);
    stack.push_back(index);
    while (!stack.empty()) {
      const int here = stack.back();
      stack.pop_back();
      for (int side = 0; side < 4; ++side) {
        if ((grid.walls[here] >> side & 1) != 0 || part[here + offsets[side]] != kBlocked) continue;
        part[here + offsets[side]] = static_cast<std::uint16_t>(parts);
        stack.push_back(here + offsets[side]);
      }
    }
    ++parts;
  }
  return parts;
}

bool is_connected(const Grid& grid, std::span<const Thing> things) {
  std::vector<std::uint16_t> part;
  return label_parts(grid, things, part) <= 1;
}

}  // namespace clew::maze
