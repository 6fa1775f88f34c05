// SPDX-License-Identifier: Apache-2.0
// Hash of an environment's outputs, for golden tests and `clew bench maze --check`.
#pragma once

#include <cstdint>
#include <memory>

#include "clew/maze/level.h"
#include "clew/maze/render.h"

namespace clew::maze {

struct SignatureOptions {
  int worlds = 2;
  int threads = 1;  // does not affect the result
  int steps =
      1000;  // more than the 900 of a small level's episode, so that it includes an episode's end
  RenderOptions render = {};
};

/// XXH3 of frames, depth, velocity, rewards, ends and labels over `steps` steps of fixed random
/// actions from a fixed key. Equal on every machine, compiler, instruction set and number of
/// threads. Blocks.
std::uint64_t signature(const std::shared_ptr<const Level>& level,
                        const SignatureOptions& options = {});

}  // namespace clew::maze
