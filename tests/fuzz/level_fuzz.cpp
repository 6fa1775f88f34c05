// SPDX-License-Identifier: Apache-2.0
// The level reader: any bytes are a level or a UsageError in one line; a level can be drawn,
// written and read again. The first byte chooses the door: a level file, or a bare grid in one of
// its two readings.
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <optional>
#include <string_view>

#include "clew/core/error.h"
#include "clew/maze/draw.h"
#include "clew/maze/layout.h"
#include "clew/maze/level_text.h"
#include "clew/maze/paths.h"

namespace {

using clew::maze::Layout;
using clew::maze::Level;

void require(bool condition, const char* what) {
  if (condition) return;
  std::fprintf(stderr, "level_fuzz: %s\n", what);
  std::abort();
}

std::optional<Level> read(std::uint8_t door, std::string_view text) {
  using clew::maze::Reading;
  try {
    if (door == 'c') return clew::maze::parse_grid(text, "fuzz", Reading::kCells);
    if (door == 't') return clew::maze::parse_grid(text, "fuzz", Reading::kThinWalls);
    return clew::maze::parse_level(text, "fuzz");
  } catch (const clew::UsageError& error) {
    const std::string_view what = error.what();
    require(what.starts_with("fuzz:"), "an error must begin with file and line");
    return std::nullopt;
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  const std::string_view text(reinterpret_cast<const char*>(data) + 1, size - 1);
  const std::optional<Level> level = read(data[0], text);
  if (!level) return 0;
  require(clew::maze::parse_level(clew::maze::write_level(*level), "again") == *level,
          "a level must survive being written");
  Layout layout;
  for (std::uint64_t key = 0; key < 3; ++key) {
    clew::maze::draw_layout(*level, clew::Key{key}, layout);
    require(layout.things.size() <= clew::maze::kMaxThings, "too many things");
    require(!layout.spawns.empty(), "no spawn");
    for (const auto cell : layout.spawns) {
      const int distance = layout.goal_distance[layout.grid->index(cell)];
      require(distance > 0 && distance != clew::maze::kNoWay, "a spawn without a way to the goal");
    }
  }
  if (layout.grid->width * layout.grid->height < 1000) clew::maze::map_text(layout);
  return 0;
}
