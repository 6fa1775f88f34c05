// SPDX-License-Identifier: Apache-2.0
// Shared by level.cpp, layout.cpp and level_text.cpp: random placement of goal and fruit, and
// validation. Not part of the interface.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "clew/core/key.h"
#include "clew/maze/grid.h"
#include "clew/maze/level.h"

namespace clew::maze {

/// floor(density * cells), tolerant of the rounding of `density`.
constexpr int fruit_count(float density, int cells) {
  return static_cast<int>(static_cast<double>(density) * cells + 1e-3);
}

/// Free open cells of a grid. Borrows `marks` as scratch memory.
class FreeCells {
 public:
  FreeCells(const Grid& grid, std::vector<std::uint16_t>& marks);

  void take(int index);
  /// Open cells at construction, taken or not.
  int open() const { return open_; }
  int free() const { return free_; }
  /// Uniform over the free cells; none: clew::Error. Does not take it.
  Cell draw_cell(const Grid& grid, Stream& random) const;
  /// Appends fruit by density and share of `rules` in free cells, in row-major order, up to
  /// kMaxThings things; does not take the cells.
  void draw_fruit(const Grid& grid, const Rules& rules, Stream& random,
                  std::vector<Thing>& things) const;

 private:
  std::vector<std::uint16_t>& marks_;  // 1 free, 0 not
  int open_ = 0, free_ = 0;
};

/// A fault of a level, with its cell or key if any.
struct LevelFault {
  std::string text;
  std::optional<Cell> cell;
  std::string key;  // "rules.fruit_density"
};

/// finish_level, but returns the first fault.
std::optional<LevelFault> finish_or_fault(Level& level);

}  // namespace clew::maze
