// SPDX-License-Identifier: Apache-2.0
// Loss and task on drawn scenes; whole runs are in tests/cli/segment_test.py.
#include <gtest/gtest.h>
#include <torch/torch.h>

#include <cmath>
#include <string>
#include <vector>

#include "clew/core/error.h"
#include "clew/data/views.h"
#include "clew/segment/pixel_evaluator.h"
#include "clew/segment/segment_system.h"
#include "clew/segment/segment_task.h"
#include "clew/train/rules.h"
#include "tests/support/expect_error.h"

namespace clew::segment {
namespace segment_test {

SegmentConfig small() {
  SegmentConfig config;
  config.network = "fcn16s";
  config.data.scenes = 24;
  config.data.scene_size = 64;
  return config;
}

data::Batch some(const data::Dataset& set, const std::vector<std::int64_t>& indices) {
  auto batch = data::batch_of(set, indices, data::keys_of(indices, Key{5}));
  batch.indices = torch::tensor(indices);
  return batch;
}

TEST(PixelLoss, ByHand) {
  const auto logits = torch::tensor({0.F, 1.F, 0.F, 0.F, 0.F, 2.F}).view({1, 2, 1, 3});
  const auto targets = torch::tensor({0, 1, 255}, torch::kUInt8).view({1, 1, 3});
  const double first = std::log(2), second = std::log(1 + std::exp(1));
  const auto plain = pixel_loss({logits}, targets);
  EXPECT_NEAR(plain.value.item<double>(), (first + second) / 2, 1e-6);
  EXPECT_EQ(plain.weight, 2);
  const auto weighted = pixel_loss({logits}, targets, torch::tensor({1.F, 3.F}));
  EXPECT_NEAR(weighted.value.item<double>(), (first + 3 * second) / 4, 1e-6);
  EXPECT_EQ(weighted.weight, 4);
}

TEST(PixelLoss, NothingCountedIsZero) {
  const auto logits = torch::randn({2, 3, 4, 5}, torch::requires_grad());
  for (const auto& weights : {torch::Tensor(), torch::ones({3})}) {
    const auto loss =
        pixel_loss({logits}, torch::full({2, 4, 5}, data::kVoid, torch::kUInt8), weights);
    EXPECT_EQ(loss.value.item<double>(), 0);
    EXPECT_EQ(loss.weight, 0);
    EXPECT_EQ(loss.metrics[1].value, 0);
    loss.value.backward();
    EXPECT_EQ(logits.grad().abs().max().item<double>(), 0);
  }
}

TEST(SegmentTask, AFewStepsLowerTheLoss) {
  torch::manual_seed(1);
  const SegmentTask task(small());
  const auto network = task.make_network();
  network->train();
  const auto batch = some(task.train_set(), {0, 1, 2, 3});
  torch::optim::SGD optimiser(network->parameters(), torch::optim::SGDOptions(0.005));
  std::vector<double> losses;
  for (int i = 0; i < 4; ++i) {
    optimiser.zero_grad();
    const auto loss = task.loss(task.forward(*network, batch, Key{1}), batch, Key{1});
    losses.push_back(loss.value.item<double>());
    EXPECT_EQ(loss.weight, 4 * 64 * 64);
    loss.value.backward();
    optimiser.step();
  }
  EXPECT_NEAR(losses[0], std::log(13), 1e-5);  // scores begin with zeros
  EXPECT_LT(losses[3], losses[0] - 0.05);
}

TEST(SegmentTask, PicturesOfOtherSizes) {
  torch::manual_seed(2);
  const SegmentTask task(small());
  const auto network = task.make_network();
  data::Batch batch;
  batch.set_list("image", {torch::rand({3, 40, 33}), torch::rand({3, 1, 50})});
  batch.set_list("mask",
                 {torch::zeros({40, 33}, torch::kUInt8), torch::ones({1, 50}, torch::kUInt8)});
  batch.indices = torch::tensor({0, 1});
  network->train();
  const auto trained = task.forward(*network, batch, Key{1});
  EXPECT_EQ(trained["scores"].sizes(), torch::IntArrayRef({2, 13, 4, 4}));
  EXPECT_EQ(task.loss(trained, batch, Key{1}).weight, 40 * 33 + 50);
  network->eval();
  const torch::NoGradGuard no_grad;
  const auto outputs = task.forward(*network, batch, Key{1});
  EXPECT_EQ(outputs.list("classes")[1].sizes(), torch::IntArrayRef({1, 50}));
  const auto evaluator = task.make_evaluator();
  evaluator->add(outputs, batch);
  EXPECT_EQ(dynamic_cast<PixelEvaluator&>(*evaluator).confusion().total(), 40 * 33 + 50);
}

TEST(SegmentTask, BiasesOfConvolutionsLearnFaster) {
  const SegmentTask task(small());
  const auto network = task.make_network();
  std::vector<std::string> names;
  for (const auto& item : network->named_parameters()) names.push_back(item.key());
  const auto settings = train::apply_rules(task.rules(*network), names);
  int fast = 0;
  for (std::size_t i = 0; i < names.size(); ++i) {
    const bool is_bias = names[i] == "score.bias" || names[i] == "score16.bias";
    EXPECT_EQ(settings[i].lr_factor, is_bias ? 2 : 1) << names[i];
    fast += is_bias ? 1 : 0;
  }
  EXPECT_EQ(fast, 2);
}

TEST(SegmentTask, InverseFrequencies) {
  auto config = small();
  config.class_weights = ClassWeights::kInverseFrequency;
  const SegmentSystem system;
  (void)system.resolve(config);
  ASSERT_EQ(config.data.shares.size(), 13U);
  double sum = 0;
  for (const auto share : config.data.shares) sum += share;
  EXPECT_NEAR(sum, 1, 1e-9);
  torch::manual_seed(3);
  const SegmentTask task(config);
  const auto network = task.make_network();
  network->train();
  const auto batch = some(task.train_set(), {0, 1});
  const auto loss = task.loss(task.forward(*network, batch, Key{1}), batch, Key{1});
  EXPECT_NEAR(loss.value.item<double>(), std::log(13), 1e-5);
  config.data.shares.pop_back();
  expect_error<UsageError>([&] { const SegmentTask wrong(config); },
                           "data.shares must be one for each of 13 classes, got 12");
}

TEST(SegmentSystem, WhatCannotBe) {
  const SegmentSystem system;
  auto config = small();
  config.data.views.eval = {"crop=32x32"};
  expect_error<UsageError>([&] { (void)system.resolve(config); },
                           "data.eval_views must be resize or resize_short, for all of a picture "
                           "is segmented, got 'crop=32x32'");
  config = small();
  config.data.ignored = {"ball"};
  expect_error<UsageError>([&] { (void)system.resolve(config); },
                           "data.ignored is for masks of data.dir, and drawn scenes have none");
}

TEST(SegmentSystem, OutputStrideIsTheNetworksOwn) {
  const SegmentSystem system;
  auto config = small();
  const auto resolved = [&](const std::string& network) {
    auto own = config;
    own.network = network;
    (void)system.resolve(own);
    return own.output_stride;
  };
  EXPECT_EQ(resolved("fcn16s"), 32);
  EXPECT_EQ(resolved("dilated"), 8);
  config.output_stride = 16;
  EXPECT_EQ(resolved("dilated"), 16);
  config.output_stride = 0;
  EXPECT_EQ(system.layers(config).back().name, "up16");
}

}  // namespace segment_test
}  // namespace clew::segment
