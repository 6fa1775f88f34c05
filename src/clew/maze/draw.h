// SPDX-License-Identifier: Apache-2.0
// Mazes from above, for people: as pixels and as text for a terminal. What the player sees:
// render.h.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "clew/maze/layout.h"

namespace clew::maze {

struct MapOptions {
  int scale = 24;             // pixels a cell, 4..128
  bool shows_spawns = false;  // a small dot in every cell where the player may appear
};

struct MapImage {
  int width = 0, height = 0;           // pixels
  std::vector<std::uint8_t> rgb = {};  // [height,width,3] u8
};

/// The point (x, y) of the maze, in cells, lies at pixel (x * scale, y * scale), so that paths can
/// be drawn on top. Every wall face has the mean colour of its texture, floors that of theirs,
/// things that of their objects. Out of range, or more than 64 megapixels: clew::Error.
MapImage draw_map(const Layout& layout, const MapOptions& options = {});

/// Box-drawing characters in UTF-8, four columns and two lines a cell, each line ended by a
/// newline: ★ goal, ● apple, ♥ strawberry, ◆ lemon, ♣ fungus, ■ solid, · spawn, █ no cell.
std::string map_text(const Layout& layout, bool shows_spawns = false);

}  // namespace clew::maze
