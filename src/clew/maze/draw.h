// SPDX-License-Identifier: Apache-2.0
// Top-down maps of mazes, as pixels and as terminal text. First-person view: render.h.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "clew/maze/layout.h"

namespace clew::maze {

struct MapOptions {
  int scale = 24;             // pixels per cell, 4..128
  bool shows_spawns = false;  // a small dot in every spawn cell
};

struct MapImage {
  int width = 0, height = 0;           // pixels
  std::vector<std::uint8_t> rgb = {};  // [height,width,3] u8
};

/// Maze point (x, y), in cells, is pixel (x * scale, y * scale), for drawing paths on top. Walls,
/// floors and things have the mean colours of their textures and objects. Out of range, or more
/// than 64 megapixels: clew::Error.
MapImage draw_map(const Layout& layout, const MapOptions& options = {});

/// UTF-8 box-drawing characters, four columns and two lines per cell, each line with a newline: ★
/// goal, ● apple, ♥ strawberry, ◆ lemon, ♣ fungus, ■ solid, · spawn, █ no cell.
std::string map_text(const Layout& layout, bool shows_spawns = false);

}  // namespace clew::maze
