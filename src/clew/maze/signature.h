// SPDX-License-Identifier: Apache-2.0
// One number that changes when anything an environment writes changes: what golden tests keep and `clew
// bench maze --check` prints before it measures.
#pragma once

#include <cstdint>
#include <memory>

#include "clew/maze/level.h"
#include "clew/maze/render.h"

namespace clew::maze {

struct SignatureOptions {
  int worlds = 2;
  int threads = 1;  // changes nothing, by promise
  int steps =
      1000;  // more than the 900 of a small level's episode, so that an episode's end is among them
  RenderOptions render = {};
};

/// XXH3 over every byte of frames, depth, velocity, rewards, ends and labels of `steps` steps of
/// pinned random actions from a pinned key. Equal on every machine, compiler, instruction set and
/// number of threads. Blocks.
std::uint64_t signature(const std::shared_ptr<const Level>& level,
                        const SignatureOptions& options = {});

}  // namespace clew::maze
