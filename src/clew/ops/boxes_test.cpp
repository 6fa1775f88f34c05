// SPDX-License-Identifier: Apache-2.0
#include "clew/ops/boxes.h"

#include <gtest/gtest.h>
#include <torch/torch.h>

#include "tests/support/expect_error.h"

namespace clew::ops {
namespace boxes_test {

TEST(BoxOverlap, ByHand) {
  const auto boxes = torch::tensor(
      {{0.F, 0.F, 2.F, 2.F}, {0.F, 0.F, 1.F, 1.F}, {0.F, 0.F, 4.F, 4.F}, {1.F, 1.F, 1.F, 1.F}});
  const auto targets = torch::tensor(
      {{1.F, 0.F, 3.F, 2.F}, {2.F, 2.F, 3.F, 3.F}, {1.F, 1.F, 3.F, 3.F}, {1.F, 1.F, 1.F, 1.F}});
  const auto overlap = box_overlap(boxes, targets);
  EXPECT_NEAR(overlap[0].item<double>(), 1.0 / 3, 1e-6);
  EXPECT_EQ(overlap[1].item<double>(), 0);
  EXPECT_NEAR(overlap[2].item<double>(), 0.25, 1e-6);
  EXPECT_EQ(overlap[3].item<double>(), 0);
  EXPECT_EQ(box_overlap(torch::zeros({0, 4}), torch::zeros({0, 4})).numel(), 0);
}

TEST(BoxOverlap, Gradient) {
  const auto targets = torch::tensor({{1.0, -1.0, 3.0, 3.0}}, torch::kFloat64);
  auto boxes = torch::tensor({{0.0, 0.0, 2.0, 2.0}}, torch::kFloat64).requires_grad_();
  box_overlap(boxes, targets).sum().backward();
  const torch::NoGradGuard no_grad;
  for (int i = 0; i < 4; ++i) {
    auto more = boxes.detach().clone(), less = boxes.detach().clone();
    more[0][i] += 1e-6;
    less[0][i] -= 1e-6;
    const double slope =
        (box_overlap(more, targets) - box_overlap(less, targets)).item<double>() / 2e-6;
    EXPECT_NEAR(boxes.grad()[0][i].item<double>(), slope, 1e-6) << i;
  }
}

TEST(BoxOverlap, SaysWhatIsWrong) {
  expect_error(
      [] {
        (void)box_overlap(torch::zeros({2, 3}), torch::zeros({2, 3}));
      },
      "boxes must be [B,4], got [2, 3] (box_overlap)");
  expect_error(
      [] {
        (void)box_overlap(torch::zeros({2, 4}), torch::zeros({3, 4}));
      },
      "targets must be [2, 4] as the boxes, got [3, 4] (box_overlap)");
  expect_error(
      [] {
        (void)box_overlap({}, torch::zeros({3, 4}));
      },
      "boxes must be [B,4], got an undefined tensor (box_overlap)");
}

}  // namespace boxes_test
}  // namespace clew::ops
