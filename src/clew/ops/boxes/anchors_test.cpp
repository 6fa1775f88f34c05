// SPDX-License-Identifier: Apache-2.0
#include "clew/ops/boxes/anchors.h"

#include <gtest/gtest.h>
#include <torch/torch.h>

#include "tests/support/expect_error.h"

namespace clew::ops {
namespace anchors_test {

using torch::Tensor;

TEST(Anchors, ByHand) {
  const Tensor base = base_anchors({.sizes = {32}});
  const Tensor wanted = torch::tensor(
      {{-23.F, -11.F, 23.F, 11.F}, {-16.F, -16.F, 16.F, 16.F}, {-11.F, -23.F, 11.F, 23.F}});
  EXPECT_TRUE(torch::equal(base, wanted)) << base;
  const Tensor grid = grid_anchors(base, {2, 3}, {8, 16});
  ASSERT_EQ(grid.sizes(), torch::IntArrayRef({18, 4}));
  // Row 1, column 2.
  EXPECT_TRUE(torch::equal(grid.slice(0, 15), wanted + torch::tensor({32.F, 8.F, 32.F, 8.F})));
  // Half a pixel is rounded to even: a square of 5 has sides of 4.
  EXPECT_TRUE(torch::equal(base_anchors({.sizes = {5}, .ratios = {1}}),
                           torch::tensor({{-2.F, -2.F, 2.F, 2.F}})));
}

TEST(Anchors, LevelsOneAfterAnother) {
  const std::vector<AnchorShapes> levels{{.sizes = {32, 64}}, {.sizes = {128}, .ratios = {1}}};
  const Tensor all = pyramid_anchors(levels, {64, 100}, {{8, 13}, {4, 7}}, torch::kFloat64);
  ASSERT_EQ(all.sizes(), torch::IntArrayRef({8 * 13 * 6 + 4 * 7, 4}));
  EXPECT_EQ(all.scalar_type(), torch::kFloat64);
  EXPECT_EQ(levels[0].count(), 6);
  // Strides are whole parts: 100 / 7 = 14.
  EXPECT_TRUE(torch::equal(
      all[-1], torch::tensor({-64.0 + 6 * 14, -64.0 + 3 * 16, 64.0 + 6 * 14, 64.0 + 3 * 16})));
  EXPECT_EQ(grid_anchors(base_anchors(levels[0]), {0, 5}, {8, 8}).sizes(),
            torch::IntArrayRef({0, 4}));
  EXPECT_EQ(base_anchors({.sizes = {}}).sizes(), torch::IntArrayRef({0, 4}));
}

TEST(Anchors, OffsetsMoveTheLevels) {
  const std::vector<AnchorShapes> levels = {{.sizes = {16}}, {.sizes = {32}}};
  const std::vector<ImageSize> maps = {{8, 8}, {4, 4}};
  const Tensor moved = pyramid_anchors(levels, {64, 64}, maps, torch::kFloat64, {7, 15}),
               plain = pyramid_anchors(levels, {64, 64}, maps, torch::kFloat64);
  const auto first = levels[0].count() * 64;
  EXPECT_TRUE(torch::equal(moved.slice(0, 0, first), plain.slice(0, 0, first) + 7));
  EXPECT_TRUE(torch::equal(moved.slice(0, first), plain.slice(0, first) + 15));
  expect_error(
      [&] {
        (void)pyramid_anchors(levels, {64, 64}, maps, torch::kFloat64, {7});
      },
      "offsets must be one to a map, got 1 for 2 maps (pyramid_anchors)");
}

TEST(Anchors, SaysWhatIsWrong) {
  expect_error([] { (void)base_anchors({.sizes = {0}}); },
               "sizes must be above 0, got 0 (base_anchors)");
  expect_error([] { (void)base_anchors({.sizes = {8}, .ratios = {-1}}); },
               "ratios must be above 0, got -1 (base_anchors)");
  expect_error(
      [] {
        (void)grid_anchors(torch::zeros({3, 5}), {1, 1}, {1, 1});
      },
      "base must be [A,4] f32 or f64, got [3, 5] Float on cpu (grid_anchors)");
  expect_error(
      [] {
        (void)grid_anchors(torch::zeros({3, 4}), {-1, 1}, {1, 1});
      },
      "map must be at least 0x0, got -1x1 (grid_anchors)");
  expect_error(
      [] {
        (void)pyramid_anchors({{.sizes = {8}}}, {64, 64}, {{8, 8}, {4, 4}});
      },
      "levels must be one to a map and at least one, got 1 for 2 maps (pyramid_anchors)");
  expect_error(
      [] {
        (void)pyramid_anchors({{.sizes = {8}}}, {64, 64}, {{0, 8}});
      },
      "maps must be at least 1x1, got 0x8 (pyramid_anchors)");
}

}  // namespace anchors_test
}  // namespace clew::ops
