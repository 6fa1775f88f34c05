// SPDX-License-Identifier: Apache-2.0
// Every backbone, and other graphs, against LayerGraph::run.
#include "clew/nn/inference/fused_graph.h"

#include <gtest/gtest.h>
#include <torch/torch.h>

#include <string>
#include <thread>
#include <vector>

#include "clew/core/error.h"
#include "clew/nn/weights.h"
#include "tests/support/expect_error.h"

namespace clew::nn {
namespace fused_graph_test {

using torch::Tensor;

/// Random parameters and buffers, as after training; layers roughly keep the scale of their input.
void settle(torch::nn::Module& network) {
  const torch::NoGradGuard no_grad;
  for (auto& [name, tensor] : state_of(network)) {
    Tensor own = tensor;
    if (name.ends_with("running_var")) own.uniform_(0.5, 1.5);
    if (name.ends_with("running_mean")) own.normal_(0, 0.1);
    if (own.dim() == 1 && own.is_floating_point() && name.ends_with("bias")) own.normal_(0, 0.1);
  }
  network.eval();
}

/// Largest difference, relative to the largest value.
double error_between(const Tensor& ours, const Tensor& wanted) {
  EXPECT_EQ(ours.sizes(), wanted.sizes());
  if (ours.sizes() != wanted.sizes()) return 1e9;
  return ((ours - wanted).abs().max() / wanted.abs().max()).item<double>();
}

std::vector<std::string> map_names(const Backbone& network) {
  std::vector<std::string> names;
  for (const auto& map : network->feature_maps()) names.push_back(map.name);
  return names;
}

// Winograd's transforms of fp32 values: 1e-5 of their scale a layer at most.
constexpr double kTolerance = 1e-4;

TEST(FusedGraph, ComputesWhatEveryBackboneDoes) {
  torch::manual_seed(1);
  const torch::NoGradGuard no_grad;
  for (const auto& name : backbone_names()) {
    Backbone network(name, BackboneOptions{.classes = 7});
    settle(*network);
    const auto names = map_names(network);
    std::vector<LayerId> wanted = {network->logits()};
    for (const auto& map : network->feature_maps()) wanted.push_back(map.layer);
    const FusedGraph fused(*network, wanted, {.statistics = network->statistics().channels});
    for (const auto& images : {torch::rand({1, 3, 96, 96}), torch::rand({2, 3, 75, 118})}) {
      const auto ours = fused.run(images), maps = network->maps(images, names);
      ASSERT_EQ(ours.size(), maps.size() + 1);
      EXPECT_LT(error_between(ours[0], network->forward(images)), kTolerance) << name;
      for (std::size_t i = 0; i < maps.size(); ++i)
        EXPECT_LT(error_between(ours[i + 1], maps[i]), kTolerance) << name << " " << names[i];
    }
  }
}

TEST(FusedGraph, ComputesWhatDilatedBackbonesDo) {
  torch::manual_seed(2);
  const torch::NoGradGuard no_grad;
  const auto images = torch::rand({1, 3, 100, 70});
  for (const std::string name :
       {"resnet18", "resnet50", "mobilenet_v2", "mobilenet_v3_small", "efficientnet_lite0"}) {
    for (const std::int64_t stride : {8, 16}) {
      Backbone network(name, BackboneOptions{.classes = 7, .output_stride = stride});
      settle(*network);
      const std::vector<std::string> last = {network->feature_maps().back().name};
      EXPECT_LT(
          error_between(fused_maps(*network, last).run(images)[0], network->maps(images, last)[0]),
          kTolerance)
          << name << " " << stride;
    }
  }
}

/// Maps that no dilation divides, smaller ones than it, and a convolution that is dilated once more.
TEST(FusedGraph, ComputesWideDilations) {
  torch::manual_seed(12);
  const torch::NoGradGuard no_grad;
  for (const std::int64_t dilation : {2, 3, 4, 6, 8, 16, 36}) {
    LayerGraph graph;
    const auto dilated = [&](std::int64_t in, std::int64_t out, std::int64_t by) {
      return torch::nn::Conv2d(torch::nn::Conv2dOptions(in, out, 3).padding(by).dilation(by)).ptr();
    };
    const auto first = graph.convolution("first", graph.input(), {.out = 64});
    const auto second = graph.activation(
        graph.convolution(dilated(64, 96, dilation), "second", first), Activation::kRelu);
    const auto third = graph.convolution(dilated(96, 64, dilation + 1), "third", second);
    graph.eval();
    const FusedGraph fused(graph, {second, third});
    for (const auto& images : {torch::rand({1, 3, 25, 38}), torch::rand({3, 3, 16, 9})}) {
      const auto ours = fused.run(images), maps = graph.run(images, {second, third});
      for (std::size_t i = 0; i < maps.size(); ++i)
        EXPECT_LT(error_between(ours[i], maps[i]), kTolerance) << dilation;
    }
  }
}

TEST(FusedGraph, ComputesLargeBatchesInParts) {
  torch::manual_seed(3);
  const torch::NoGradGuard no_grad;
  Backbone network("mobilenet_v3_small", BackboneOptions{.classes = 7});
  settle(*network);
  const auto fused = fused_classifier(*network);
  for (const std::int64_t batch : {0, 1, 3, 37}) {
    const auto images = torch::rand({batch, 3, 64, 64});
    const auto logits = fused.run(images)[0];
    ASSERT_EQ(logits.sizes(), (std::vector<std::int64_t>{batch, 7}));
    if (batch == 0) continue;
    EXPECT_LT(error_between(logits, network->forward(images)), kTolerance) << batch;
  }
  const auto images = torch::rand({2, 3, 64, 64});
  EXPECT_TRUE(torch::equal(fused.run(images.contiguous(torch::MemoryFormat::ChannelsLast))[0],
                           fused.run(images)[0]));
  EXPECT_TRUE(torch::allclose(fused.run(images.to(torch::kFloat64))[0], fused.run(images)[0]));
}

/// Layers in an order that prevents fusion.
struct Apart : LayerGraph {
  std::vector<LayerId> wanted;
  Apart() {
    auto x = convolution("stem", input(), {.out = 24, .kernel = 3, .stride = 2, .has_bias = true});
    const auto stem = x;
    x = batch_norm("norm", x);  // behind a value that is wanted
    x = activation(x, Activation::kHardswish);
    const auto gate =
        activation(convolution("gate", average_pool(x, 1), {.out = 24, .has_bias = true}),
                   Activation::kHardsigmoid);
    const auto gated = multiply(x, gate);
    // The addend is read again later, so it must not be overwritten.
    const auto sum = add(gated, convolution("first", gated, {.out = 24, .kernel = 3, .groups = 4}));
    const auto again = add(gated, batch_norm("late", sum));  // a norm behind a sum
    const auto both = activation(add(stem, again), Activation::kRelu);
    const auto own = add(both, convolution("own", both, {.out = 24}));
    const auto square = multiply(own, own);
    const auto pooled = max_pool(square, 3, 2, 1);
    const auto flat = flatten(average_pool(pooled, 4));  // of windows of different sizes
    const auto hidden =
        activation(dropout(linear("hidden", flat, 10), 0.5), Activation::kHardsigmoid);
    const auto plain = activation(pooled, Activation::kRelu6);
    const auto shared = std::make_shared<torch::nn::Conv2dImpl>(
        torch::nn::Conv2dOptions(24, 24, 3).padding(1));  // read twice, of another owner
    const auto up = upsample(convolution(shared, "shared", pooled), own);  // by no whole factor
    const auto merged = add(convolution(shared, "shared", own), up);
    wanted = {input(), stem, gate,  sum, own, pooled, plain, hidden, linear("last", hidden, 3),
              pooled,  up,   merged};
  }
};

TEST(FusedGraph, ComputesEveryKindOfLayer) {
  torch::manual_seed(4);
  const torch::NoGradGuard no_grad;
  const auto graph = std::make_shared<Apart>();
  settle(*graph);
  const FusedGraph fused(*graph, graph->wanted);
  for (const std::int64_t batch : {1, 3}) {
    const auto images = torch::randn({batch, 3, 45, 61});
    const auto ours = fused.run(images), wanted = graph->run(images, graph->wanted);
    ASSERT_EQ(ours.size(), wanted.size());
    for (std::size_t i = 0; i < ours.size(); ++i)
      EXPECT_LT(error_between(ours[i], wanted[i]), 1e-5) << i;
  }
}

TEST(FusedGraph, UpsamplesByWholeFactorsWithoutLibTorch) {
  torch::manual_seed(9);
  const torch::NoGradGuard no_grad;
  struct Doubling : LayerGraph {
    LayerId up, sum;
    Doubling() {
      const auto fine = convolution("fine", input(), {.out = 20, .kernel = 3, .stride = 2});
      const auto coarse = convolution("coarse", fine, {.out = 20, .kernel = 3, .stride = 2});
      up = upsample(coarse, fine);
      sum = add(convolution("side", fine, {.out = 20}), up);
    }
  };
  const auto graph = std::make_shared<Doubling>();
  const std::vector<LayerId> wanted = {graph->up, graph->sum};
  const FusedGraph fused(*graph, wanted);
  for (const std::int64_t width : {64, 36}) {
    const auto images = torch::randn({2, 3, 32, width});
    const auto ours = fused.run(images), theirs = graph->run(images, wanted);
    for (std::size_t i = 0; i < ours.size(); ++i)
      EXPECT_LT(error_between(ours[i], theirs[i]), 1e-5) << i;
  }
}

TEST(FusedGraph, IsASnapshot) {
  torch::manual_seed(5);
  const torch::NoGradGuard no_grad;
  Backbone network("resnet18", BackboneOptions{.classes = 7});
  settle(*network);
  const auto images = torch::rand({1, 3, 64, 64}), other = torch::rand({1, 3, 96, 96});
  const auto before = network->forward(images), before_other = network->forward(other);
  const auto fused = fused_classifier(*network);
  for (auto& parameter : network->parameters()) parameter.zero_();
  EXPECT_LT(error_between(fused.run(images)[0], before), kTolerance);
  EXPECT_LT(error_between(fused.run(other)[0], before_other), kTolerance);  // planned later
}

TEST(FusedGraph, ThreadsShareIt) {
  torch::manual_seed(6);
  Backbone network("mobilenet_v2", BackboneOptions{.classes = 7});
  settle(*network);
  const auto fused = fused_classifier(*network);
  std::vector<Tensor> images, alone, together(4);
  for (int i = 0; i < 4; ++i) {
    images.push_back(torch::rand({1, 3, 64, 64 + 32 * (i / 2)}));
    alone.push_back(fused.run(images.back())[0]);
  }
  const int threads = torch::get_num_threads();
  std::vector<std::thread> workers;
  for (std::size_t i = 0; i < 4; ++i)
    workers.emplace_back([&, i] {
      torch::set_num_threads(1);
      for (int k = 0; k < 3; ++k) together[i] = fused.run(images[i])[0];
    });
  for (auto& worker : workers) worker.join();
  EXPECT_EQ(torch::get_num_threads(), threads);
  for (std::size_t i = 0; i < 4; ++i) EXPECT_LT(error_between(together[i], alone[i]), kTolerance);
}

TEST(FusedGraph, RoundsToBf16WhereAsked) {
  torch::manual_seed(7);
  const torch::NoGradGuard no_grad;
  for (const std::string name : {"resnet18", "mobilenet_v3_small", "efficientnet_lite0"}) {
    Backbone network(name, BackboneOptions{.classes = 7});
    settle(*network);
    const auto images = torch::rand({2, 3, 64, 96});
    const auto fused = fused_classifier(*network, ops::PrecisionChoice::kBf16);
    const bool has_bf16 = ops::has_bf16(ops::Products::kLibTorch);
    EXPECT_EQ(fused.precision(), has_bf16 ? ops::Precision::kBf16 : ops::Precision::kFp32);
    // 8 bits of a mantissa: 0.4 % of each value, and what 20 layers make of it.
    EXPECT_LT(error_between(fused.run(images)[0], network->forward(images)),
              has_bf16 ? 0.05 : kTolerance)
        << name;
  }
}

TEST(FusedGraph, CountsOperations) {
  // torchvision's documentation: 4.09 and 0.30 thousand million multiply-adds.
  EXPECT_NEAR(fused_classifier(*Backbone("resnet50")).operations(224, 224), 2 * 4.089e9, 2e7);
  EXPECT_NEAR(fused_classifier(*Backbone("mobilenet_v2")).operations(224, 224), 2 * 0.3008e9, 2e6);
}

TEST(FusedGraph, WhatCannotBeIsRefused) {
  Backbone network("resnet18");
  EXPECT_EQ(error_of([&] { FusedGraph(*network, {}); }),
            "a network without wanted layers has nothing to compute");
  EXPECT_EQ(error_of([&] { FusedGraph(*network, {{999}}); }),
            "a wanted layer must be in 0..69, got 999");
  EXPECT_EQ(error_of([&] {
              FusedGraph(*network, {{1}}, {.statistics = {.mean = {0.5}, .deviation = {1}}});
            }),
            "statistics must be of 3 channels or none, got 1 means and 1 deviations");
  const auto fused = fused_classifier(*network);
  EXPECT_EQ(
      error_of([&] {
        (void)fused.run(torch::rand({1, 1, 32, 32}));
      }),
      "images must be [B,3,H,W] of real numbers on the CPU, got [1, 1, 32, 32] of Float on cpu");
  EXPECT_EQ(error_of([&] { (void)fused.run({}); }),
            "images must be [B,3,H,W] of real numbers on the CPU, got none");
  EXPECT_EQ(error_of([&] {
              (void)fused_classifier(*Backbone("alexnet")).run(torch::rand({1, 3, 30, 400}));
            }),
            "images of 30 x 400 are too small: layer 6 must be given at least a window of 3 "
            "pixels, got 2 x 49 and 0 of padding");
}

}  // namespace fused_graph_test
}  // namespace clew::nn
