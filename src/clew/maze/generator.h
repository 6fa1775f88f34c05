// SPDX-License-Identifier: Apache-2.0
// Random mazes and textures from keys: walls (spanning tree, openings, rooms), then textures. Goal,
// fruit and spawns: layout.h.
#pragma once

#include "clew/core/key.h"
#include "clew/maze/grid.h"
#include "clew/maze/level.h"

namespace clew::maze {

/// An option out of range: clew::Error naming the first.
void check(const GeneratorOptions& options);

/// Fills `grid` with a connected maze with a closed border: a random depth-first spanning tree with
/// rooms carved into it, then exactly round(openings * n) of the n remaining inner walls removed.
/// faces and floors become 0 (see draw_looks). Does not allocate once `grid` has had this size.
void generate(const GeneratorOptions& options, Key key, Grid& grid);

/// Wall textures below this are base styles, the rest landmark posters.
constexpr int kFirstPoster = 32;

/// Chooses textures so that locations can be recognised. Regions of about ten cells have one base
/// style and one floor each; the wall of each dead end and one face in six elsewhere have a poster.
/// Base styles and posters repeat only after 32.
void draw_looks(Key key, Grid& grid);

}  // namespace clew::maze
