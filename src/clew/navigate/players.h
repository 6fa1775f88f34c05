// SPDX-License-Identifier: Apache-2.0
// Baseline players: random as lower bound, shortest path with the map as upper bound.
#pragma once

#include <cstdint>

#include "clew/core/key.h"
#include "clew/maze/vector_env.h"

namespace clew::navigate {

/// Uniform over the eight actions.
std::int32_t random_action(Key key, std::uint64_t world, std::uint64_t step);

/// Action towards the next cell on a shortest path to the goal, also sideways and backwards.
/// Ignores fruit.
std::int32_t shortest_path_action(const maze::VectorEnv& env, int world);

}  // namespace clew::navigate
