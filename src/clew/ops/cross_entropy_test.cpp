// SPDX-License-Identifier: Apache-2.0
#include "clew/ops/cross_entropy.h"

#include <gtest/gtest.h>
#include <torch/torch.h>

#include <cmath>
#include <limits>

#include "clew/core/error.h"
#include "tests/support/expect_error.h"

namespace clew::ops {
namespace cross_entropy_test {

using torch::Tensor;

struct Result {
  Tensor loss, gradient;
};
template <class Loss>
Result run(const Tensor& logits, const Loss& loss_of) {
  const auto leaf = logits.detach().clone().requires_grad_();
  const auto loss = loss_of(leaf);
  return {loss.detach(), torch::autograd::grad({(3 * loss)}, {leaf})[0]};
}
Tensor exact(const Tensor& logits, const Tensor& classes) {
  return torch::cross_entropy_loss(logits.to(torch::kFloat64).reshape({-1, logits.size(-1)}),
                                   classes.reshape({-1}));
}

TEST(CrossEntropyTest, ByHand) {
  const auto logits = torch::tensor({0.0F, std::log(3.0F), 0.0F, 0.0F}).view({2, 2});
  const auto classes = torch::tensor({1, 0}, torch::kInt64);
  const auto [loss, gradient] =
      run(logits, [&](const Tensor& x) { return cross_entropy(x, classes); });
  EXPECT_NEAR(loss.item<double>(), (std::log(4.0 / 3) + std::log(2.0)) / 2, 1e-6);
  const auto wanted = torch::tensor({0.25F, -0.25F, -0.5F, 0.5F}).view({2, 2}) * 1.5;
  EXPECT_TRUE(torch::allclose(gradient, wanted, 0, 1e-6)) << gradient;
}

TEST(CrossEntropyTest, AgreesWithLibTorchsInDoublePrecision) {
  torch::manual_seed(1);
  for (const std::int64_t count : {1, 2, 3, 8, 10, 17, 91, 1000, 9000}) {
    for (const std::int64_t rows : {1, 5, 1100}) {
      if (count * rows > 2'000'000) continue;
      const auto logits = torch::randn({rows, count}) * 20;
      const auto classes = torch::randint(count, {rows}, torch::kInt64);
      const auto mine = run(logits, [&](const Tensor& x) { return cross_entropy(x, classes); });
      const auto theirs = run(logits, [&](const Tensor& x) { return exact(x, classes); });
      // f32: half a unit of numbers up to 100 in each logit's distance from the largest.
      EXPECT_TRUE(torch::allclose(mine.loss.to(torch::kFloat64), theirs.loss, 1e-6, 1e-6))
          << rows << " x " << count << ": " << mine.loss << " and " << theirs.loss;
      EXPECT_TRUE(torch::allclose(mine.gradient, theirs.gradient, 2e-5, 2e-5 / rows))
          << rows << " x " << count;
    }
  }
}

TEST(CrossEntropyTest, RowsOfAnyShapeAndLayout) {
  torch::manual_seed(2);
  const auto logits = torch::randn({4, 8, 6}).transpose(1, 2);
  const auto classes = torch::randint(8, {6, 4}, torch::kInt64).t();
  const auto mine = run(logits, [&](const Tensor& x) { return cross_entropy(x, classes); });
  const auto theirs = run(logits, [&](const Tensor& x) { return exact(x, classes); });
  EXPECT_TRUE(torch::allclose(mine.loss.to(torch::kFloat64), theirs.loss, 1e-6, 1e-6));
  EXPECT_TRUE(torch::allclose(mine.gradient, theirs.gradient, 1e-5, 1e-7));
  // f64 has a second derivative.
  const auto leaf = torch::randn({3, 4}, torch::kFloat64).requires_grad_();
  const auto few = torch::tensor({0, 3, 2}, torch::kInt64);
  EXPECT_TRUE(torch::allclose(cross_entropy(leaf, few), exact(leaf, few), 1e-12, 1e-12));
  const auto gradient = torch::autograd::grad({cross_entropy(leaf, few)}, {leaf}, {}, {}, true)[0];
  EXPECT_TRUE(gradient.requires_grad());
}

TEST(CrossEntropyTest, NumbersThatAreNoneStayInTheLossAndTheirRow) {
  const float infinity = std::numeric_limits<float>::infinity();
  const auto classes = torch::tensor({1, 1}, torch::kInt64);
  for (const float bad : {std::numeric_limits<float>::quiet_NaN(), infinity}) {
    const auto logits = torch::tensor({0.0F, 1.0F, bad, 0.0F, 1.0F, 2.0F}).view({2, 3});
    const auto [loss, gradient] =
        run(logits, [&](const Tensor& x) { return cross_entropy(x, classes); });
    EXPECT_TRUE(std::isnan(loss.item<double>())) << bad;
    EXPECT_TRUE(gradient[0].isnan().all().item<bool>()) << bad;
    EXPECT_TRUE(gradient[1].isfinite().all().item<bool>()) << bad;
  }
  // A class that cannot be: no part in the sum where another is meant, an infinite loss where it is.
  const auto logits = torch::tensor({0.0F, 0.0F, -infinity}).view({1, 3});
  EXPECT_NEAR(cross_entropy(logits, torch::tensor({1}, torch::kInt64)).item<double>(),
              std::log(2.0), 1e-6);
  EXPECT_EQ(cross_entropy(logits, torch::tensor({2}, torch::kInt64)).item<double>(), infinity);
}

TEST(CrossEntropyTest, SameBitsForAnyNumberOfThreads) {
  torch::manual_seed(3);
  const auto logits = torch::randn({5000, 8});
  const auto classes = torch::randint(8, {5000}, torch::kInt64);
  const int before = at::get_num_threads();
  at::set_num_threads(1);
  const auto one = run(logits, [&](const Tensor& x) { return cross_entropy(x, classes); });
  at::set_num_threads(3);
  const auto three = run(logits, [&](const Tensor& x) { return cross_entropy(x, classes); });
  at::set_num_threads(before);
  EXPECT_TRUE(torch::equal(one.loss, three.loss));
  EXPECT_TRUE(torch::equal(one.gradient, three.gradient));
}

TEST(CrossEntropyTest, RefusesOtherShapesTypesAndClasses) {
  const auto logits = torch::zeros({2, 3});
  const auto long_zeros = [](std::int64_t n) { return torch::zeros({n}, torch::kInt64); };
  expect_error([&] { cross_entropy(logits, long_zeros(3)); },
               "classes must be [2] of Long on cpu, got [3] of Long on cpu (cross_entropy)");
  expect_error([&] { cross_entropy(logits, torch::zeros({2})); },
               "classes must be [2] of Long on cpu, got [2] of Float on cpu (cross_entropy)");
  expect_error([&] { cross_entropy(logits.to(torch::kInt32), long_zeros(2)); },
               "logits must be [..,C] of a floating type, got [2, 3] of Int (cross_entropy)");
  expect_error([&] { cross_entropy(logits, long_zeros(2) + 3); },
               "classes must be 0..2, got 3 (cross_entropy)");
  expect_error([&] { cross_entropy(logits, long_zeros(2) - 1); },
               "classes must be 0..2, got -1 (cross_entropy)");
}

}  // namespace cross_entropy_test
}  // namespace clew::ops
