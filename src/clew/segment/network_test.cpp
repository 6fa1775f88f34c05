// SPDX-License-Identifier: Apache-2.0
// Shapes, alignment and initial weights. torchvision's networks beside theirs: tests/parity/segment_parity_test.cpp.
#include "clew/segment/network.h"

#include <gtest/gtest.h>
#include <torch/torch.h>

#include <cmath>
#include <map>
#include <string>
#include <vector>

#include "clew/core/error.h"
#include "clew/nn/backbones/backbone.h"
#include "clew/nn/export/onnx.h"
#include "clew/nn/weights.h"
#include "clew/segment/fcn.h"
#include "tests/support/expect_error.h"

namespace clew::segment {
namespace network_test {

torch::Tensor logits_of(const SegmentationNetwork& network, const torch::Tensor& images) {
  const torch::NoGradGuard no_grad;
  return network.forward(images).logits();
}

/// Scores and upsampling that are not those of the start.
void perturb(torch::nn::Module& network) {
  const torch::NoGradGuard no_grad;
  for (const auto& item : network.named_parameters())
    if (!item.key().starts_with("backbone.")) {
      auto parameter = item.value();
      parameter.add_(0.05 * torch::randn_like(parameter));
    }
}

TEST(SegmentationNetwork, LogitsOfEveryPictureHaveItsSize) {
  torch::manual_seed(1);
  std::vector<NetworkOptions> all = {
      {.network = "fcn_resnet50", .backbone = "resnet50", .output_stride = 8, .classes = 3},
      {.network = "deeplabv3_resnet50", .backbone = "resnet50", .output_stride = 8, .classes = 3}};
  for (const char* backbone : {"resnet18", "mobilenet_v2", "efficientnet_lite0"})
    for (const char* network : {"fcn32s", "fcn16s", "fcn8s"})
      all.push_back({.network = network, .backbone = backbone, .classes = 3});
  all.push_back({.network = "fcn32s", .output_stride = 8, .classes = 3});
  all.push_back({.network = "fcn8s", .output_stride = 16, .classes = 3});
  for (const std::int64_t stride : {16, 8})
    for (const char* backbone : {"resnet18", "mobilenet_v2", "efficientnet_lite0"})
      all.push_back({.network = "dilated",
                     .backbone = backbone,
                     .output_stride = stride,
                     .classes = 3,
                     .context = nn::ContextSize::kLarge});
  all.push_back({.network = "fcn8s", .classes = 3, .context = nn::ContextSize::kBasic});
  for (const auto& options : all) {
    const auto network = make_network(options);
    network->eval();
    for (const auto& [height, width] : {std::pair{33, 47}, std::pair{1, 7}, std::pair{64, 32}}) {
      const auto logits = logits_of(*network, torch::rand({2, 3, height, width}));
      EXPECT_EQ(logits.sizes(), torch::IntArrayRef({2, 3, height, width})) << options.network;
      if (options.backbone != "resnet50" && !options.context) {  // scores begin with zeros
        EXPECT_EQ(logits.abs().max().item<float>(), 0) << options.network;
      }
    }
  }
}

TEST(SegmentationNetwork, AShiftByTheStrideShiftsTheLogits) {
  torch::manual_seed(2);
  // Receptive fields of 435 pixels: what is compared sees no border.
  const auto network = make_network({.network = "fcn8s", .backbone = "resnet18", .classes = 4});
  perturb(*network);
  network->eval();
  const auto picture = torch::rand({1, 3, 736, 736});
  const auto a = logits_of(*network, picture.slice(2, 0, 704).slice(3, 0, 704)),
             b = logits_of(*network, picture.slice(2, 32, 736).slice(3, 32, 736));
  const auto inner = [](const torch::Tensor& logits, std::int64_t from) {
    return logits.slice(2, from, from + 64).slice(3, from, from + 64);
  };
  const auto wanted = inner(a, 320);
  EXPECT_GT(wanted.std().item<double>(), 1e-3);
  EXPECT_LT(((inner(b, 288) - wanted).abs().max() / wanted.abs().max()).item<double>(), 1e-4);
}

/// Weights of `from` in modules of the same names.
void copy_state(const torch::nn::Module& from, const torch::nn::Module& to) {
  const torch::NoGradGuard no_grad;
  std::map<std::string, torch::Tensor> state;
  for (auto& [name, tensor] : nn::state_of(to)) state[name] = tensor;
  for (const auto& [name, tensor] : nn::state_of(from)) {
    ASSERT_TRUE(state.contains(name)) << name;
    state.at(name).copy_(tensor);
  }
}

TEST(SegmentationNetwork, DilatedScoresAreAtEachStrideThoseOfStrides) {
  torch::manual_seed(5);
  const torch::NoGradGuard no_grad;
  const auto picture = torch::rand({1, 3, 160, 192}, torch::kFloat64);
  for (const std::string backbone : {"resnet18", "mobilenet_v2"}) {
    Fcn strided(NetworkOptions{.network = "fcn32s", .backbone = backbone, .classes = 3});
    perturb(*strided);
    strided->to(torch::kFloat64);
    strided->eval();
    const auto coarse = strided->coarse_scores(picture);
    EXPECT_GT(coarse.std().item<double>(), 1e-3);
    for (const std::int64_t stride : {16, 8}) {
      Fcn dilated(NetworkOptions{
          .network = "dilated", .backbone = backbone, .output_stride = stride, .classes = 3});
      dilated->to(torch::kFloat64);
      dilated->eval();
      copy_state(*strided, *dilated);
      const auto fine = dilated->coarse_scores(picture);
      const auto step = 32 / stride;
      EXPECT_TRUE(torch::allclose(
          fine.slice(2, 0, fine.size(2), step).slice(3, 0, fine.size(3), step), coarse, 1e-9, 1e-9))
          << backbone << ' ' << stride;
      EXPECT_EQ(dilated->layers().back().geometry.field, strided->layers().back().geometry.field);
    }
  }
}

TEST(SegmentationNetwork, FrontEndOfVggIsThePapers) {
  const NetworkOptions options{
      .network = "dilated", .backbone = "vgg16", .output_stride = 8, .classes = 3};
  const Fcn network(options);
  EXPECT_EQ(network->score_geometry().stride, 8);
  EXPECT_EQ(network->score_geometry().offset, 3.5);
  std::map<std::string, nn::LayerRow> rows;
  int pools = 0;
  for (const auto& row : network->layers()) {
    rows[row.name] = row;
    pools += static_cast<int>(row.name == "backbone.max_pool");
  }
  EXPECT_EQ(pools, 3);
  EXPECT_EQ(rows.at("backbone.features.21").dilation, 1);  // conv4_3
  for (const char* name : {"24", "26", "28"})              // conv5
    EXPECT_EQ(rows.at(std::string("backbone.features.") + name).dilation, 2) << name;
  EXPECT_EQ(rows.at("fc6").dilation, 4);
  // 92 of conv4_3, 3 windows of 2 * 2 and one of 4 * 6 elements of 8 pixels.
  EXPECT_EQ(rows.at("fc6").geometry.field, 92 + 8 * (3 * 4 + 24));
  EXPECT_EQ(rows.at("score").geometry.field, rows.at("fc6").geometry.field);
}

TEST(SegmentationNetwork, AContextPassesScoresOnAndLearns) {
  torch::manual_seed(6);
  NetworkOptions options{
      .network = "dilated", .backbone = "mobilenet_v2", .output_stride = 8, .classes = 4};
  Fcn plain(options);
  {
    const torch::NoGradGuard no_grad;  // scores above 0, which every ReLU passes
    plain->named_parameters()["score.bias"].fill_(0.5);
  }
  const auto picture = torch::rand({1, 3, 64, 72});
  for (const auto size : {nn::ContextSize::kBasic, nn::ContextSize::kLarge}) {
    options.context = size;
    Fcn network(options);
    copy_state(*plain, *network);
    plain->eval();
    network->eval();
    {
      const torch::NoGradGuard no_grad;
      const auto wanted = torch::relu(plain->coarse_scores(picture));
      const auto got = network->coarse_scores(picture);
      EXPECT_GT(wanted.max().item<double>(), 0);
      EXPECT_LT(((got - wanted).abs().max() / wanted.max()).item<double>(),
                size == nn::ContextSize::kBasic ? 1e-5 : 0.5);
    }
    network->forward(picture).logits().pow(2).sum().backward();
    for (const auto& item : network->named_parameters()) {
      if (item.key().starts_with("backbone.")) continue;
      ASSERT_TRUE(item.value().grad().defined()) << item.key();
      EXPECT_GT(item.value().grad().abs().max().item<double>(), 0) << item.key();
    }
    const auto rows = network->layers();
    ASSERT_GE(rows.size(), 9U);
    // 66 more elements of 8 pixels than the scores see.
    EXPECT_EQ(rows.back().geometry.field, rows[rows.size() - 9].geometry.field + 8 * 66);
  }
}

TEST(SegmentationNetwork, TablesOfLayers) {
  const auto rows_of = [](const NetworkOptions& options) {
    std::map<std::string, nn::LayerRow> rows;
    for (const auto& row : make_network(options)->layers()) rows[row.name] = row;
    return rows;
  };
  const auto skips = rows_of({.network = "fcn16s", .backbone = "resnet18", .classes = 3});
  EXPECT_EQ(skips.at("score").geometry.field, 435);
  EXPECT_EQ(skips.at("score16").geometry.stride, 16);
  EXPECT_EQ(skips.at("up16").stride, 0.5);
  EXPECT_EQ(skips.at("up16").geometry.field, 435 + 32);
  const auto theirs = rows_of(
      {.network = "deeplabv3_resnet50", .backbone = "resnet50", .output_stride = 8, .classes = 3});
  EXPECT_EQ(theirs.at("classifier.0.convs.3.0").dilation, 36);
  EXPECT_EQ(theirs.at("classifier.0.convs.3.0").geometry.field, 427 + 8 * 72);
  EXPECT_TRUE(std::isinf(theirs.at("classifier.4").geometry.field));
}

TEST(SegmentationNetwork, FirstCentresAreTheBackbones) {
  for (const auto& [backbone, offset] :
       {std::pair("mobilenet_v2", 0.0), std::pair("efficientnet_lite0", 7.0)}) {
    const Fcn network(NetworkOptions{.network = "fcn8s", .backbone = backbone});
    EXPECT_EQ(network->score_geometry().stride, 8) << backbone;
    EXPECT_EQ(network->score_geometry().offset, offset) << backbone;
  }
}

TEST(SegmentationNetwork, SurgeryOfVggGivesItsClassifier) {
  torch::manual_seed(3);
  const torch::NoGradGuard no_grad;
  constexpr std::int64_t kClasses = 5;
  const NetworkOptions options{.network = "fcn32s", .backbone = "vgg16", .classes = kClasses};
  nn::Backbone backbone("vgg16");
  Fcn network(options);
  EXPECT_EQ(network->score_geometry().offset, 15.5);
  backbone->eval();
  network->eval();
  // A picture smaller than the stride.
  EXPECT_EQ(logits_of(*network, torch::rand({1, 3, 1, 7})).sizes(),
            torch::IntArrayRef({1, kClasses, 1, 7}));
  std::map<std::string, torch::Tensor> state;
  for (auto& [name, tensor] : nn::state_of(*network)) state[name] = tensor;
  for (const auto& [name, tensor] : nn::state_of(*backbone)) {
    for (const auto& own : start_names(options, name)) {
      ASSERT_TRUE(state.contains(own)) << own;
      state.at(own).copy_(start_value(own, tensor));
    }
    if (name == "classifier.6.weight")
      state.at("score.weight").copy_(tensor.slice(0, 0, kClasses).view({kClasses, 4096, 1, 1}));
    if (name == "classifier.6.bias") state.at("score.bias").copy_(tensor.slice(0, 0, kClasses));
  }
  const auto picture = torch::rand({1, 3, 224, 224});
  // fc6 sees all of the last map at its middle.
  const auto got = network->coarse_scores(picture)[0].select(1, 3).select(1, 3);
  const auto wanted = backbone->forward(picture)[0].slice(0, 0, kClasses);
  EXPECT_LT(((got - wanted).abs().max() / wanted.abs().max()).item<double>(), 1e-4);
}

TEST(SegmentationNetwork, NamesOfInitialWeights) {
  using Names = std::vector<std::string>;
  const NetworkOptions mobile{.backbone = "mobilenet_v2"}, vgg{.backbone = "vgg16"},
      theirs{.network = "fcn_resnet50", .backbone = "resnet50", .output_stride = 8};
  EXPECT_EQ(start_names(mobile, "features.0.0.weight"), (Names{"backbone.features.0.0.weight"}));
  EXPECT_EQ(start_names(mobile, "classifier.1.weight"), Names{});
  EXPECT_EQ(start_names(mobile, "score16.weight"), (Names{"score16.weight"}));
  EXPECT_EQ(start_names(vgg, "classifier.0.bias"), (Names{"fc6.bias"}));
  EXPECT_EQ(start_names(vgg, "classifier.6.bias"), Names{});
  EXPECT_EQ(start_names(mobile, "context.conv1.weight"), (Names{"context.conv1.weight"}));
  EXPECT_EQ(start_names(theirs, "layer1.0.conv1.weight"),
            (Names{"backbone.layer1.0.conv1.weight"}));
  EXPECT_EQ(start_names(theirs, "aux_classifier.4.bias"), (Names{"aux_classifier.4.bias"}));
  EXPECT_EQ(start_value("fc6.weight", torch::ones({8, 2 * 49})).sizes(),
            torch::IntArrayRef({8, 2, 7, 7}));
}

TEST(SegmentationNetwork, OnnxGraphIsTheNetwork) {
  torch::manual_seed(4);
  for (const auto& options : std::vector<NetworkOptions>{
           {.network = "fcn8s", .backbone = "mobilenet_v2", .classes = 3},
           {.network = "fcn16s", .backbone = "efficientnet_lite0", .classes = 3},
           {.network = "dilated",
           .backbone = "mobilenet_v2",
           .output_stride = 8,
           .classes = 3,
           .context = nn::ContextSize::kLarge},
           {.network = "deeplabv3_resnet50",
           .backbone = "resnet50",
           .output_stride = 8,
           .classes = 3}}) {
    const auto network = make_network(options);
    perturb(*network);
    nn::check_onnx(*network,
                   [&](const std::vector<torch::Tensor>& inputs) {
                     return std::vector<torch::Tensor>{network->forward(inputs.at(0)).logits()};
                   },
                   {.inputs = {{.name = "images",
                                .shape = {nn::kOnnxBatch, 3, nn::kOnnxFree, nn::kOnnxFree},
                                .example_size = {33, 47}}},
                    .outputs = {{.name = "logits"}}});
  }
}

TEST(SegmentationNetwork, WhatCannotBe) {
  expect_error<UsageError>(
      [] { (void)make_network({.network = "fcn16s", .output_stride = 16}); },
      "network = fcn16s needs an output_stride above 16, got 16; fcn32s takes the last map alone, "
      "of any stride");
  expect_error<UsageError>(
      [] { (void)make_network({.network = "fcn_resnet50"}); },
      "network = fcn_resnet50 needs backbone = resnet50 and output_stride = 8, got mobilenet_v2 "
      "and 32");
  expect_error<UsageError>([] { (void)make_network({.output_stride = 4}); },
                           "network = fcn8s needs an output_stride above 8, got 4; fcn32s takes "
                           "the last map alone, of any stride");
  expect_error<UsageError>([] { (void)make_network({.network = "fcn32s", .output_stride = 24}); },
                           "output stride must be 32, 16 or 8, got 24");
  expect_error<UsageError>([] { (void)make_network({.network = "dilated"}); },
                           "network = dilated needs output_stride = 8 or 16, got 32");
  expect_error<UsageError>(
      [] {
        (void)make_network({.network = "fcn_resnet50",
                            .backbone = "resnet50",
                            .output_stride = 8,
                            .context = nn::ContextSize::kBasic});
      },
      "network = fcn_resnet50 takes no context, which is for fcn32s, fcn16s, fcn8s and dilated, "
      "got "
      "context = basic");
  expect_error<UsageError>([] { (void)make_network({.classes = 1}); },
                           "a segmentation must have 2..255 classes, got 1");
}

}  // namespace network_test
}  // namespace clew::segment
