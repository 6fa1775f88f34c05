// SPDX-License-Identifier: Apache-2.0
#include "clew/ops/normalise.h"

#include <gtest/gtest.h>
#include <torch/torch.h>

#include "clew/core/error.h"
#include "tests/support/expect_error.h"

namespace clew::ops {
namespace normalise_test {

const ChannelStatistics kTwo = {.mean = {1, 2}, .deviation = {2, 4}};

TEST(Normalise, IsByChannel) {
  const auto images = torch::tensor({3.F, 5.F, 2.F, 10.F}).reshape({2, 1, 2});
  const auto wanted = torch::tensor({1.F, 2.F, 0.F, 2.F}).reshape({2, 1, 2});
  EXPECT_TRUE(normalise(images, kTwo).equal(wanted));
  EXPECT_TRUE(denormalise(wanted, kTwo).equal(images));
  EXPECT_TRUE(normalise(images.expand({5, 3, 2, 1, 2}), kTwo)[4][2].equal(wanted));
  EXPECT_TRUE(normalise(images, {}).equal(images));
  EXPECT_TRUE(denormalise(images, {}).equal(images));
  EXPECT_EQ(normalise(images.to(torch::kFloat64), kTwo).scalar_type(), torch::kFloat64);
  const auto grey = torch::full({3, 1, 1}, .5F);
  EXPECT_TRUE(normalise(grey, imagenet_statistics())
                  .flatten()
                  .allclose(torch::tensor({.0655F, .1964F, .4178F}), 0, 1e-4));
}

TEST(Normalise, HasAGradient) {
  auto images = torch::zeros({2, 1, 1}, torch::requires_grad());
  normalise(images, kTwo).sum().backward();
  EXPECT_TRUE(images.grad().flatten().equal(torch::tensor({.5F, .25F})));
}

TEST(Normalise, OneSentencePerError) {
  const auto fault = [](const torch::Tensor& images, const ChannelStatistics& statistics) {
    return error_of([&] { (void)normalise(images, statistics); });
  };
  EXPECT_EQ(fault(torch::zeros({2, 2}), kTwo),
            "images to normalise must be [...,C,H,W] of floats, got [2, 2] of Float");
  EXPECT_EQ(fault(torch::zeros({2, 1, 1}, torch::kUInt8), kTwo),
            "images to normalise must be [...,C,H,W] of floats, got [2, 1, 1] of Byte");
  EXPECT_EQ(fault({}, kTwo), "images to normalise must be [...,C,H,W] of floats, got nothing");
  EXPECT_EQ(fault(torch::zeros({3, 1, 1}), kTwo),
            "images of 3 channels need as many means and deviations, got 2 and 2");
  EXPECT_EQ(fault(torch::zeros({2, 1, 1}), {.mean = {1, 2}, .deviation = {1, 0}}),
            "means of channels must be numbers and deviations above 0");
  EXPECT_EQ(error_of([&] {
              (void)denormalise(torch::zeros({3, 1, 1}), kTwo);
            }),
            "images of 3 channels need as many means and deviations, got 2 and 2");
}

}  // namespace normalise_test
}  // namespace clew::ops
