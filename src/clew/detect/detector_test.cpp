// SPDX-License-Identifier: Apache-2.0
// Detection without region proposals: regression of one box, classification of all windows.
#include "clew/detect/detector.h"

#include <gtest/gtest.h>
#include <torch/torch.h>

#include <algorithm>
#include <cmath>
#include <string>
#include <vector>

#include "clew/core/error.h"
#include "clew/core/text.h"
#include "clew/detect/detect_system.h"
#include "clew/detect/detect_task.h"
#include "clew/detect/one_box.h"
#include "clew/detect/windows.h"
#include "clew/ops/boxes/geometry.h"
#include "clew/train/rules.h"
#include "tests/support/expect_error.h"

namespace clew::detect {
namespace detector_test {

Objects objects_of(const std::vector<float>& edges, const std::vector<std::int64_t>& labels) {
  return {.boxes = torch::tensor(edges).view({-1, 4}),
          .labels = torch::tensor(labels, torch::kInt64),
          .masks = {}};
}

Windows new_windows(const WindowsOptions& options) {
  torch::manual_seed(1);
  return Windows(options);
}

OneBox new_one_box() {
  torch::manual_seed(1);
  return OneBox(
      OneBoxOptions{.classes = 3, .side = 64, .has_frozen_norms = false, .least_score = 0});
}

DetectConfig config_of(const std::string& network) {
  DetectConfig config;
  config.network = network;
  config.data.scenes = 16;
  config.data.scene_size = 64;
  config.regions.short_side = 64;
  config.regions.anchor_sizes = {16, 32, 64};
  return config;
}

TEST(BestDetections, AnOverlapOfOneSuppressesNothing) {
  const auto boxes = torch::tensor({0.1F, 0.3F, 10.7F, 9.9F}).repeat({6, 1}).contiguous();
  boxes[5].mul_(1 + 1e-6);
  const auto count = [&](double overlap) {
    return best_detections({.boxes = boxes,
                            .scores = torch::full({6}, 0.5),
                            .labels = torch::ones({6}, torch::kInt64),
                            .masks = {}},
                           {.least_score = 0, .overlap = overlap})
        .labels.numel();
  };
  EXPECT_EQ(count(1), 6);
  EXPECT_EQ(count(0.5), 1);
  // Pairs of any shape.
  torch::manual_seed(2);
  const auto corner = torch::rand({500, 2}) * 100, side = torch::rand({500, 2}) * 50 + 0.1;
  const auto many = torch::cat({corner, corner + side}, 1).repeat({2, 1});
  EXPECT_EQ(best_detections({.boxes = many,
                             .scores = torch::rand({1000}) + 0.1,
                             .labels = torch::ones({1000}, torch::kInt64),
                             .masks = {}},
                            {.least_score = 0, .overlap = 1, .most = 2000})
                .labels.numel(),
            1000);
}

TEST(Windows, OneConvolutionIsOneByOne) {
  const torch::NoGradGuard no_grad;
  auto options = WindowsOptions{.classes = 4, .short_side = 50, .sizes = {20, 32, 70}};
  options.detections.least_score = 0.2;
  options.detections.most = 5;
  auto network = new_windows(options);
  // Statistics of batches, as of a trained network.
  network->train();
  for (int step = 0; step < 30; ++step) (void)network->forward(torch::randn({4, 3, 64, 64}));
  network->eval();
  const auto image = torch::rand({3, 50, 67});
  const auto pyramid = network->pyramid(image);
  const auto whole = network->logits(pyramid, false), single = network->logits(pyramid, true);
  ASSERT_EQ(whole.sizes(), (std::vector<std::int64_t>{pyramid.boxes.size(0), 4}));
  EXPECT_TRUE(torch::allclose(whole, single, 1e-5, 1e-5))
      << (whole - single).abs().max().item<float>();
  EXPECT_GT(whole.std().item<float>(), 0.01F);
  EXPECT_EQ(network->forward(pyramid.window(0)).sizes(), (std::vector<std::int64_t>{1, 4, 1, 1}));

  options.is_one_by_one = true;
  auto slow = new_windows(options);
  for (auto& item : slow->named_parameters())
    item.value().copy_(network->named_parameters()[item.key()]);
  for (auto& item : slow->named_buffers()) item.value().copy_(network->named_buffers()[item.key()]);
  slow->eval();
  const auto ours = network->detect({image})[0], theirs = slow->detect({image})[0];
  ASSERT_GT(ours.labels.numel(), 0);
  ASSERT_EQ(ours.labels.numel(), theirs.labels.numel());
  EXPECT_TRUE(torch::allclose(ours.scores, theirs.scores, 1e-4, 1e-5));
}

TEST(Windows, BoxesByHand) {
  // A picture of 40 x 20, halved: centres at 0, 8, ... pixels of it, 32 pixels to each side.
  const auto boxes = window_boxes({20, 40}, {10, 20});
  ASSERT_EQ(boxes.sizes(), (std::vector<std::int64_t>{3 * 6, 4}));
  EXPECT_TRUE(boxes[0].equal(torch::tensor({0.0F, 0.0F, 32.0F, 20.0F})));
  EXPECT_TRUE(boxes[1].equal(torch::tensor({0.0F, 0.0F, 40.0F, 20.0F})));
  EXPECT_TRUE(boxes[5].equal(torch::tensor({8.0F, 0.0F, 40.0F, 20.0F})));
  // The same scale, and inside.
  const auto inner = window_boxes({80, 80}, {80, 80});
  EXPECT_TRUE(inner[10 * 21 + 5].equal(torch::tensor({4.0F, 24.0F, 36.0F, 56.0F})));
}

TEST(Windows, AWindowSeesThePixelsOfItsBox) {
  const auto network = new_windows({.classes = 2, .short_side = 96, .sizes = {16, 32, 64}});
  auto image = torch::zeros({3, 96, 120});
  const auto square = torch::tensor({{40.0F, 24.0F, 72.0F, 56.0F}});
  image.slice(1, 24, 56).slice(2, 40, 72).fill_(1);
  const auto pyramid = network->pyramid(image);
  std::vector<torch::Tensor> brightness;
  for (std::int64_t i = 0; i < pyramid.boxes.size(0); ++i)
    brightness.push_back(pyramid.window(i).mean());
  // The brightest window of the square's size is the square.
  const auto sides = pyramid.boxes.slice(1, 2) - pyramid.boxes.slice(1, 0, 2);
  const auto is_of_size = sides.eq(32).all(1);
  ASSERT_GT(is_of_size.sum().item<std::int64_t>(), 0);
  const auto found = torch::stack(brightness).masked_fill(is_of_size.logical_not(), -100).argmax();
  EXPECT_NEAR(ops::box_iou(square, pyramid.boxes[found].view({1, 4})).item<float>(), 1, 1e-5);
  const auto count = pyramid.boxes.size(0);
  EXPECT_EQ(error_of([&] { (void)pyramid.window(count); }),
            concat("number of a window must be in 0..", count - 1, ", got ", count));
}

TEST(Windows, LabelsAreOfTheObjectsTheyOverlap) {
  const auto boxes = torch::tensor({{0.0F, 0.0F, 10.0F, 10.0F},      // the object
                                    {0.0F, 0.0F, 10.0F, 6.0F},       // IoU 0.6
                                    {0.0F, 0.0F, 10.0F, 4.5F},       // 0.45
                                    {0.0F, 0.0F, 10.0F, 3.0F},       // 0.3
                                    {50.0F, 50.0F, 60.0F, 60.0F}});  // the long object's best
  const auto labels = window_labels(boxes, objects_of({0, 0, 10, 10, 50, 50, 100, 52}, {2, 1}));
  EXPECT_TRUE(labels.equal(torch::tensor({2, 2, -1, 0, 1}, torch::kInt64))) << labels;
  EXPECT_TRUE(window_labels(boxes, objects_of({}, {})).eq(0).all().item<bool>());
}

TEST(OneBox, TargetIsTheLargestObject) {
  const auto targets = one_box_targets(
      {objects_of({}, {}), objects_of({0, 0, 4, 4, 10, 0, 30, 20, 0, 0, 3, 3}, {1, 2, 1})},
      {{20, 40}, {20, 40}});
  EXPECT_TRUE(targets.labels.equal(torch::tensor({0, 2}, torch::kInt64)));
  EXPECT_TRUE(targets.boxes[1].allclose(torch::tensor({0.5F, 0.5F, 0.5F, 1.0F})));
}

TEST(OneBox, FindsOneObjectAtMost) {
  auto network = new_one_box();
  network->eval();
  const auto found = network->detect({torch::rand({3, 40, 64}), torch::rand({3, 64, 50})});
  ASSERT_EQ(found.size(), 2U);
  for (const auto& one : found) {
    ASSERT_EQ(one.labels.numel(), 1);
    EXPECT_GE(one.labels.item<std::int64_t>(), 1);
    EXPECT_EQ(one.boxes.sizes(), (std::vector<std::int64_t>{1, 4}));
    EXPECT_GE(one.boxes.min().item<float>(), 0);
    EXPECT_LE(one.boxes.max().item<float>(), 64);
  }
  EXPECT_EQ(network->propose_boxes({torch::rand({3, 40, 64})}, 9)[0].size(0), 0);
}

/// Pictures of 64 x 64 with a bright square in one corner, of class 1, or a dark one in another, of class 2.
TrainingPictures squares() {
  torch::manual_seed(3);
  TrainingPictures pictures;
  for (int i = 0; i < 4; ++i) {
    auto image = torch::rand({3, 64, 64}) * 0.1 + 0.4;
    const std::int64_t begin = i % 2 == 0 ? 4 : 28;
    image.slice(1, begin, begin + 32).slice(2, begin, begin + 32).fill_(i % 2 == 0 ? 1 : 0);
    pictures.images.push_back(image);
    const auto edge = static_cast<float>(begin);
    pictures.objects.push_back(objects_of({edge, edge, edge + 32, edge + 32}, {i % 2 + 1}));
  }
  return pictures;
}

void expect_falling_loss(Detector& network, double rate) {
  network.train();
  const auto pictures = squares();
  const TrainingOptions options{.sampled_proposals = 64};
  torch::optim::SGD optimizer(network.parameters(), torch::optim::SGDOptions(rate));
  const auto loss = [&] { return network.losses(pictures, Key{1}, options).sum(); };
  const double first = loss().item<double>();
  for (int step = 0; step < 3; ++step) {
    optimizer.zero_grad();
    loss().backward();
    optimizer.step();
  }
  EXPECT_LT(loss().item<double>(), first);
}

TEST(OneBox, ThreeStepsLowerTheLoss) { expect_falling_loss(*new_one_box(), 0.005); }

TEST(Windows, ThreeStepsLowerTheLoss) {
  expect_falling_loss(*new_windows({.classes = 3, .short_side = 64, .sizes = {16, 32, 64}}), 0.02);
}

TEST(Windows, TheKeyDecides) {
  auto network = new_windows({.classes = 3, .short_side = 64, .sizes = {16, 32, 64}});
  network->train();
  const auto loss = [&](std::uint64_t key) {
    return network->losses(squares(), Key{key}, {.sampled_proposals = 32}).sum().item<double>();
  };
  const double first = loss(1);
  EXPECT_EQ(loss(1), first);
  EXPECT_NE(loss(2), first);
}

/// Finite losses and gradients of all parameters where no picture has an object.
void expect_finite(Detector& network, bool has_box_loss) {
  network.train();
  const TrainingPictures pictures{.images = {torch::rand({3, 64, 64}), torch::rand({3, 50, 64})},
                                  .objects = {objects_of({}, {}), objects_of({}, {})}};
  const auto losses = network.losses(pictures, Key{1}, {});
  EXPECT_EQ(losses.boxes.defined(), has_box_loss);
  if (has_box_loss) {
    EXPECT_EQ(losses.boxes.item<float>(), 0);
  }
  EXPECT_GT(losses.classes.item<float>(), 0);
  losses.sum().backward();
  for (const auto& item : network.named_parameters()) {
    ASSERT_TRUE(item.value().grad().defined()) << item.key();
    EXPECT_TRUE(item.value().grad().isfinite().all().item<bool>()) << item.key();
  }
}

TEST(OneBox, PicturesWithoutObjects) { expect_finite(*new_one_box(), true); }

TEST(Windows, PicturesWithoutObjects) {
  expect_finite(*new_windows({.classes = 3, .short_side = 64, .sizes = {16, 64}}), false);
}

TEST(Windows, ObjectsThatCannotBe) {
  auto network = new_windows({.classes = 3});
  EXPECT_EQ(error_of([&] {
              (void)network->losses({{torch::rand({3, 40, 64})}, {objects_of({4, 4, 9, 9}, {3})}},
                                    Key{1}, {});
            }),
            "labels of picture 0 must be in 1..2, got 3");
  EXPECT_EQ(error_of([] { (void)Windows(WindowsOptions{.classes = 3, .sizes = {}}); }),
            "windows must have at least one size, got none");
}

TEST(DetectTask, TrainsAndEvaluatesEachApproach) {
  for (const auto* const name : {kOneBoxName, kWindowsName}) {
    torch::manual_seed(1);
    auto config = config_of(name);
    config.regions.least_score = 0;
    const DetectTask task(config);
    const auto network = task.make_network();
    const std::vector<std::int64_t> indices = {0, 1};
    auto batch = data::batch_of(task.train_set(), indices, data::keys_of(indices, Key{5}));
    batch.indices = torch::tensor(indices);
    network->train();
    const auto loss = task.loss(task.forward(*network, batch, Key{1}), batch, Key{1});
    EXPECT_TRUE(std::isfinite(loss.value.item<double>())) << name;
    EXPECT_EQ(loss.metrics.size(), name == std::string(kOneBoxName) ? 3U : 2U);
    network->eval();
    const torch::NoGradGuard no_grad;
    const auto outputs = task.forward(*network, batch, Key{});
    ASSERT_EQ(outputs.list("boxes").size(), 2U);
    EXPECT_GT(outputs.list("boxes")[0].size(0), 0) << name;
    EXPECT_EQ(task.monitor(), "ap");
  }
}

TEST(DetectTask, BodyOfOneBoxStartsAndFreezes) {
  auto config = config_of(kOneBoxName);
  config.frozen_stride = 4;
  config.body_rate = 0.1;
  const DetectTask task(config);
  const auto network = task.make_network();
  std::vector<std::string> names;
  for (const auto& item : network->named_parameters()) names.push_back(item.key());
  const auto settings = train::apply_rules(task.rules(*network), names);
  const auto of = [&](const std::string& name) {
    const auto found = std::ranges::find(names, name);
    EXPECT_NE(found, names.end()) << name;
    return settings[static_cast<std::size_t>(found - names.begin())];
  };
  EXPECT_TRUE(of("backbone.body.0.0.weight").is_frozen);
  EXPECT_EQ(of("backbone.body.18.0.weight").lr_factor, 0.1);
  EXPECT_EQ(of("head.logits.weight").lr_factor, 1);
  const DetectSystem system;
  using Names = std::vector<std::string>;
  EXPECT_EQ(system.start_names(config, "features.18.0.weight"), Names{"backbone.body.18.0.weight"});
  EXPECT_EQ(system.start_names(config, "head.box.bias"), Names{"head.box.bias"});
}

TEST(CheckNetwork, KeysThatANetworkCannotHave) {
  const auto error = [](const DetectConfig& config) {
    return error_of<UsageError>([&] { check_network(config); });
  };
  for (const auto& name : network_names()) EXPECT_EQ(error(config_of(name)), "no error");
  auto config = config_of(kWindowsName);
  config.training = DetectTraining::kAlternating;
  EXPECT_EQ(error(config), "training must be joint with network = windows, got alternating");
  config = config_of(kOneBoxName);
  config.masks = true;
  EXPECT_EQ(error(config), "masks must be false with network = one_box, got true");
  config = config_of(kOneBoxName);
  config.regions.one_by_one = true;
  EXPECT_EQ(error(config), "regions.one_by_one must be false with network = one_box, got true");
  config = config_of(kWindowsName);
  config.start.weights = "x.pth";
  EXPECT_EQ(error(config), "start.weights must be empty with network = windows, got 'x.pth'");

  const DetectSystem system;
  config = config_of(kWindowsName);
  config.data.classes = {"a"};
  const auto network = system.make_network(config);
  EXPECT_EQ(error_of<UsageError>(
                [&] { (void)system.export_plan(config, *network, nn::ExportFormat::kOnnx); }),
            "an export must be safetensors with network = windows, got onnx");
}

}  // namespace detector_test
}  // namespace clew::detect
