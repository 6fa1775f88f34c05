// SPDX-License-Identifier: Apache-2.0
// Times of generating mazes and episodes and of parsing level files: the cost of a reset without
// rendering.
#include <algorithm>
#include <chrono>
#include <functional>
#include <vector>

#include "bench.h"
#include "clew/core/error.h"
#include "clew/maze/generator.h"
#include "clew/maze/layout.h"
#include "clew/maze/level_text.h"
#include "clew/maze/paths.h"

namespace clew::bench {
namespace {

using maze::Grid;
using maze::Layout;
using maze::Level;

/// Median and best microseconds of a call of work(i), i = 0, 1, ...; short calls are timed by the
/// hundred.
Json row(const char* what, const Grid& grid, double seconds,
         const std::function<void(std::uint64_t)>& work) {
  using Clock = std::chrono::steady_clock;
  std::uint64_t count = 0;
  const auto spent = [&](int calls) {
    const auto before = Clock::now();
    for (int i = 0; i < calls; ++i) work(count++);
    return std::chrono::duration<double, std::micro>(Clock::now() - before).count() / calls;
  };
  const int calls = spent(3) < 100 ? 100 : 1;  // the warm-up as well
  std::vector<double> times;
  const auto start = Clock::now();
  while (times.size() < 5 || std::chrono::duration<double>(Clock::now() - start).count() < seconds)
    times.push_back(spent(calls));
  std::ranges::sort(times);
  return {{"what", what},
          {"cells", concat(grid.width, 'x', grid.height)},
          {"microseconds", times[times.size() / 2]},
          {"best_microseconds", times.front()}};
}

Level random_level(int width, int height) {
  Level level = maze::load_builtin("random_large");
  level.generator.width = width;
  level.generator.height = height;
  level.rules.fruit_density = std::min(0.1F, 1000.0F / static_cast<float>(width * height));
  maze::finish_level(level);
  return level;
}

}  // namespace

Json level_rows(const LevelOptions& options) {
  Json rows = Json::array();
  for (const auto& [width, height] : {std::pair{10, 5}, {15, 9}, {255, 255}}) {
    const Level level = random_level(width, height);
    Layout layout;
    maze::draw_layout(level, Key{0}, layout);
    Grid grid = *layout.grid;
    std::vector<std::uint16_t> distances;
    const auto add = [&](const char* what, const std::function<void(std::uint64_t)>& work) {
      rows.push_back(row(what, grid, options.seconds, work));
    };
    add("maze", [&](std::uint64_t i) { maze::generate(level.generator, Key{i}, grid); });
    add("looks", [&](std::uint64_t i) { maze::draw_looks(Key{i}, grid); });
    add("distances", [&](std::uint64_t) { maze::walk_distances(grid, {0, 0}, {}, distances); });
    add("episode with a new maze",
        [&](std::uint64_t i) { maze::draw_layout(level, Key{i}, layout); });
  }
  const Level fixed = maze::load_builtin("goal_large");
  const std::string text = maze::write_level(fixed);
  Layout layout;
  rows.push_back(row("episode in a fixed maze", fixed.grid, options.seconds,
                     [&](std::uint64_t i) { maze::draw_layout(fixed, Key{i}, layout); }));
  rows.push_back(row("level file", fixed.grid, options.seconds,
                     [&](std::uint64_t) { maze::parse_level(text, "bench.toml"); }));
  return rows;
}

}  // namespace clew::bench
