// SPDX-License-Identifier: Apache-2.0
#include "clew/train/optimizer.h"

#include <gtest/gtest.h>
#include <torch/torch.h>

#include <cmath>
#include <cstdint>

#include "clew/core/error.h"
#include "clew/core/pool.h"
#include "tests/support/expect_error.h"

namespace clew::train {
namespace optimizer_test {

const auto kDouble = torch::TensorOptions(torch::kFloat64);

TEST(Rmsprop, TwoStepsByHand) {
  const auto values = torch::tensor({1.0}, kDouble);
  Optimizer optimizer(
      {.optimizer = OptimizerKind::kRmsprop, .momentum = 0.25, .decay = 0.9, .eps = 0.5}, values);
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
  Optimizer optimizer({.optimizer = OptimizerKind::kAdam, .beta1 = 0.8, .beta2 = 0.95, .eps = 1e-3},
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

TEST(Sgd, EqualsLibTorchs) {
  auto ours = torch::linspace(-1, 1, 5, kDouble), theirs = ours.clone().set_requires_grad(true);
  Optimizer optimizer({.optimizer = OptimizerKind::kSgd, .momentum = 0.9, .weight_decay = 0.1},
                      ours);
  torch::optim::SGD reference({theirs},
                              torch::optim::SGDOptions(0.05).momentum(0.9).weight_decay(0.1));
  for (int step = 0; step < 5; ++step) {
    const auto gradient = torch::sin(torch::arange(5, kDouble) + step);
    theirs.mutable_grad() = gradient.clone();
    reference.step();
    optimizer.step(ours, gradient, 0.05);
    EXPECT_TRUE(torch::allclose(ours, theirs, 1e-12, 1e-13)) << step;
  }
  EXPECT_EQ(optimizer.state().size(), 1U);
}

TEST(AdamW, EqualsLibTorchs) {
  auto ours = torch::linspace(-1, 1, 5, kDouble), theirs = ours.clone().set_requires_grad(true);
  Optimizer optimizer({.optimizer = OptimizerKind::kAdamW,
                       .beta1 = 0.8,
                       .beta2 = 0.95,
                       .eps = 1e-3,
                       .weight_decay = 0.1},
                      ours);
  torch::optim::AdamW reference(
      {theirs}, torch::optim::AdamWOptions(0.05).betas({0.8, 0.95}).eps(1e-3).weight_decay(0.1));
  for (int step = 0; step < 5; ++step) {
    const auto gradient = torch::sin(torch::arange(5, kDouble) + step);
    theirs.mutable_grad() = gradient.clone();
    reference.step();
    optimizer.step(ours, gradient, 0.05);
    EXPECT_TRUE(torch::allclose(ours, theirs, 1e-12, 1e-13)) << step;
  }
}

TEST(Optimizer, FactorsAreForEachParameter) {
  for (const auto kind : {OptimizerKind::kSgd, OptimizerKind::kRmsprop, OptimizerKind::kAdam,
                          OptimizerKind::kAdamW}) {
    const auto plain = torch::ones({3}, kDouble), with = torch::ones({3}, kDouble);
    const OptimizerConfig config{.optimizer = kind,
                                 .momentum = 0,
                                 .decay = 0.9,
                                 .beta1 = 0,
                                 .beta2 = 0.9,
                                 .eps = 1e-3,
                                 .weight_decay = 0.5};
    Optimizer first(config, plain);
    Optimizer second(config, with,
                     {.lr = torch::tensor({1.0, 0.1, 0.0}, kDouble),
                      .decay = torch::tensor({1.0, 1.0, 1.0}, kDouble)});
    first.step(plain, torch::ones({3}, kDouble), 0.1);
    second.step(with, torch::ones({3}, kDouble), 0.1);
    const double moved = 1 - plain[0].item<double>();
    EXPECT_GT(moved, 0.01);
    EXPECT_NEAR(1 - with[0].item<double>(), moved, 1e-14);
    EXPECT_NEAR(1 - with[1].item<double>(), 0.1 * moved, 1e-2 * moved);  // AdamW shrinks first
    EXPECT_EQ(with[2].item<double>(), 1);
  }
  // Without decay on the second weight only its gradient moves it.
  const auto values = torch::ones({2}, kDouble);
  Optimizer optimizer({.optimizer = OptimizerKind::kSgd, .momentum = 0, .weight_decay = 0.5},
                      values, {.lr = {}, .decay = torch::tensor({1.0, 0.0}, kDouble)});
  optimizer.step(values, torch::zeros({2}, kDouble), 0.1);
  EXPECT_DOUBLE_EQ(values[0].item<double>(), 0.95);
  EXPECT_DOUBLE_EQ(values[1].item<double>(), 1);
}

/// Values of `count` parameters after three steps.
torch::Tensor three_steps(OptimizerKind kind, torch::Dtype type, std::int64_t count,
                          ThreadPool* pool = nullptr) {
  const auto numbers = [&](double start) {
    return torch::sin(torch::arange(count, kDouble) * 0.37 + start).to(type);
  };
  auto values = numbers(1);
  Optimizer optimizer({.optimizer = kind,
                       .momentum = 0.8,
                       .decay = 0.9,
                       .beta1 = 0.8,
                       .beta2 = 0.9,
                       .eps = 0.01,
                       .weight_decay = 0.1},
                      values, {.lr = numbers(2).abs(), .decay = numbers(3).abs()});
  for (const double lr : {0.1, 0.05, 0.2}) optimizer.step(values, numbers(lr), lr, pool);
  return values;
}

TEST(Optimizer, SinglePrecisionAgreesWithDoubleInEveryBlock) {
  for (const auto kind : {OptimizerKind::kSgd, OptimizerKind::kRmsprop, OptimizerKind::kAdam,
                          OptimizerKind::kAdamW}) {
    for (const std::int64_t count : {1, 7, 16384, 40001}) {
      const auto single = three_steps(kind, torch::kFloat32, count);
      const auto exact = three_steps(kind, torch::kFloat64, count);
      EXPECT_TRUE(torch::allclose(single.to(torch::kFloat64), exact, 1e-5, 1e-5)) << count;
      EXPECT_FALSE(torch::equal(exact, torch::sin(torch::arange(count, kDouble) * 0.37 + 1)));
    }
  }
  // No parameters is not an error.
  const auto none = torch::zeros({0});
  Optimizer({}, none).step(none, none, 0.1);
}

TEST(Optimizer, SameBitsForAnyNumberOfThreads) {
  for (const auto kind : {OptimizerKind::kSgd, OptimizerKind::kRmsprop, OptimizerKind::kAdam}) {
    const auto alone = three_steps(kind, torch::kFloat32, 100'003);
    for (const int threads : {1, 3, 16}) {
      ThreadPool pool(threads);
      EXPECT_TRUE(torch::equal(alone, three_steps(kind, torch::kFloat32, 100'003, &pool)))
          << threads;
    }
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

TEST(Optimizer, SaysWhenTheWeightsAreNotFinite) {
  // A zero gradient is divided by eps.
  for (const auto kind : {OptimizerKind::kRmsprop, OptimizerKind::kAdam, OptimizerKind::kAdamW}) {
    for (const double eps : {0.0, 1e-300}) {  // the same as f32
      const auto values = torch::ones({2});
      Optimizer optimizer({.optimizer = kind, .eps = eps}, values);
      expect_error(
          [&] {
            optimizer.step(values, torch::tensor({1.0F, 0.0F}), 0.1);
          },
          "the weights' norm is nan");
    }
  }
  const auto large = torch::ones({2});
  Optimizer sgd({.optimizer = OptimizerKind::kSgd}, large);
  expect_error([&] { sgd.step(large, torch::full({2}, 1e30F), 1e10); },
               "the weights' norm is infinite");
}

}  // namespace optimizer_test
}  // namespace clew::train
