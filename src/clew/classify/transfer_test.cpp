// SPDX-License-Identifier: Apache-2.0
// Modes of transfer learning on drawn scenes; whole runs are in tests/cli/classify_test.py.
#include <gtest/gtest.h>
#include <torch/torch.h>

#include "clew/classify/transfer_system.h"
#include "clew/classify/transfer_task.h"
#include "clew/core/error.h"
#include "tests/support/expect_error.h"

namespace clew::classify {
namespace transfer_test {

TransferConfig small() {
  TransferConfig config;
  config.backbone = "mobilenet_v3_small";
  config.data.scenes = 48;
  return config;
}

TEST(Transfer, ModesNeedWeightsOrNone) {
  auto config = small();
  EXPECT_EQ(resolved_mode(config), TransferMode::kScratch);
  config.mode = TransferMode::kLast;
  expect_error<UsageError>([&] { (void)resolved_mode(config); },
                           "mode = last needs start.weights, a file of weights or a run, got none");
  config.start.weights = "w.pth";
  EXPECT_EQ(resolved_mode(config), TransferMode::kLast);
  config.mode = TransferMode::kAuto;
  EXPECT_EQ(resolved_mode(config), TransferMode::kLast);
  config.mode = TransferMode::kScratch;
  expect_error<UsageError>([&] { (void)resolved_mode(config); },
                           "mode = scratch begins with new weights, got start.weights = 'w.pth'");
}

TEST(Transfer, RulesFollowTheMode) {
  auto config = small();
  config.start.weights = "w.pth";
  const auto settings = [&](TransferMode mode) {
    config.mode = mode;
    const TransferTask task(config);
    const auto network = task.make_network();
    return train::apply_rules(task.rules(*network),
                              {"features.0.0.weight", "classifier.0.weight", "classifier.3.bias"});
  };
  auto rules = settings(TransferMode::kLast);
  EXPECT_TRUE(rules[0].is_frozen);
  EXPECT_TRUE(rules[1].is_frozen);
  EXPECT_FALSE(rules[2].is_frozen);
  rules = settings(TransferMode::kSlow);
  EXPECT_EQ(rules[0].lr_factor, 0.1);
  EXPECT_EQ(rules[2].lr_factor, 1);
  rules = settings(TransferMode::kAll);
  EXPECT_EQ(rules[0].lr_factor, 1);
  EXPECT_FALSE(rules[0].is_frozen);
}

TEST(Transfer, TheNetworkTellsTheClassesOfTheDataApart) {
  torch::manual_seed(1);
  const auto config = small();
  const TransferTask task(config);
  const auto network = task.make_network();
  network->eval();
  const torch::NoGradGuard no_grad;
  data::Batch batch;
  batch.set("image", torch::rand({2, 3, 64, 64}));
  EXPECT_EQ(task.forward(*network, batch, Key{})["logits"].sizes(),
            (std::vector<std::int64_t>{2, 12}));
  EXPECT_EQ(task.train_set().size(), 48);
  EXPECT_EQ(task.test_set().size(), 12);
}

TEST(Transfer, ClassesThatChangedAreRefused) {
  auto config = small();
  config.data.classes = {"ant", "bee"};
  const auto error = error_of([&] { TransferTask task(config); });
  EXPECT_TRUE(error.starts_with("data.classes are ant, bee, but the pictures are of ")) << error;
  EXPECT_EQ(error_of([&] { TransferSystem().resolve(config); }), error);
  EXPECT_EQ(error_of([] { (void)make_backbone(TransferConfig()); }),
            "data.classes must name at least two classes, got 0");
}

}  // namespace transfer_test
}  // namespace clew::classify
