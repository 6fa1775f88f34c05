// SPDX-License-Identifier: Apache-2.0
// Who can play a maze besides a trained agent: the floor (random) and the ceiling (the shortest
// path by the map).
#pragma once

#include <cstdint>

#include "clew/core/key.h"
#include "clew/maze/vector_env.h"

namespace clew::navigate {

/// One of the eight actions, uniformly, for a world's step.
std::int32_t random_action(Key key, std::uint64_t world, std::uint64_t step);

/// What a player does who has the map and need not look: runs to the next cell on a shortest walk
/// to the goal, sideways and backwards too. Fruit is taken only where it lies on the way.
std::int32_t shortest_path_action(const maze::VectorEnv& env, int world);

}  // namespace clew::navigate
