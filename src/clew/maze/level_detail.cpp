// SPDX-License-Identifier: Apache-2.0
#include "clew/maze/level_detail.h"

#include <algorithm>

#include "clew/core/error.h"
#include "clew/maze/paths.h"

namespace clew::maze {

FreeCells::FreeCells(const Grid& grid, std::vector<std::uint16_t>& marks) : marks_(marks) {
  const int cells = grid.width * grid.height;
  marks_.resize(cells);
  for (int index = 0; index < cells; ++index) {
    marks_[index] = is_open(grid, index) ? 1 : 0;
    open_ += marks_[index];
  }
  free_ = open_;
}

void FreeCells::take(int index) {
  free_ -= marks_[index];
  marks_[index] = 0;
}

Cell FreeCells::draw_cell(const Grid& grid, Stream& random) const {
  CLEW_CHECK(free_ > 0, "a level needs a free cell for its goal, got none");
  auto skip = static_cast<int>(random.below(free_));
  int index = 0;
  while (marks_[index] == 0 || skip-- > 0) ++index;
  return {static_cast<std::int16_t>(index % grid.width),
          static_cast<std::int16_t>(index / grid.width)};
}

void FreeCells::draw_fruit(const Grid& grid, const Rules& rules, Stream& random,
                           std::vector<Thing>& things) const {
  // Selection sampling (Knuth, The Art of Computer Programming 2, algorithm 3.4.2S), twice: cells
  // with fruit, and strawberries among them.
  const int room = std::min(free_, kMaxThings - static_cast<int>(things.size()));
  int fruits = std::min(fruit_count(rules.fruit_density, open_), room);
  int strawberries = static_cast<int>(static_cast<double>(rules.strawberry_share) * fruits + 0.5);
  int left = free_;
  for (int y = 0, index = 0; y < grid.height && fruits > 0; ++y) {
    for (int x = 0; x < grid.width && fruits > 0; ++x, ++index) {
      if (marks_[index] == 0 || static_cast<int>(random.below(left--)) >= fruits) continue;
      const bool is_strawberry =
          strawberries > 0 && static_cast<int>(random.below(fruits)) < strawberries;
      things.push_back({{static_cast<std::int16_t>(x), static_cast<std::int16_t>(y)},
                        is_strawberry ? ThingKind::kStrawberry : ThingKind::kApple});
      strawberries -= int{is_strawberry};
      --fruits;
    }
  }
}

}  // namespace clew::maze
