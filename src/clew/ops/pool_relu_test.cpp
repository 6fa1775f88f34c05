// SPDX-License-Identifier: Apache-2.0
#include "clew/ops/pool_relu.h"

#include <gtest/gtest.h>
#include <torch/torch.h>

#include <limits>

#include "clew/core/error.h"
#include "clew/ops/narrow_conv.h"

namespace clew::ops {
namespace pool_relu_test {

using torch::Tensor;

/// Few different numbers, so that many are equal; every 50th NaN where asked for.
Tensor draw(torch::IntArrayRef shape, torch::Dtype type, bool has_nan = false) {
  auto images = torch::randint(-4, 5, shape).to(type) * 0.25;
  if (has_nan) {
    images.masked_fill_(torch::rand(shape) < 0.02, std::numeric_limits<double>::quiet_NaN());
    images.masked_fill_(torch::rand(shape) < 0.02, -std::numeric_limits<double>::infinity());
  }
  return channels_last(images);
}

void expect_same(const Tensor& got, const Tensor& wanted, const char* what) {
  ASSERT_EQ(got.sizes(), wanted.sizes());
  ASSERT_EQ(got.scalar_type(), wanted.scalar_type());
  // NaN in the same places, and everything else to the bit.
  EXPECT_TRUE(torch::equal(got.isnan(), wanted.isnan())) << what;
  EXPECT_TRUE(torch::equal(got.nan_to_num(7), wanted.nan_to_num(7))) << what;
}

void compare(const Tensor& images) {
  const auto mine = images.detach().requires_grad_(), theirs = images.detach().requires_grad_();
  const auto got = max_pool_relu(mine), wanted = torch::relu(torch::max_pool2d(theirs, 2));
  expect_same(got, wanted, "forward");
  const auto up = torch::randn(wanted.sizes()).to(wanted.scalar_type());
  expect_same(torch::autograd::grad({got}, {mine}, {up})[0],
              torch::autograd::grad({wanted}, {theirs}, {up})[0], "backward");
}

TEST(MaxPoolReluTest, SameBitsAsLibTorchsTwoOperators) {
  torch::manual_seed(1);
  for (const auto type : {torch::kFloat32, torch::kBFloat16, torch::kFloat64}) {
    for (const bool has_nan : {false, true}) {
      for (const std::int64_t channels : {1, 3, 15, 16, 17, 20, 60, 64}) {
        compare(draw({3, channels, 6, 8}, type, has_nan));
        compare(draw({2, channels, 7, 5}, type, has_nan));
        compare(draw({1, channels, 2, 3}, type, has_nan));
      }
    }
  }
}

TEST(MaxPoolReluTest, OtherLayoutsAndGradientsInThem) {
  torch::manual_seed(2);
  compare(torch::randn({2, 20, 9, 8}));
  compare(torch::randn({2, 9, 8, 20}).permute({0, 3, 1, 2}).narrow(1, 1, 17));
  EXPECT_EQ(max_pool_relu(torch::randn({0, 20, 9, 8})).sizes(), torch::IntArrayRef({0, 20, 4, 4}));
  EXPECT_THROW(max_pool_relu(torch::randn({2, 20, 1, 8})), std::exception);
}

TEST(MaxPoolReluTest, KeepsTheLayoutAndNeedsNoGraph) {
  const auto images = draw({2, 20, 8, 8}, torch::kFloat32);
  const auto out = max_pool_relu(images);
  EXPECT_FALSE(out.requires_grad());
  EXPECT_TRUE(out.is_contiguous(torch::MemoryFormat::ChannelsLast));
}

TEST(MaxPoolReluTest, DoesNotDependOnThreads) {
  torch::manual_seed(3);
  const int threads = at::get_num_threads();
  const auto run = [](int count) {
    at::set_num_threads(count);
    torch::manual_seed(4);
    const auto images = draw({9, 20, 11, 12}, torch::kFloat32).requires_grad_();
    const auto out = max_pool_relu(images);
    return torch::autograd::grad({out.square().sum()}, {images})[0];
  };
  EXPECT_TRUE(torch::equal(run(1), run(3)));
  at::set_num_threads(threads);
}

TEST(MaxPoolReluTest, RefusesASecondDerivative) {
  const auto images = draw({1, 16, 4, 4}, torch::kFloat32).requires_grad_();
  const auto out = max_pool_relu(images).square().sum();
  EXPECT_THROW(torch::autograd::grad({out}, {images}, {}, true, /*create_graph=*/true), Error);
}

}  // namespace pool_relu_test
}  // namespace clew::ops
