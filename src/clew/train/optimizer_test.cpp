// SPDX-License-Identifier: Apache-2.0
#include "clew/train/optimizer.h"

#include <gtest/gtest.h>
#include <torch/torch.h>

#include <cmath>

namespace clew::train {
namespace {

const auto kDouble = torch::TensorOptions(torch::kFloat64);

TEST(Rmsprop, TwoStepsByHand) {
  const auto values = torch::tensor({1.0}, kDouble);
  Optimizer optimizer({.kind = OptimizerKind::kRmsprop, .decay = 0.9, .eps = 0.5, .momentum = 0.25},
                      values);
  optimizer.step(values, torch::tensor({2.0}, kDouble), 0.1);
  const double s1 = 0.1 * 4, m1 = 2 / std::sqrt(s1 / (1 - 0.9) + 0.5);
  EXPECT_NEAR(values.item<double>(), 1 - 0.1 * m1, 1e-14);
  optimizer.step(values, torch::tensor({-3.0}, kDouble), 0.2);
  const double s2 = 0.9 * s1 + 0.1 * 9, m2 = 0.25 * m1 - 3 / std::sqrt(s2 / (1 - 0.81) + 0.5);
  EXPECT_NEAR(values.item<double>(), 1 - 0.1 * m1 - 0.2 * m2, 1e-14);
  EXPECT_EQ(optimizer.steps(), 2);
}

TEST(Adam, EqualsLibTorchs) {
  auto ours = torch::linspace(-1, 1, 5, kDouble), theirs = ours.clone().set_requires_grad(true);
  Optimizer optimizer({.kind = OptimizerKind::kAdam, .decay = 0.95, .eps = 1e-3, .momentum = 0.8},
                      ours);
  torch::optim::Adam reference({theirs},
                               torch::optim::AdamOptions(0.05).betas({0.8, 0.95}).eps(1e-3));
  for (int step = 0; step < 5; ++step) {
    const auto gradient = torch::sin(torch::arange(5, kDouble) + step);
    theirs.mutable_grad() = gradient.clone();
    reference.step();
    optimizer.step(ours, gradient, 0.05);
    EXPECT_TRUE(torch::allclose(ours, theirs, 1e-12, 1e-13)) << step;
  }
}

TEST(ClipNorm, ScalesOnlyWhatIsLonger) {
  const auto gradient = torch::tensor({3.0, 4.0}, kDouble);
  EXPECT_DOUBLE_EQ(clip_norm(gradient, 10), 5);
  EXPECT_DOUBLE_EQ(gradient[1].item<double>(), 4);
  EXPECT_DOUBLE_EQ(clip_norm(gradient, 0), 5);
  EXPECT_DOUBLE_EQ(gradient[1].item<double>(), 4);
  EXPECT_DOUBLE_EQ(clip_norm(gradient, 1), 5);
  EXPECT_DOUBLE_EQ(gradient[1].item<double>(), 0.8);
}

}  // namespace
}  // namespace clew::train
