// SPDX-License-Identifier: Apache-2.0
#include "clew/nn/context_module.h"

#include <gtest/gtest.h>
#include <torch/torch.h>

#include <vector>

#include "clew/core/error.h"
#include "tests/support/expect_error.h"

namespace clew::nn {
namespace context_module_test {

/// Elements of x [1,C,h,w] that have a part in the middle of y.
std::int64_t seen_side(const torch::Tensor& x, const torch::Tensor& y) {
  y.select(3, y.size(3) / 2).select(2, y.size(2) / 2).sum().backward();
  const auto is_seen = x.grad().abs().sum(torch::IntArrayRef({0, 1})).gt(0);
  const auto rows = is_seen.any(1), columns = is_seen.any(0);
  EXPECT_EQ(rows.sum().item<std::int64_t>(), columns.sum().item<std::int64_t>());
  return rows.sum().item<std::int64_t>();
}

TEST(ContextModule, IdentityGivesWhatItGets) {
  torch::manual_seed(1);
  const torch::NoGradGuard no_grad;
  for (const auto size : {ContextSize::kBasic, ContextSize::kLarge}) {
    const ContextModule module(ContextOptions{.channels = 3, .size = size, .noise = 0});
    for (const auto& [height, width] : {std::pair{1, 1}, std::pair{5, 40}, std::pair{70, 9}}) {
      const auto x = torch::rand({2, 3, height, width});
      EXPECT_TRUE(torch::allclose(module->forward(x), x, 1e-5, 1e-6)) << name_of(size);
      const auto any = torch::randn({1, 3, height, width});
      EXPECT_TRUE(torch::allclose(module->forward(any), torch::relu(any), 1e-5, 1e-6))
          << name_of(size);
    }
  }
}

TEST(ContextModule, NoiseKeepsALargeIdentityNearAndItsCopiesApart) {
  torch::manual_seed(2);
  const torch::NoGradGuard no_grad;
  const ContextModule module(ContextOptions{.channels = 4, .size = ContextSize::kLarge});
  const auto x = torch::rand({1, 4, 48, 48});
  EXPECT_LT((module->forward(x) - x).abs().max().item<double>(), 0.5);
  const auto weight = module->named_parameters()["conv1.weight"];
  EXPECT_FALSE(torch::equal(weight[0], weight[1]));
  const ContextModule random(
      ContextOptions{.channels = 4, .size = ContextSize::kLarge, .start = ContextStart::kRandom});
  EXPECT_GT((random->forward(x) - x).abs().mean().item<double>(), 0.2);
}

TEST(ContextModule, WeightsByHand) {
  // Layer 1 of the large module on 2 channels: 4 outputs of half an input each.
  const ContextModule module(
      ContextOptions{.channels = 2, .size = ContextSize::kLarge, .noise = 0});
  const auto weight = module->named_parameters()["conv1.weight"];
  EXPECT_TRUE(
      torch::equal(weight.select(3, 1).select(2, 1),
                   torch::tensor({0.5F, 0.F, 0.5F, 0.F, 0.F, 0.5F, 0.F, 0.5F}).view({4, 2})));
  EXPECT_EQ(weight.sum().item<double>(), 2);
}

TEST(ContextModule, SeesAsFarAsThePaperSays) {
  ContextModule module(ContextOptions{.channels = 1});
  module->to(torch::kFloat64);
  {
    const torch::NoGradGuard no_grad;
    for (auto& parameter : module->parameters()) parameter.fill_(0.1);
  }
  const auto x = torch::ones({1, 1, 81, 85}, torch::kFloat64).requires_grad_();
  EXPECT_EQ(seen_side(x, module->forward(x)), 67);
  std::vector<double> fields;
  for (const auto& row : module->layers("context.", {})) fields.push_back(row.geometry.field);
  EXPECT_EQ(fields, (std::vector<double>{3, 5, 9, 17, 33, 65, 67, 67}));
}

TEST(ContextModule, ChannelsOfThePaper) {
  const auto channels = [](ContextSize size) {
    const ContextModule module(ContextOptions{.channels = 2, .size = size});
    std::vector<std::int64_t> all;
    for (const auto& row : module->layers("", {})) all.push_back(row.channels);
    return all;
  };
  EXPECT_EQ(channels(ContextSize::kBasic), (std::vector<std::int64_t>{2, 2, 2, 2, 2, 2, 2, 2}));
  EXPECT_EQ(channels(ContextSize::kLarge), (std::vector<std::int64_t>{4, 4, 8, 16, 32, 64, 64, 2}));
}

TEST(ContextModule, OnnxGraphIsTheModule) {
  torch::manual_seed(3);
  for (const auto start : {ContextStart::kIdentity, ContextStart::kRandom}) {
    ContextModule module(
        ContextOptions{.channels = 3, .size = ContextSize::kLarge, .start = start});
    check_onnx(*module,
               [&](const std::vector<torch::Tensor>& inputs) {
                 return std::vector<torch::Tensor>{module->forward(inputs.at(0))};
               },
               {.inputs = {{.name = "x", .shape = {kOnnxBatch, 3, kOnnxFree, kOnnxFree}}},
                .outputs = {{.name = "y"}}});
  }
}

TEST(ContextModule, WhatCannotBe) {
  expect_error([] { const ContextModule module(ContextOptions{}); },
               "a context module must have at least 1 channel, got 0");
  expect_error([] { const ContextModule module(ContextOptions{.channels = 2, .noise = -1}); },
               "noise of a context module must be at least 0, got -1");
  const ContextModule module(ContextOptions{.channels = 2});
  expect_error(
      [&] {
        (void)module->forward(torch::zeros({1, 3, 4, 4}));
      },
      "x must be [B,2,h,w] of real numbers, got [1, 3, 4, 4] of Float");
}

}  // namespace context_module_test
}  // namespace clew::nn
