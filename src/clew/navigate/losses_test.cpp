// SPDX-License-Identifier: Apache-2.0
#include "clew/navigate/losses.h"

#include <gtest/gtest.h>
#include <torch/torch.h>

#include <cmath>
#include <vector>

#include "clew/core/error.h"
#include "tests/support/expect_error.h"

namespace clew::navigate {
namespace losses_test {

const auto kDouble = torch::TensorOptions(torch::kFloat64);

/// The definition of v_t, term by term (Espeholt et al. 2018, equation 1): for one world.
std::vector<double> vtrace_by_definition(const std::vector<double>& ratios,
                                         const std::vector<double>& discounts,
                                         const std::vector<double>& rewards,
                                         const std::vector<double>& values, double bootstrap,
                                         double rho_max, double c_max, double lambda) {
  const std::size_t steps = rewards.size();
  std::vector<double> targets(steps);
  const auto value = [&](std::size_t t) { return t < steps ? values[t] : bootstrap; };
  for (std::size_t s = 0; s < steps; ++s) {
    targets[s] = values[s];
    for (std::size_t t = s; t < steps; ++t) {
      double weight = 1;
      for (std::size_t i = s; i < t; ++i)
        weight *= discounts[i] * lambda * std::min(c_max, ratios[i]);
      targets[s] += weight * std::min(rho_max, ratios[t]) *
                    (rewards[t] + discounts[t] * value(t + 1) - values[t]);
    }
  }
  return targets;
}

TEST(Vtrace, EqualsTheDefinition) {
  torch::manual_seed(3);
  const std::int64_t steps = 7, worlds = 3;
  VtraceInput input{
      .log_rhos = torch::randn({steps, worlds}, kDouble),
      .discounts = 0.9 * (torch::rand({steps, worlds}, kDouble) > 0.2).to(torch::kFloat64),
      .rewards = torch::randn({steps, worlds}, kDouble),
      .values = torch::randn({steps, worlds}, kDouble),
      .bootstrap = torch::randn({worlds}, kDouble),
      .rho_max = 1.2,
      .c_max = 0.8,
      .lambda = 0.95};
  const auto targets = vtrace(input);
  const auto column = [&](const torch::Tensor& all, std::int64_t n) {
    const auto one = all.select(1, n).contiguous();
    return std::vector<double>(one.data_ptr<double>(), one.data_ptr<double>() + steps);
  };
  for (std::int64_t n = 0; n < worlds; ++n) {
    const auto bootstrap = input.bootstrap[n].item<double>();
    const auto wanted = vtrace_by_definition(column(input.log_rhos.exp(), n),
                                             column(input.discounts, n), column(input.rewards, n),
                                             column(input.values, n), bootstrap, 1.2, 0.8, 0.95);
    for (std::int64_t t = 0; t < steps; ++t) {
      EXPECT_NEAR(targets.values[t][n].item<double>(), wanted[static_cast<std::size_t>(t)], 1e-12);
      const double next = t + 1 < steps ? wanted[static_cast<std::size_t>(t) + 1] : bootstrap;
      const double rho = std::min(1.2, std::exp(input.log_rhos[t][n].item<double>()));
      const double advantage =
          rho * (input.rewards[t][n].item<double>() + input.discounts[t][n].item<double>() * next -
                 input.values[t][n].item<double>());
      EXPECT_NEAR(targets.advantages[t][n].item<double>(), advantage, 1e-12);
    }
  }
}

TEST(Vtrace, OnPolicyIsTheNStepReturn) {
  // r = 1, 2, 3; gamma = 0.5; the episode ends after the second step; V(x_3) = 8.
  const auto row = [](std::initializer_list<double> values) {
    return torch::tensor(std::vector<double>(values), kDouble).unsqueeze(1);
  };
  const auto targets = vtrace({.log_rhos = row({0, 0, 0}),
                               .discounts = row({0.5, 0, 0.5}),
                               .rewards = row({1, 2, 3}),
                               .values = row({10, 20, 30}),
                               .bootstrap = torch::tensor({8.0}, kDouble)});
  EXPECT_DOUBLE_EQ(targets.values[0].item<double>(), 2);  // 1 + 0.5 * 2
  EXPECT_DOUBLE_EQ(targets.values[1].item<double>(), 2);
  EXPECT_DOUBLE_EQ(targets.values[2].item<double>(), 7);  // 3 + 0.5 * 8
  EXPECT_DOUBLE_EQ(targets.advantages[0].item<double>(), -8);
}

TEST(Vtrace, ATimeoutIsWorthItsLastObservationAndNothingOfTheNextEpisode) {
  // r = 1, 2, 3; gamma = 0.5; the episode is truncated after the second step, with a last value of
  // 6; V(x_3) = 8.
  const auto row = [](std::initializer_list<double> values) {
    return torch::tensor(std::vector<double>(values), kDouble).unsqueeze(1);
  };
  VtraceInput input{.log_rhos = row({0, 0, 0}),
                    .discounts = row({0.5, 0, 0.5}),
                    .rewards = row({1, 2, 3}),
                    .values = row({10, 20, 30}),
                    .bootstrap = torch::tensor({8.0}, kDouble),
                    .timeout_returns = row({0, 0.5 * 6, 0})};
  const auto targets = vtrace(input);
  EXPECT_DOUBLE_EQ(targets.values[0].item<double>(), 3.5);  // 1 + 0.5 * 5
  EXPECT_DOUBLE_EQ(targets.values[1].item<double>(), 5);    // 2 + 0.5 * 6
  EXPECT_DOUBLE_EQ(targets.values[2].item<double>(), 7);    // 3 + 0.5 * 8
  EXPECT_DOUBLE_EQ(targets.advantages[0].item<double>(), -6.5);
  EXPECT_DOUBLE_EQ(targets.advantages[1].item<double>(), -15);
  EXPECT_DOUBLE_EQ(targets.advantages[2].item<double>(), -23);

  input.lambda = 0.5;  // 10 + (1 + 0.5 * 20 - 10) + 0.5 * 0.5 * (5 - 20)
  EXPECT_DOUBLE_EQ(vtrace(input).values[0].item<double>(), 7.25);
  // Acted with twice the probability, rho cut at 1.5: 20 + 1.5 * (2 + 3 - 20).
  input.log_rhos = row({0, std::log(2.0), 0}), input.rho_max = 1.5;
  EXPECT_NEAR(vtrace(input).values[1].item<double>(), -2.5, 1e-12);
}

TEST(Vtrace, RefusesShapesThatDiffer) {
  const auto good = torch::zeros({2, 3});
  try {
    vtrace({.log_rhos = good,
            .discounts = good,
            .rewards = good,
            .values = torch::zeros({3, 3}),
            .bootstrap = torch::zeros({3})});
    FAIL();
  } catch (const Error& error) {
    EXPECT_NE(std::string(error.what()).find("must all be [T,N]"), std::string::npos)
        << error.what();
  }
  EXPECT_EQ(error_of([&] {
              vtrace({.log_rhos = good,
                      .discounts = good,
                      .rewards = good,
                      .values = good,
                      .bootstrap = torch::zeros({3}),
                      .timeout_returns = torch::zeros({3})});
            }),
            "timeout_returns must be [T,N] = [2, 3], got [3] (vtrace)");
}

LossInput small_input() {
  LossInput input;
  input.logits = torch::zeros({1, 2, 8}, kDouble);
  input.logits[0][0][3] = std::log(9.0);  // p = 9/16 for action 3, 1/16 for the others
  input.values = torch::tensor({{1.0, 2.0}}, kDouble);
  input.actions = torch::tensor({{3, 5}}, torch::kInt64);
  input.targets = {torch::tensor({{3.0, 2.0}}, kDouble), torch::tensor({{2.0, -1.0}}, kDouble)};
  input.depth_classes = torch::zeros({2, 64}, torch::kInt64);
  input.is_loop = torch::tensor({1.0, 0.0}, kDouble);
  return input;
}

TEST(Losses, PolicyValueAndEntropyByHand) {
  const auto losses = compute_losses(small_input(), {.value = 0.5, .entropy = 0.1});
  const double policy = -(2 * std::log(9.0 / 16) - 1 * std::log(1.0 / 8)) / 2;
  const double value = 0.5 * (4.0 + 0.0) / 2;
  const double entropy =
      (-(9.0 / 16) * std::log(9.0 / 16) - 7 * (1.0 / 16) * std::log(1.0 / 16) + std::log(8.0)) / 2;
  EXPECT_NEAR(losses.policy.item<double>(), policy, 1e-12);
  EXPECT_NEAR(losses.value.item<double>(), value, 1e-12);
  EXPECT_NEAR(losses.entropy.item<double>(), entropy, 1e-12);
  EXPECT_NEAR(losses.total.item<double>(), policy + 0.5 * value - 0.1 * entropy, 1e-12);
  EXPECT_FALSE(losses.depth1.defined());
  EXPECT_FALSE(losses.loop.defined());
}

TEST(Losses, DepthIsTheMeanOfEverySoftmax) {
  auto input = small_input();
  input.auxiliary.depth1 = torch::zeros({2, 64, 8}, kDouble);
  input.auxiliary.depth2 = torch::zeros({2, 64, 8}, kDouble);
  input.auxiliary.depth2[1][7][0] =
      std::log(7.0);  // one of 128 softmaxes gives its class 1/2, the others 1/8
  const auto losses = compute_losses(input, {.depth1 = 2, .depth2 = 3});
  const double second = (127 * std::log(8.0) + std::log(2.0)) / 128;
  EXPECT_NEAR(losses.depth1.item<double>(), std::log(8.0), 1e-12);
  EXPECT_NEAR(losses.depth2.item<double>(), second, 1e-12);
  const auto without = compute_losses(small_input(), {});
  EXPECT_NEAR((losses.total - without.total).item<double>(), 2 * std::log(8.0) + 3 * second, 1e-12);
}

TEST(Losses, LoopIsBinaryCrossEntropy) {
  auto input = small_input();
  input.auxiliary.loop =
      torch::tensor({std::log(3.0), std::log(3.0)}, kDouble);  // probability 3/4 for both
  const auto losses = compute_losses(input, {});
  EXPECT_NEAR(losses.loop.item<double>(), -(std::log(0.75) + std::log(0.25)) / 2, 1e-12);
}

}  // namespace losses_test
}  // namespace clew::navigate
