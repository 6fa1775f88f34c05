// SPDX-License-Identifier: Apache-2.0
#include "clew/maze/signature.h"

#include <gtest/gtest.h>

#include "clew/core/error.h"

namespace clew::maze {
namespace signature_test {

std::shared_ptr<Level> small_level() {
  auto level = std::make_shared<Level>();
  level->name = "small";
  level->is_generated = true;
  level->generator = {.width = 5, .height = 4, .openings = 0.3F};
  level->rules.episode_frames = 100;
  level->rules.fruit_density = 0.3F;
  finish_level(*level);
  return level;
}

constexpr SignatureOptions kShort{.worlds = 3, .steps = 60, .render = {.width = 20, .height = 16}};

TEST(Signature, RepeatsAndDoesNotKnowThreads) {
  const auto level = small_level();
  const std::uint64_t first = signature(level, kShort);
  EXPECT_EQ(signature(level, kShort), first);
  for (const int threads : {2, 3}) {
    SignatureOptions options = kShort;
    options.threads = threads;
    EXPECT_EQ(signature(level, options), first);
  }
}

TEST(Signature, SeesAChangeOfLooksRulesAndSize) {
  const std::uint64_t first = signature(small_level(), kShort);
  auto level = small_level();
  level->grid.faces[0] ^= 1;
  EXPECT_NE(signature(level, kShort), first);
  level = small_level();
  level->rules.reward_apple = 3;
  EXPECT_NE(signature(level, kShort), first);
  SignatureOptions options = kShort;
  options.render.width = 21;
  EXPECT_NE(signature(small_level(), options), first);
}

TEST(Signature, RefusesNoSteps) { EXPECT_THROW(signature(small_level(), {.steps = 0}), Error); }

}  // namespace signature_test
}  // namespace clew::maze
