// SPDX-License-Identifier: Apache-2.0
// What level.cpp, layout.cpp and level_text.cpp share: how goal and fruit are drawn over cells, and
// what can be wrong with a level. Not part of the library's interface.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "clew/core/key.h"
#include "clew/maze/grid.h"
#include "clew/maze/level.h"

namespace clew::maze {

/// floor(density * cells), forgiving the rounding of a density that has no exact float.
constexpr int fruit_count(float density, int cells) {
  return static_cast<int>(static_cast<double>(density) * cells + 1e-3);
}

/// The open cells of a grid that carry nothing yet. Borrows `marks`, whose contents are lost.
class FreeCells {
 public:
  FreeCells(const Grid& grid, std::vector<std::uint16_t>& marks);

  void take(int index);
  /// The cells that were open at the start, taken or not.
  int open() const { return open_; }
  int free() const { return free_; }
  /// Uniform over the free cells; clew::Error when there is none. Does not take it.
  Cell draw_cell(const Grid& grid, Stream& random) const;
  /// Appends fruit by the density and share of `rules` in free cells, in reading order; does not
  /// take them. At most all free cells, and never more than kMaxThings things in all.
  void draw_fruit(const Grid& grid, const Rules& rules, Stream& random,
                  std::vector<Thing>& things) const;

 private:
  std::vector<std::uint16_t>& marks_;  // 1 free, 0 not
  int open_ = 0, free_ = 0;
};

/// What is wrong with a level, and where if it is a cell or a key.
struct LevelFault {
  std::string text;
  std::optional<Cell> cell;
  std::string key;  // "rules.fruit_density"
};

/// Finishes the level as far as it can and returns the first fault.
std::optional<LevelFault> finish_or_fault(Level& level);

}  // namespace clew::maze
