// SPDX-License-Identifier: Apache-2.0
// Modes of transfer learning on drawn scenes; whole runs are in tests/cli/classify_test.py.
#include <gtest/gtest.h>
#include <torch/torch.h>

#include "clew/classify/systems.h"
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
}

TEST(Transfer, SmoothedCrossEntropyIsTorchs) {
  torch::manual_seed(1);
  const auto logits = torch::randn({6, 4}),
             targets = torch::tensor({0, 3, 1, 1, 2, 0}, torch::kInt64);
  const auto near = [](const torch::Tensor& a, const torch::Tensor& b) {
    return (a - b).abs().max().item<double>() < 1e-6;
  };
  for (const double smoothing : {0.0, 0.1, 0.7}) {
    const auto wanted =
        torch::cross_entropy_loss(logits, targets, {}, at::Reduction::None, -100, smoothing);
    EXPECT_TRUE(near(smoothed_cross_entropy(logits, targets, smoothing, {}), wanted));
  }
  const auto weights = torch::tensor({1.0F, 2.0F, 0.5F, 3.0F});
  EXPECT_TRUE(near(smoothed_cross_entropy(logits, targets, 0, weights),
                   torch::cross_entropy_loss(logits, targets, weights, at::Reduction::None)));
}

TEST(Transfer, WeightsOfClassesWeighSlices) {
  auto config = small();
  config.class_weights = std::vector<std::string>(12, "1");
  config.class_weights[0] = "3";
  const TransferTask task(config);
  data::Batch outputs, batch;
  const auto logits = torch::randn({4, 12});
  outputs.set("logits", logits);
  batch.set("label", torch::tensor({0, 1, 0, 5}));
  const auto whole = task.loss(outputs, batch, Key{});
  EXPECT_EQ(whole.weight.value(), 8);
  const auto first = task.loss(outputs.slice(0, 1), batch.slice(0, 1), Key{}),
             rest = task.loss(outputs.slice(1, 4), batch.slice(1, 4), Key{});
  EXPECT_NEAR(whole.value.item<double>(),
              (first.value.item<double>() * 3 + rest.value.item<double>() * 5) / 8, 1e-5);
  const auto weights = torch::ones({12});
  weights[0] = 3;
  EXPECT_NEAR(whole.value.item<double>(),
              torch::cross_entropy_loss(logits, batch["label"], weights).item<double>(), 1e-5);
  config.class_weights = {"1", "2"};
  EXPECT_TRUE(error_of<UsageError>([&] {
                TransferTask made(config);
              }).starts_with("class_weights must be [\"balanced\"] or a weight for each of 12 "));
  config.class_weights[0] = "nan";
  config.class_weights.resize(12, "1");
  EXPECT_EQ(error_of<UsageError>([&] { TransferTask made(config); }),
            "class_weights must be numbers above 0, got 'nan'");
}

TEST(Transfer, MixedPicturesLoseByTheirShares) {
  auto config = small();
  config.mixup = 0.4;
  const TransferTask task(config);
  EXPECT_EQ(task.train_set().columns().size(), 4U);
  EXPECT_EQ(task.validation_set().columns().size(), 2U);
  const auto logits = torch::randn({2, 12});
  data::Batch outputs, batch;
  outputs.set("logits", logits);
  batch.set("label", torch::tensor({0, 1}));
  batch.set("other_label", torch::tensor({4, 5}));
  batch.set("share", torch::tensor({0.25F, 1.0F}));
  const auto alone = [&](std::int64_t row, std::int64_t label) {
    return torch::cross_entropy_loss(logits.slice(0, row, row + 1), torch::tensor({label}))
        .item<double>();
  };
  EXPECT_NEAR(task.loss(outputs, batch, Key{}).value.item<double>(),
              (0.25 * alone(0, 0) + 0.75 * alone(0, 4) + alone(1, 1)) / 2, 1e-5);
}

TEST(Transfer, TheLastLayerOnFeaturesIsTheNetwork) {
  torch::manual_seed(1);
  auto config = small();
  config.start.weights = "w.pth";
  const TransferTask task(config);
  const auto network = task.make_network();
  network->eval();
  const torch::NoGradGuard no_grad;
  const auto prefix = task.frozen_prefix(
      *network, [](const std::string& name) { return !name.starts_with("classifier.3."); });
  ASSERT_TRUE(prefix.has_value());
  data::Batch batch;
  batch.set("image", torch::rand({2, 3, 64, 64}));
  const auto features = prefix->run(*network, batch);
  EXPECT_EQ(features["features"].size(1), prefix->outputs[0].shape[0]);
  EXPECT_TRUE(torch::equal(task.forward(*network, features, Key{})["logits"],
                           task.forward(*network, batch, Key{})["logits"]));
  EXPECT_FALSE(
      task.frozen_prefix(*network,
                         [](const std::string& name) { return name.starts_with("features."); })
          .has_value());
}

TEST(Transfer, AugmentationFollowsWhatIsKept) {
  auto config = small();
  config.data.views.train = {"random_crop=64x64"};
  config.data.views.eval = {"resize=64x64"};
  EXPECT_EQ(resolved_augmentation(config), Augmentation::kViews);  // from scratch
  config.start.weights = "w.pth";
  EXPECT_EQ(resolved_augmentation(config), Augmentation::kNone);
  config.train.kept_versions = 4;
  EXPECT_EQ(resolved_augmentation(config), Augmentation::kViews);
  const auto differs = [&](Augmentation augment) {
    config.data.augment = augment;
    const auto set = open_pictures(config, data::Split::kTrain);
    EXPECT_EQ(set->get(0, Key{})["image"].size(2), 64);
    return !torch::equal(set->get(0, Key{1})["image"], set->get(0, Key{2})["image"]);
  };
  EXPECT_FALSE(differs(Augmentation::kNone));
  for (const auto random : {Augmentation::kLight, Augmentation::kViews, Augmentation::kStrong})
    EXPECT_TRUE(differs(random)) << name_of(random);
}

TEST(Transfer, ScenesOfSomeClasses) {
  auto config = small();
  config.data.scene_classes = {"star", "ball"};
  const auto set = open_pictures(config, data::Split::kTrain);
  EXPECT_EQ(set->class_names(), config.data.scene_classes);
  EXPECT_EQ(set->get(3, Key{})["label"].item<std::int64_t>(), 1);
  config.data.scene_classes = {"sta"};
  const auto error =
      error_of<UsageError>([&] { (void)open_pictures(config, data::Split::kTrain); });
  EXPECT_NE(error.find("got 'sta'; did you mean 'star'?"), std::string::npos) << error;
}

}  // namespace transfer_test
}  // namespace clew::classify
