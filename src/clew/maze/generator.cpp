// SPDX-License-Identifier: Apache-2.0
#include "clew/maze/generator.h"

#include <algorithm>
#include <array>
#include <bit>
#include <cmath>
#include <numeric>
#include <vector>

#include "clew/core/error.h"
#include "clew/maze/level_fields.h"
#include "clew/maze/paths.h"

namespace clew::maze {
namespace {

constexpr std::uint8_t kUnvisited = 255;

struct Offsets {
  explicit Offsets(const Grid& grid) : to{-grid.width, 1, grid.width, -1} {}
  int operator[](int side) const { return to[side]; }
  int to[4];
};

/// Bit mask of sides of cell (x, y) inside the grid.
int inner_sides(const Grid& grid, int x, int y) {
  return int{y > 0} << kNorth | int{x + 1 < grid.width} << kEast |
         int{y + 1 < grid.height} << kSouth | int{x > 0} << kWest;
}

void open_wall(Grid& grid, int index, int side, const Offsets& offsets) {
  grid.walls[index] &= static_cast<std::uint8_t>(~(1 << side));
  grid.walls[index + offsets[side]] &= static_cast<std::uint8_t>(~(1 << (side ^ 2)));
}

/// The n-th (from 0) set bit of a mask of four.
int nth_side(int mask, int n) {
  for (; n > 0; --n) mask &= mask - 1;
  return std::countr_zero(static_cast<unsigned>(mask));
}

/// Depth-first without a stack: `floors` stores the side through which each cell was entered.
void carve_tree(Stream& random, Grid& grid) {
  const Offsets offsets(grid);
  std::uint8_t* entered_by = grid.floors.data();
  const int start = static_cast<int>(random.below(grid.width * grid.height));
  int here = start, x = start % grid.width, y = start / grid.width;
  entered_by[start] = 4;
  while (true) {
    int ways = inner_sides(grid, x, y);
    for (int side = 0; side < 4; ++side)
      if ((ways >> side & 1) != 0 && entered_by[here + offsets[side]] != kUnvisited)
        ways &= ~(1 << side);
    int side;
    if (ways != 0) {
      const int count = std::popcount(static_cast<unsigned>(ways));
      side = nth_side(ways, count == 1 ? 0 : static_cast<int>(random.below(count)));
      open_wall(grid, here, side, offsets);
      entered_by[here + offsets[side]] = static_cast<std::uint8_t>(side ^ 2);
    } else {
      if (here == start) return;
      side = entered_by[here];
    }
    here += offsets[side];
    x += int{side == kEast} - int{side == kWest};
    y += int{side == kSouth} - int{side == kNorth};
  }
}

void carve_room(const GeneratorOptions& options, Stream& random, Grid& grid) {
  const auto side_length = [&](int limit) {
    const int side =
        options.room_min + static_cast<int>(random.below(options.room_max - options.room_min + 1));
    return std::min(side, limit);
  };
  const int w = side_length(grid.width), h = side_length(grid.height);
  const int x0 = static_cast<int>(random.below(grid.width - w + 1));
  const int y0 = static_cast<int>(random.below(grid.height - h + 1));
  const Offsets offsets(grid);
  for (int y = y0; y < y0 + h; ++y)
    for (int x = x0; x < x0 + w; ++x) {
      const int index = y * grid.width + x;
      if (x + 1 < x0 + w) open_wall(grid, index, kEast, offsets);
      if (y + 1 < y0 + h) open_wall(grid, index, kSouth, offsets);
    }
}

template <class Visit>
void for_each_inner_wall(const Grid& grid, const Visit& visit) {
  for (int y = 0, index = 0; y < grid.height; ++y)
    for (int x = 0; x < grid.width; ++x, ++index) {
      const int inner = inner_sides(grid, x, y) & grid.walls[index];
      if ((inner >> kEast & 1) != 0) visit(index, kEast);
      if ((inner >> kSouth & 1) != 0) visit(index, kSouth);
    }
}

/// Selection sampling (Knuth, The Art of Computer Programming 2, algorithm 3.4.2S): an exact share
/// without memory.
void carve_openings(float share, Stream& random, Grid& grid) {
  std::uint32_t walls = 0;
  for_each_inner_wall(grid, [&](int, Side) { ++walls; });
  auto wanted = static_cast<std::uint32_t>(static_cast<double>(share) * walls + 0.5);
  const Offsets offsets(grid);
  for_each_inner_wall(grid, [&](int index, Side side) {
    if (wanted == 0) return;
    if (random.below(walls--) >= wanted) return;
    open_wall(grid, index, side, offsets);
    --wanted;
  });
}

template <std::size_t N>
std::array<std::uint8_t, N> shuffled(Stream& random, int first) {
  std::array<std::uint8_t, N> deck;
  std::iota(deck.begin(), deck.end(), static_cast<std::uint8_t>(first));
  for (std::uint32_t i = N - 1; i > 0; --i) std::swap(deck[i], deck[random.below(i + 1)]);
  return deck;
}

/// Writes the region of every cell into `floors`: its nearest random centre by path length.
void draw_regions(Stream& random, Grid& grid) {
  const int cells = grid.width * grid.height;
  static thread_local std::vector<std::uint16_t> queue;
  if (queue.size() < static_cast<std::size_t>(cells)) queue.resize(cells);
  const Offsets offsets(grid);
  std::uint8_t* region = grid.floors.data();
  std::fill_n(region, cells, kUnvisited);
  const int regions = std::clamp((cells + 5) / 10, 1, 254);
  int head = 0, tail = 0;
  const auto spread = [&] {
    while (head < tail) {
      const int here = queue[head++];
      for (int side = 0; side < 4; ++side) {
        if ((grid.walls[here] >> side & 1) != 0) continue;
        const int there = here + offsets[side];
        if (region[there] != kUnvisited) continue;
        region[there] = region[here];
        queue[tail++] = static_cast<std::uint16_t>(there);
      }
    }
  };
  for (int i = 0; i < regions; ++i) {
    const int cell = static_cast<int>(random.below(cells));
    if (region[cell] != kUnvisited || !is_open(grid, cell)) continue;
    region[cell] = static_cast<std::uint8_t>(i);
    queue[tail++] = static_cast<std::uint16_t>(cell);
  }
  spread();
  // Unreached: solid cells and disconnected parts.
  for (int cell = 0; cell < cells; ++cell) {
    if (region[cell] != kUnvisited) continue;
    region[cell] = static_cast<std::uint8_t>(cell % regions);
    queue[tail++] = static_cast<std::uint16_t>(cell);
    spread();
  }
}

}  // namespace

void check(const GeneratorOptions& options) {
  const std::string fault = range_fault("generator.", options);
  CLEW_CHECK(fault.empty(), fault);
  CLEW_CHECK(options.room_max >= options.room_min,
             "generator.room_max must be at least generator.room_min, ", options.room_min, ", got ",
             options.room_max);
}

void generate(const GeneratorOptions& options, Key key, Grid& grid) {
  check(options);
  const auto cells = static_cast<std::size_t>(options.width) * options.height;
  grid.width = options.width;
  grid.height = options.height;
  grid.walls.assign(cells, 15);
  grid.floors.assign(cells, kUnvisited);
  Stream random(key);
  carve_tree(random, grid);
  for (int i = 0; i < options.rooms; ++i) carve_room(options, random, grid);
  carve_openings(options.openings, random, grid);
  grid.floors.assign(cells, 0);
  grid.faces.assign(cells * 4, 0);
}

void draw_looks(Key key, Grid& grid) {
  const int cells = grid.width * grid.height;
  CLEW_ASSERT(grid.walls.size() == static_cast<std::size_t>(cells));
  grid.floors.resize(cells);
  grid.faces.resize(static_cast<std::size_t>(cells) * 4);
  Stream random(key);
  draw_regions(random, grid);
  const auto bases = shuffled<kFirstPoster>(random, 0);
  const auto posters = shuffled<kWallTextures - kFirstPoster>(random, kFirstPoster);
  const auto floors = shuffled<kFloorTextures>(random, 0);
  std::size_t next_poster = 0;
  for (int index = 0; index < cells; ++index) {
    const int region = grid.floors[index];
    grid.floors[index] = floors[region % floors.size()];
    const std::uint8_t base = bases[region % bases.size()];
    const int walls = grid.walls[index] & 15;
    const bool is_dead_end = std::popcount(static_cast<unsigned>(walls)) == 3;
    const int back = is_dead_end ? std::countr_zero(static_cast<unsigned>(walls ^ 15)) ^ 2 : 4;
    std::uint64_t bits = random.bits();
    for (int side = 0; side < 4; ++side, bits >>= 16) {
      const bool has_poster = side == back || (bits & 0xffff) < 65536 / 6;
      std::uint8_t& face = grid.faces[index * 4 + side];
      face = base;
      if (!has_poster || walls == 15 || (walls >> side & 1) == 0) continue;
      face = posters[next_poster];
      next_poster = (next_poster + 1) % posters.size();
    }
  }
}

}  // namespace clew::maze
