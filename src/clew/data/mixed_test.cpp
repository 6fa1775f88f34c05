// SPDX-License-Identifier: Apache-2.0
#include "clew/data/mixed.h"

#include <gtest/gtest.h>
#include <torch/torch.h>

#include "clew/data/scenes.h"
#include "tests/support/expect_error.h"

namespace clew::data {
namespace {

std::shared_ptr<const Dataset> small_scenes() {
  return std::make_shared<Scenes>(
      SceneOptions{.size = 24, .width = 32, .height = 32, .has_objects = false, .has_mask = false});
}

TEST(MixedSet, EachImageIsASumOfTwoThatTheKeyDraws) {
  const auto plain = small_scenes();
  const MixedSet mixed(plain, 0.4);
  double sum = 0, extremes = 0;
  for (std::uint64_t k = 0; k < 200; ++k) {
    const auto example = mixed.get(5, Key{k});
    const auto share = example["share"].item<double>();
    ASSERT_GE(share, 0);
    ASSERT_LE(share, 1);
    sum += share;
    extremes += share < 0.1 || share > 0.9;
    EXPECT_EQ(example["label"].item<std::int64_t>(), 5);
    if (k > 3) continue;
    double least = 1;
    for (std::int64_t i = 0; i < 24; ++i) {
      const auto other = plain->get(i, Key{});
      if (other["label"].item<std::int64_t>() != example["other_label"].item<std::int64_t>())
        continue;
      const auto wanted = plain->get(5, Key{})["image"] * share + other["image"] * (1 - share);
      least = std::min(least, (wanted - example["image"]).abs().max().item<double>());
    }
    EXPECT_LT(least, 1e-6) << k;
    EXPECT_TRUE(torch::equal(mixed.get(5, Key{k})["image"], example["image"]));
  }
  EXPECT_NEAR(sum / 200, 0.5, 0.1);         // Beta(0.4, 0.4) has standard deviation 0.37
  EXPECT_NEAR(extremes / 200, 0.48, 0.15);  // and puts 0.48 below 0.1 and above 0.9
}

TEST(MixedSet, WhatCannotBeMixed) {
  expect_error([] { MixedSet(small_scenes(), 2); },
               "alpha of mixed examples must be in (0,1], got 2");
  expect_error([] { MixedSet(std::make_shared<Scenes>(), 0.2); },
               "examples to be mixed must have the columns image and label alone");
}

}  // namespace
}  // namespace clew::data
