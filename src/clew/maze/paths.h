// SPDX-License-Identifier: Apache-2.0
// Walks through a maze counted in cells: distances, reachability and the next step of a shortest
// path.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "clew/maze/grid.h"

namespace clew::maze {

constexpr std::uint16_t kNoWay = 65535;

/// An open cell can be entered: it has fewer than four walls.
inline bool is_open(const Grid& grid, int index) { return (grid.walls[index] & 15) != 15; }

/// distances [height*width]: cells' walk from `from`, 0 there, kNoWay where none. Cells of solid
/// `things` cannot be entered, but one may walk from them. Breadth first; allocates nothing once
/// used for this size on this thread.
void walk_distances(const Grid& grid, Cell from, std::span<const Thing> things,
                    std::vector<std::uint16_t>& distances);

/// The side to leave `cell` by to come one cell nearer to where `distances` is 0; none there or
/// where no way leads.
std::optional<Side> next_step(const Grid& grid, std::span<const std::uint16_t> distances,
                              Cell cell);

/// Cuts the open cells without a solid into parts that hang together: part [height*width] is the
/// number of a cell's part, from 0 in reading order, kNoWay for cells that cannot be entered.
/// Returns how many parts there are.
int label_parts(const Grid& grid, std::span<const Thing> things, std::vector<std::uint16_t>& part);

/// True if every open cell without a solid can be walked to from every other.
bool is_connected(const Grid& grid, std::span<const Thing> things = {});

}  // namespace clew::maze
