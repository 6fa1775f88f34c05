// SPDX-License-Identifier: Apache-2.0
// Shortest paths in a maze: distances in cells, connectivity, next step.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "clew/maze/grid.h"

namespace clew::maze {

constexpr std::uint16_t kNoWay = 65535;

/// True for cells with fewer than four walls.
inline bool is_open(const Grid& grid, int index) { return (grid.walls[index] & 15) != 15; }

/// distances [height*width]: path length from `from` in cells, kNoWay if unreachable. Cells with
/// solid `things` cannot be entered, only left. Breadth-first; does not allocate after the first
/// call for this size on this thread.
void walk_distances(const Grid& grid, Cell from, std::span<const Thing> things,
                    std::vector<std::uint16_t>& distances);

/// Next step from `cell` on a shortest path to where `distances` is 0; absent there or without a
/// path.
std::optional<Side> next_step(const Grid& grid, std::span<const std::uint16_t> distances,
                              Cell cell);

/// Connected components of open cells without a solid: part [height*width], from 0 in row-major
/// order, kNoWay for blocked cells. Returns their number.
int label_parts(const Grid& grid, std::span<const Thing> things, std::vector<std::uint16_t>& part);

/// True if there is only one connected component.
bool is_connected(const Grid& grid, std::span<const Thing> things = {});

}  // namespace clew::maze
