// SPDX-License-Identifier: Apache-2.0
#include "clew/ops/boxes/matching.h"

#include <gtest/gtest.h>
#include <torch/torch.h>

#include "tests/support/expect_error.h"

namespace clew::ops {
namespace matching_test {

using torch::Tensor;

Tensor numbers(std::initializer_list<std::int64_t> list) {
  return torch::tensor(std::vector<std::int64_t>(list), torch::kInt64);
}

TEST(MatchBoxes, ByHand) {
  const Tensor iou =
      torch::tensor({{0.8F, 0.5F, 0.1F, 0.2F, 0.7F}, {0.1F, 0.6F, 0.1F, 0.29F, 0.7F}});
  EXPECT_TRUE(torch::equal(match_boxes(iou), numbers({0, -2, -1, -1, 0})));
  // The second object's best, 0.7, is a tie's first object's; the first one's best is above anyway.
  EXPECT_TRUE(
      torch::equal(match_boxes(iou, {.allows_low_quality = true}), numbers({0, -2, -1, -1, 0})));
}

TEST(MatchBoxes, LowQualityRestoresAllTies) {
  const Tensor iou = torch::tensor(
      {{0.2F, 0.2F, 0.1F, 0.0F}, {0.0F, 0.25F, 0.0F, 0.0F}, {0.0F, 0.0F, 0.0F, 0.9F}});
  // Box 1 is among the best of object 0, and its own best is object 1.
  EXPECT_TRUE(torch::equal(match_boxes(iou, {.allows_low_quality = true}), numbers({0, 1, -1, 2})));
  EXPECT_TRUE(torch::equal(match_boxes(iou), numbers({-1, -1, -1, 2})));
}

TEST(MatchBoxes, WithoutObjectsOrBoxes) {
  EXPECT_TRUE(torch::equal(match_boxes(torch::zeros({0, 3})), numbers({-1, -1, -1})));
  EXPECT_EQ(match_boxes(torch::zeros({3, 0})).sizes(), torch::IntArrayRef({0}));
  EXPECT_EQ(match_boxes(torch::zeros({0, 0})).sizes(), torch::IntArrayRef({0}));
}

TEST(SampleBoxes, CountsAndKinds) {
  torch::manual_seed(1);
  const Tensor labels = torch::randint(-2, 3, {3000}, torch::kInt64);
  const auto [positives, negatives] = sample_boxes(labels, 256, 0.25, Key{3});
  EXPECT_EQ(positives.numel(), 64);
  EXPECT_EQ(negatives.numel(), 192);
  EXPECT_TRUE(labels.index_select(0, positives).ge(1).all().item<bool>());
  EXPECT_TRUE(labels.index_select(0, negatives).eq(0).all().item<bool>());
  for (const Tensor& drawn : {positives, negatives})
    EXPECT_TRUE(drawn.diff().gt(0).all().item<bool>());  // ascending, none twice
  // Too few positives: more negatives. Too few of both: all.
  const Tensor few = torch::tensor({0, 1, 0, -1, 0, 0}, torch::kInt64);
  const auto some = sample_boxes(few, 4, 0.5, Key{3});
  EXPECT_TRUE(torch::equal(some.positives, numbers({1})));
  EXPECT_EQ(some.negatives.numel(), 3);
  const auto all = sample_boxes(few.to(torch::kFloat32), 100, 0.5, Key{3});
  EXPECT_TRUE(torch::equal(all.negatives, numbers({0, 2, 4, 5})));
  const auto none = sample_boxes(torch::zeros({0}), 100, 0.5, Key{3});
  EXPECT_EQ(none.positives.numel() + none.negatives.numel(), 0);
}

TEST(SampleBoxes, TheKeyDecidesAndAllAreAsLikely) {
  const Tensor labels = torch::cat({torch::ones({8}), torch::zeros({8})});
  EXPECT_TRUE(torch::equal(sample_boxes(labels, 4, 0.5, Key{9}).negatives,
                           sample_boxes(labels, 4, 0.5, Key{9}).negatives));
  Tensor drawn = torch::zeros({16});
  for (std::uint64_t i = 0; i < 4000; ++i) {
    const auto sample = sample_boxes(labels, 4, 0.5, fold_in(Key{5}, i));
    drawn.index_add_(0, torch::cat({sample.positives, sample.negatives}), torch::ones({4}));
  }
  // 1000 each, standard deviation 27.
  EXPECT_GT(drawn.min().item<float>(), 850);
  EXPECT_LT(drawn.max().item<float>(), 1150);
}

TEST(Matching, SaysWhatIsWrong) {
  expect_error([] { (void)match_boxes(torch::zeros({3})); },
               "iou must be [M,N] f32 or f64, got [3] Float on cpu (match_boxes)");
  expect_error(
      [] {
        (void)match_boxes(torch::zeros({3, 3}), {.high = 0.2, .low = 0.3});
      },
      "low must be at most high, 0.2, got 0.3 (match_boxes)");
  expect_error(
      [] {
        (void)sample_boxes(torch::zeros({3, 3}), 4, 0.5, Key{1});
      },
      "labels must be [N], got [3, 3] Float on cpu (sample_boxes)");
  expect_error([] { (void)sample_boxes(torch::zeros({3}), -1, 0.5, Key{1}); },
               "count must be at least 0, got -1 (sample_boxes)");
  expect_error([] { (void)sample_boxes(torch::zeros({3}), 4, 1.5, Key{1}); },
               "positive_fraction must be in [0,1], got 1.5 (sample_boxes)");
}

}  // namespace matching_test
}  // namespace clew::ops
