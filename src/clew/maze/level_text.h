// SPDX-License-Identifier: Apache-2.0
// Levels as text: TOML files, bare grids, and the levels built into the library.
//
// A level file is TOML with the keys name, description, look_seed, reading, map, and the tables
// [rules] and [generator] of level.h; it has either a map or a [generator]. The letters of a map:
//   *  wall          P  spawn        G  goal      space  floor
//   A  apple         S  strawberry   L  lemon     F  fungus      O  solid
//   H I  doors, read as floor
// Rows must be equally long and the border must be '*'.
//   reading = "cells"       every character is a cell, '*' a solid one; 3..255 characters wide and high
//   reading = "thin_walls"  characters in odd rows and odd columns (counted from 0) are cells, those in
//                           one odd and one even are walls or openings between them, those in two even
//                           ones posts without meaning; 3..511 characters, an odd number
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "clew/maze/level.h"

namespace clew::maze {

constexpr std::size_t kMaxLevelBytes = std::size_t{1} << 20;

/// Reads a level file, or a bare grid when the first line that is not blank has none of '=', '['
/// and '#'. `file` stands in messages, and its stem is the name of a level that gives none.
/// Anything wrong: UsageError, one sentence with file, line and column.
Level parse_level(std::string_view text, const std::string& file);

/// Reads a bare grid as DeepMind Lab's text levels define it (their docs: text_level.md): empty
/// lines are left out, short rows go on as walls, and letters with a meaning of somebody else's are
/// floor. Of our letters all count. One goal is fixed, several or none make it random. What cannot
/// be reached from a spawn becomes solid; an opening in the border that can be reached is an error.
Level parse_grid(std::string_view text, const std::string& file, Reading reading = Reading::kCells);

/// The text of a finished level, thin walls for a map; parsing it gives an equal level. A level
/// that no text can say (looks of its own, two things in a cell): clew::Error.
std::string write_level(const Level& level);

/// The map part of write_level alone, rows separated by newlines.
std::string write_map(const Level& level);

/// In the order of `clew levels`.
std::vector<std::string> builtin_level_names();
/// Unknown: UsageError naming the nearest.
Level load_builtin(std::string_view name);
/// A built-in level by its name, or else a file by its path. Blocks.
Level load_level(const std::string& path_or_name);

}  // namespace clew::maze
