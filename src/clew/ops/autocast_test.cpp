// SPDX-License-Identifier: Apache-2.0
#include "clew/ops/autocast.h"

#include <gtest/gtest.h>
#include <torch/torch.h>

#include "clew/core/error.h"
#include "clew/ops/narrow_conv.h"

namespace clew::ops {
namespace autocast_test {

torch::Dtype product_type() {
  return torch::mm(torch::ones({2, 2}), torch::ones({2, 2})).scalar_type();
}

TEST(AutocastTest, NestsAndGivesBack) {
  const auto half = has_bf16(Products::kLibTorch) ? torch::kBFloat16 : torch::kFloat32;
  EXPECT_EQ(product_type(), torch::kFloat32);
  {
    const Autocast outer(Precision::kBf16);
    EXPECT_EQ(product_type(), half);
    {
      const Autocast inner(Precision::kFp32);
      EXPECT_EQ(product_type(), torch::kFloat32);
    }
    EXPECT_EQ(product_type(), half);
  }
  EXPECT_EQ(product_type(), torch::kFloat32);
}

TEST(AutocastTest, WeightsLearnInF32FromProductsInBf16) {
  torch::manual_seed(1);
  const auto x = torch::randn({64, 32}), up = torch::randn({64, 16});
  const auto weight = torch::randn({16, 32}).requires_grad_();
  const auto gradient = [&](Precision precision) {
    torch::Tensor y;
    {
      const Autocast autocast(precision);
      y = torch::linear(x, weight);
    }
    return torch::autograd::grad({y}, {weight}, {up.to(y.scalar_type())})[0];
  };
  const auto exact = gradient(Precision::kFp32), rounded = gradient(Precision::kBf16);
  EXPECT_EQ(rounded.scalar_type(), torch::kFloat32);
  EXPECT_LT(((rounded - exact).norm() / exact.norm()).item<double>(), 1e-2);
  EXPECT_EQ(has_bf16(Products::kLibTorch), !torch::equal(rounded, exact));
}

TEST(AutocastTest, AWeightThatChangedIsReadAgain) {
  const auto weight = torch::ones({1, 1}).requires_grad_();
  const Autocast autocast(Precision::kBf16);
  EXPECT_EQ(torch::linear(torch::ones({1, 1}), weight).item<float>(), 1);
  {
    const torch::NoGradGuard no_grad;
    weight.fill_(3);
  }
  EXPECT_EQ(torch::linear(torch::ones({1, 1}), weight).item<float>(), 3);
}

TEST(AutocastTest, TheFirstLayerStaysInF32) {
  const Autocast autocast(Precision::kBf16);
  const auto out =
      narrow_conv2d(torch::ones({1, 1, 4, 4}), torch::ones({2, 1, 3, 3}) / 7, torch::zeros({2}));
  EXPECT_EQ(out.scalar_type(), torch::kFloat32);
  EXPECT_NEAR(out[0][0][0][0].item<float>(), 9.0F / 7, 1e-6);
}

}  // namespace autocast_test
}  // namespace clew::ops
