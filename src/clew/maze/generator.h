// SPDX-License-Identifier: Apache-2.0
// Draws mazes and their looks from keys: walls (spanning tree, openings, rooms), then textures.
// Where goal, fruit and player go: layout.h.
#pragma once

#include "clew/core/key.h"
#include "clew/maze/grid.h"
#include "clew/maze/level.h"

namespace clew::maze {

/// Throws clew::Error naming the first option that is out of range.
void check(const GeneratorOptions& options);

/// Fills `grid` with a maze in which every cell can be walked to from every other; its border is
/// closed. Carves rooms into a random depth-first spanning tree, then removes exactly
/// round(openings * n) of the n inner walls that are left. faces and floors become 0 (see
/// draw_looks). Allocates nothing once `grid` has had this size.
void generate(const GeneratorOptions& options, Key key, Grid& grid);

/// Wall textures below this are plain base styles, those from it on are landmark posters.
constexpr int kFirstPoster = 32;

/// Chooses every face and floor so that places can be told apart. The maze is cut into regions of
/// about ten cells; a region has one base style (no two alike until 32 are used) and one floor. The
/// wall at the end of each dead end and one face in six elsewhere carry a poster (no two alike
/// until 32 are used).
void draw_looks(Key key, Grid& grid);

}  // namespace clew::maze
