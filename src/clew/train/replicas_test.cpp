// SPDX-License-Identifier: Apache-2.0
#include "clew/train/replicas.h"

#include <gtest/gtest.h>
#include <torch/torch.h>

#include <cmath>
#include <limits>
#include <numeric>
#include <vector>

#include "clew/core/error.h"
#include "tests/support/expect_error.h"

namespace clew::train {
namespace replicas_test {

/// Networks of `outputs` weights, bias frozen, and their replicas.
struct Copies {
  Copies(int count, std::int64_t outputs) : replicas({.copies = count}) {
    for (int i = 0; i < count; ++i) {
      networks.emplace_back(1, outputs);
      replicas.add(*networks.back(), [](const std::string& name) { return name == "bias"; });
    }
  }
  void set_gradients(const std::vector<float>& values) {
    for (int i = 0; i < replicas.size(); ++i)
      replicas.flat(i).gradients.fill_(values.at(static_cast<std::size_t>(i)));
  }
  std::vector<torch::nn::Linear> networks;
  Replicas replicas;
};

TEST(Replicas, ShareWeightsAndHaveGradientsOfTheirOwn) {
  Copies copies(3, 5);
  EXPECT_EQ(copies.replicas.size(), 3);
  EXPECT_EQ(copies.replicas.values().numel(), 16);  // padded (nn::flatten)
  copies.replicas.values().fill_(0.5);
  torch::NoGradGuard no_grad;
  for (const auto& network : copies.networks) {
    EXPECT_TRUE(network->weight.eq(0.5).all().item<bool>());
    EXPECT_FALSE(network->bias.requires_grad());
    EXPECT_EQ(network->bias.data_ptr(), copies.networks[0]->bias.data_ptr());
  }
  copies.replicas.run([&](int i) {
    const torch::AutoGradMode grad_mode(true);
    const auto at = static_cast<std::size_t>(i);
    (copies.networks[at]->forward(torch::ones({1, 1})).sum() * (i + 1)).backward();
  });
  for (int i = 0; i < 3; ++i)
    EXPECT_TRUE(copies.replicas.flat(i).gradients.slice(0, 0, 5).eq(i + 1).all().item<bool>()) << i;
}

TEST(Replicas, AddGradientsInTheOrderAskedFor) {
  // In f32, 1e8 + 1 is 1e8.
  const std::vector<float> values = {1e8F, 1, -1e8F, 1};
  for (const auto& [order, sum] : {std::pair(SumOrder::kInTurn, 1.0F),  // ((1e8 + 1) - 1e8) + 1
                                   {SumOrder::kInPairs, 0.0F}}) {       // (1e8 + 1) + (-1e8 + 1)
    Copies copies(4, 10);
    copies.set_gradients(values);
    copies.replicas.sum_gradients(order);
    EXPECT_TRUE(copies.replicas.flat().gradients.eq(sum).all().item<bool>()) << sum;
  }
  Copies many(20, 1);  // more threads than numbers
  std::vector<float> counted(20);
  std::iota(counted.begin(), counted.end(), 1.0F);
  many.set_gradients(counted);
  many.replicas.sum_gradients(SumOrder::kInPairs);
  EXPECT_TRUE(many.replicas.flat().gradients.eq(210).all().item<bool>());
  Copies one(1, 3);
  one.set_gradients({2});
  one.replicas.sum_gradients(SumOrder::kInTurn);
  EXPECT_TRUE(one.replicas.flat().gradients.eq(2).all().item<bool>());
}

TEST(Replicas, ClipTheNorm) {
  Copies copies(2, 2);
  const auto& gradients = copies.replicas.flat().gradients;
  gradients.zero_();
  gradients[0] = 3;
  gradients[1] = 4;
  EXPECT_DOUBLE_EQ(copies.replicas.clip_gradients(0), 5);
  EXPECT_DOUBLE_EQ(copies.replicas.clip_gradients(1), 5);
  EXPECT_TRUE(torch::allclose(gradients.slice(0, 0, 2), torch::tensor({0.6F, 0.8F})));
  gradients[0] = std::nan("");
  expect_error([&] { copies.replicas.clip_gradients(1); }, "the gradient's norm is nan");
  gradients[0] = std::numeric_limits<float>::infinity();
  expect_error([&] { copies.replicas.clip_gradients(0); }, "the gradient's norm is infinite");
}

TEST(Replicas, SayWhatIsWrong) {
  Copies copies(2, 2);
  torch::nn::Linear third(1, 2);
  expect_error([&] { copies.replicas.add(*third); },
               "there are threads for 2 replicas, got one more");
  expect_error([&] { copies.replicas.run([](int i) { CLEW_CHECK(i != 1, "copy ", i); }); },
               "copy 1");
}

}  // namespace replicas_test
}  // namespace clew::train
