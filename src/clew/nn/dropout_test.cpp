// SPDX-License-Identifier: Apache-2.0
#include "clew/nn/dropout.h"

#include <ATen/Parallel.h>
#include <gtest/gtest.h>
#include <torch/torch.h>

#include <cmath>

#include "tests/support/expect_error.h"

namespace clew::nn {
namespace dropout_test {

TEST(Dropout, DropsTheShareAndKeepsTheMean) {
  const auto x = torch::ones({50, 3, 41, 37});
  for (const double p : {0.1, 0.5, 0.9}) {
    const auto y = dropout(x, p, Key{1});
    const auto count = static_cast<double>(x.numel());
    const double dropped = y.eq(0).sum().item<double>() / count;
    EXPECT_NEAR(dropped, p, 4 * std::sqrt(p * (1 - p) / count));
    EXPECT_NEAR(y.max().item<double>(), 1 / (1 - p), 1e-5);
    EXPECT_TRUE(y.eq(0).logical_or(y.eq(y.max())).all().item<bool>());
  }
  EXPECT_TRUE(torch::equal(dropout(x, 0, Key{1}), x));
}

TEST(Dropout, TheKeyAloneDecides) {
  const auto x = torch::rand({7, 100'003});
  const int threads = at::get_num_threads();
  at::set_num_threads(1);
  const auto one = dropout(x, 0.3, Key{1});
  at::set_num_threads(3);
  EXPECT_TRUE(torch::equal(dropout(x, 0.3, Key{1}), one));
  at::set_num_threads(threads);
  torch::manual_seed(5);
  EXPECT_TRUE(torch::equal(dropout(x, 0.3, Key{1}), one));
  EXPECT_FALSE(torch::equal(dropout(x, 0.3, Key{2}), one));
}

TEST(Dropout, TheGradientPassesWhereTheValueDoes) {
  const auto x = torch::rand({1000}, torch::kFloat64).requires_grad_();
  const auto y = dropout(x, 0.4, Key{3});
  y.sum().backward();
  EXPECT_TRUE(torch::equal(x.grad().eq(0), y.eq(0)));
  EXPECT_NEAR(x.grad().max().item<double>(), 1 / 0.6, 1e-6);
}

TEST(ChannelDropout, DropsWholeChannels) {
  const auto y = channel_dropout(torch::ones({40, 60, 3, 5}), 0.25, Key{1});
  const auto per_channel = y.flatten(2);
  EXPECT_TRUE(torch::equal(std::get<0>(per_channel.max(2)), std::get<0>(per_channel.min(2))));
  EXPECT_NEAR(y.eq(0).to(torch::kFloat32).mean().item<double>(), 0.25, 0.04);
}

TEST(Dropout, SaysWhatIsWrong) {
  expect_error([] { (void)dropout(torch::ones({3}), 1, Key{}); },
               "the probability of dropout must be in [0,1), got 1");
  expect_error([] { (void)channel_dropout(torch::ones({3}), 0.5, Key{}); },
               "channels are dropped from [B,C,...], got [3]");
}

}  // namespace dropout_test
}  // namespace clew::nn
