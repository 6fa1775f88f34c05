// SPDX-License-Identifier: Apache-2.0
// Shapes, geometry, strides and errors of backbones. Parity with torchvision:
// tests/parity/backbones_parity_test.cpp.
#include "clew/nn/backbones/backbone.h"

#include <gtest/gtest.h>
#include <torch/torch.h>

#include <map>
#include <string>
#include <vector>

#include "clew/core/config.h"
#include "clew/core/error.h"
#include "clew/nn/export/export.h"
#include "clew/nn/weights.h"
#include "tests/support/expect_error.h"

namespace clew::nn {
namespace backbone_test {

/// Random parameters and buffers, as after training.
void settle(BackboneImpl& network) {
  const torch::NoGradGuard no_grad;
  for (auto& [name, tensor] : state_of(network)) {
    torch::Tensor own = tensor;
    if (name.ends_with("running_var")) own.uniform_(0.5, 1.5);
    if (name.ends_with("running_mean")) own.normal_(0, 0.1);
  }
  network.eval();
}

const std::vector<std::string> kSmall = {"resnet18", "mobilenet_v2", "mobilenet_v3_small",
                                         "efficientnet_lite0"};

TEST(Backbones, MapsHaveTheirStridesAndChannels) {
  torch::manual_seed(1);
  const torch::NoGradGuard no_grad;
  const auto images = torch::rand({1, 3, 64, 96});
  for (const auto& name : kSmall) {
    Backbone network(name, BackboneOptions{.classes = 7});
    settle(*network);
    EXPECT_EQ(network->forward(images).sizes(), (std::vector<std::int64_t>{1, 7})) << name;
    std::vector<std::string> names;
    for (const auto& map : network->feature_maps()) names.push_back(map.name);
    const auto maps = network->maps(images, names);
    for (std::size_t i = 0; i < names.size(); ++i) {
      const auto& map = network->feature_maps()[i];
      const auto stride = static_cast<std::int64_t>(map.geometry.stride);
      EXPECT_EQ(maps[i].sizes(),
                (std::vector<std::int64_t>{1, map.channels, 64 / stride, 96 / stride}))
          << name << " " << map.name;
    }
    EXPECT_EQ(network->feature_maps().back().geometry.stride, 32) << name;
    const auto features = network->features(images);
    EXPECT_EQ(features.size(1), network->feature_count());
    EXPECT_TRUE(torch::allclose(network->classify(features), network->forward(images))) << name;
  }
}

TEST(Backbones, KnowWhereTheirMapsLie) {
  const auto geometry = [](const std::string& name, const std::string& map) {
    return Backbone(name)->feature_map(map).geometry;
  };
  // Windows of 3 with a pad of 1 and stride 2 look at pixel 2i, TensorFlow's at 2i + 1.
  EXPECT_EQ(geometry("resnet18", "layer1").stride, 4);
  EXPECT_EQ(geometry("resnet18", "layer1").offset, 0);
  EXPECT_EQ(geometry("resnet18", "layer4").stride, 32);
  EXPECT_EQ(geometry("resnet18", "layer4").offset, 0);
  EXPECT_EQ(geometry("mobilenet_v2", "features.18").offset, 0);
  EXPECT_EQ(geometry("efficientnet_lite0", "blocks.0").offset, 1);
  EXPECT_EQ(geometry("efficientnet_lite0", "blocks.1").offset, 1 + 2 * 1);
}

TEST(Backbones, ZfHasItsPublishedSizes) {
  torch::manual_seed(6);
  Backbone network("zf", BackboneOptions{.classes = 5});
  const auto images = torch::rand({2, 3, 96, 128});
  const auto maps = network->maps(images, {"conv1", "pool1", "conv2", "pool2", "conv5"});
  using Shape = std::vector<std::int64_t>;
  EXPECT_EQ(maps[0].sizes(), (Shape{2, 96, 48, 64}));
  EXPECT_EQ(maps[1].sizes(), (Shape{2, 96, 24, 32}));
  EXPECT_EQ(maps[2].sizes(), (Shape{2, 256, 12, 16}));
  EXPECT_EQ(maps[3].sizes(), (Shape{2, 256, 6, 8}));
  EXPECT_EQ(maps[4].sizes(), (Shape{2, 256, 6, 8}));
  EXPECT_EQ(network->feature_map("conv5").geometry.stride, 16);
  EXPECT_EQ(network->feature_map("conv5").geometry.offset, 0);
  EXPECT_EQ(network->feature_count(), 4096);
  const auto logits = network->forward(images);
  EXPECT_EQ(logits.sizes(), (Shape{2, 5}));
  logits.pow(2).sum().backward();
  for (const auto& item : network->named_parameters()) {
    ASSERT_TRUE(item.value().grad().defined()) << item.key();
    EXPECT_TRUE(item.value().grad().isfinite().all().item<bool>()) << item.key();
    EXPECT_GT(item.value().grad().abs().max().item<double>(), 0) << item.key();
  }
}

TEST(LayerGraph, AResponseNormByHand) {
  LayerGraph graph;
  const auto y = graph.response_norm(graph.input(), {.side = 3, .alpha = 0.9, .beta = 2});
  auto x = torch::zeros({1, 3, 2, 2});
  x[0][1] = torch::tensor({{1.0F, 2.0F}, {3.0F, 4.0F}});
  const auto out = graph.run(x, {y})[0];
  // Each window holds all four of 1 + 4 + 9 + 16, of nine places.
  EXPECT_TRUE(torch::allclose(out, x / 16));
}

TEST(Backbones, AShiftedPictureShiftsTheMap) {
  torch::manual_seed(2);
  const torch::NoGradGuard no_grad;
  const auto images = torch::rand({1, 3, 192, 192}, torch::kFloat64);
  const auto shifted = torch::roll(images, {16, 16}, {2, 3});
  for (const auto& [name, map] :
       {std::pair{"resnet18", "layer3"}, std::pair{"mobilenet_v2", "features.13"},
        std::pair{"efficientnet_lite0", "blocks.10"}}) {
    Backbone network(name);
    network->to(torch::kFloat64);
    settle(*network);
    ASSERT_EQ(network->feature_map(map).geometry.stride, 16) << name;
    const auto before = network->maps(images, {map})[0], after = network->maps(shifted, {map})[0];
    // Element 6 of 12 is far from the border for most of its receptive field.
    EXPECT_LT((before.slice(2, 5, 6).slice(3, 5, 6) - after.slice(2, 6, 7).slice(3, 6, 7))
                  .abs()
                  .max()
                  .item<double>(),
              0.05 * before.abs().max().item<double>())
        << name;
  }
}

TEST(Backbones, DilationComputesWhatStridesSkip) {
  torch::manual_seed(3);
  const torch::NoGradGuard no_grad;
  const auto images = torch::rand({1, 3, 128, 128}, torch::kFloat64);
  for (const std::string name : {"resnet18", "resnet50", "mobilenet_v2", "efficientnet_lite0"}) {
    Backbone strided(name), dilated(name, BackboneOptions{.output_stride = 8});
    strided->to(torch::kFloat64);
    dilated->to(torch::kFloat64);
    settle(*strided);
    load_weights(*dilated, state_of(*strided), "the strided network");
    dilated->eval();
    const auto& map = strided->feature_maps().back().name;
    EXPECT_EQ(dilated->feature_maps().back().geometry.stride, 8) << name;
    const auto coarse = strided->maps(images, {map})[0], fine = dilated->maps(images, {map})[0];
    EXPECT_EQ(fine.size(2), 16) << name;
    const auto skipped = fine.slice(2, 0, 16, 4).slice(3, 0, 16, 4);
    if (name == "efficientnet_lite0")
      continue;  // whose windows lie elsewhere without their strides
    EXPECT_TRUE(torch::allclose(coarse, skipped, 1e-9, 1e-9)) << name;
  }
}

TEST(Backbones, DropoutDrawsFromTheKey) {
  torch::manual_seed(4);
  Backbone network("mobilenet_v2");
  settle(*network);
  const auto images = torch::rand({2, 3, 32, 32});
  const Key one{1}, two{2};
  const auto plain = network->forward(images);
  EXPECT_TRUE(torch::equal(network->forward(images, &one), plain));  // evaluation has none
  const auto features = network->features(images);
  network->train();
  EXPECT_TRUE(torch::equal(network->classify(features), plain));
  EXPECT_TRUE(torch::equal(network->classify(features, &one), network->classify(features, &one)));
  EXPECT_FALSE(torch::equal(network->classify(features, &one), network->classify(features, &two)));
}

TEST(Backbones, TheirOnnxComputesTheSame) {
  torch::manual_seed(5);
  const torch::NoGradGuard no_grad;
  const auto folder = std::filesystem::temp_directory_path() / "clew_backbone_test";
  std::filesystem::create_directories(folder);
  auto names = kSmall;
  names.emplace_back("zf");  // the one with response norms
  for (const auto& name : names) {
    Backbone network(name, BackboneOptions{.classes = 5});
    settle(*network);
    // Compares the graph with forward, at two sizes where they are free.
    const auto side = name == "zf" ? 224 : kOnnxFree;
    export_network(*network,
                   [&](const auto& inputs) { return std::vector{network->forward(inputs.at(0))}; },
                   folder / "net.onnx",
                   {.inputs = {{"images", {kOnnxBatch, 3, side, side}}}, .outputs = {{"logits"}}});
    EXPECT_GT(std::filesystem::file_size(folder / "net.onnx"), 1'000'000U) << name;
  }
  std::filesystem::remove_all(folder);
}

TEST(Backbones, WhatCannotBeIsRefused) {
  expect_error<UsageError>(
      [] { Backbone network("resnet81"); },
      "a backbone must be one of alexnet, zf, vgg16, vgg16_bn, resnet18, resnet34, resnet50, "
      "mobilenet_v2, "
      "mobilenet_v3_small, mobilenet_v3_large, efficientnet_lite0, got 'resnet81'; did you mean "
      "'resnet18'?");
  expect_error<UsageError>(
      [] { Backbone network("resnet18", BackboneOptions{.output_stride = 4}); },
      "output stride must be 32, 16 or 8, got 4");
  Backbone network("resnet18");
  EXPECT_EQ(error_of([&] {
              (void)network->maps(torch::rand({1, 3, 32, 32}), {"layer5"});
            }),
            "resnet18 has the maps conv1, layer1, layer2, layer3, layer4, and no 'layer5'; did you "
            "mean 'layer1'?");
  EXPECT_EQ(error_of([&] {
              (void)network->forward(torch::rand({1, 1, 32, 32}));
            }),
            "images must be [B,3,H,W] of real numbers, got [1, 1, 32, 32] of Float");
}

}  // namespace backbone_test
}  // namespace clew::nn
