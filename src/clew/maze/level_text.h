// SPDX-License-Identifier: Apache-2.0
// Level files: TOML, bare grids, and built-in levels.
//
// A level file is TOML with the keys name, description, look_seed, reading, map, and the tables
// [rules] and [generator] of level.h; it has either a map or a [generator]. The letters of a map:
//   *  wall          P  spawn        G  goal      space  floor
//   A  apple         S  strawberry   L  lemon     F  fungus      O  solid
//   H I  doors, read as floor
// Rows must be equally long and the border must be '*'.
//   reading = "cells"       every character is a cell, '*' a solid one; 3..255 characters wide and high
//   reading = "thin_walls"  characters in odd rows and odd columns (from 0) are cells, odd and even ones walls
//                           or openings between them, even and even ones ignored posts; 3..511 characters, odd
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "clew/maze/level.h"

namespace clew::maze {

constexpr std::size_t kMaxLevelBytes = std::size_t{1} << 20;

/// Parses a level file, or a bare grid if the first line that is not blank has none of '=', '[' and
/// '#'. `file`: for errors; its stem is the default name. Invalid: UsageError with file, line and
/// column.
Level parse_level(std::string_view text, const std::string& file);

/// Parses a bare grid in DeepMind Lab's text level format (their docs: text_level.md): empty lines
/// are skipped, short rows are filled with walls, unknown letters are floor; all letters above
/// apply. One goal is fixed; several or none make it random. Cells unreachable from a spawn become
/// solid; a reachable opening in the border is an error.
Level parse_grid(std::string_view text, const std::string& file, Reading reading = Reading::kCells);

/// Text of a finished level, with a thin-wall map; parsing it gives an equal level. A level without
/// a text form (custom textures, two things in a cell): clew::Error.
std::string write_level(const Level& level);

/// Map of write_level, rows separated by newlines.
std::string write_map(const Level& level);

/// In the order of `clew levels`.
std::vector<std::string> builtin_level_names();
/// Unknown: UsageError naming the nearest.
Level load_builtin(std::string_view name);
/// A built-in level by name, or a level file by path. Blocks.
Level load_level(const std::string& path_or_name);

}  // namespace clew::maze
