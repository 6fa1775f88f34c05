// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>
#include <torch/torch.h>

#include "clew/classify/localise_task.h"
#include "clew/core/error.h"
#include "tests/support/expect_error.h"

namespace clew::classify {
namespace localise_test {

LocaliseConfig small() {
  LocaliseConfig config;
  config.backbone = "mobilenet_v3_small";
  config.data.scenes = 48;
  return config;
}

TEST(Localise, BoxesComeFromCentreAndSides) {
  const auto boxes = boxes_of(torch::tensor({{9.0F, 0.5F, 0.25F, 0.5F, 0.125F}}));
  EXPECT_TRUE(torch::equal(boxes, torch::tensor({{0.25F, 0.1875F, 0.75F, 0.3125F}})));
}

TEST(Localise, PlacesAreSharesOfTheViewedPicture) {
  auto config = small();
  config.data.views.eval = {"resize=64x32"};
  const LocaliseTask task(config);
  const auto example = task.test_set().get(3, Key{});
  EXPECT_EQ(example["image"].sizes(), (std::vector<std::int64_t>{3, 32, 64}));
  config.data.views.eval = {};
  const auto plain = LocaliseTask(config).test_set().get(3, Key{});
  EXPECT_LT((plain["relative_box"] - example["relative_box"]).abs().max().item<double>(), 1e-6);
}

TEST(Localise, LossAndMeasures) {
  auto config = small();
  config.box_weight = 4;
  config.data.scene_classes = {"ball", "star"};
  data::Batch outputs, batch;
  // Class right and box right; class right, box beside; class wrong, box right.
  outputs.set("logits", torch::tensor({{5.0F, 0.0F, 0.5F, 0.5F, 0.5F, 0.5F},
                                       {0.0F, 5.0F, 0.9F, 0.9F, 0.1F, 0.1F},
                                       {0.0F, 5.0F, 0.5F, 0.5F, 0.5F, 0.5F}}));
  batch.set("label", torch::tensor({0, 1, 0}));
  batch.set("relative_box", torch::tensor({0.25F, 0.25F, 0.75F, 0.75F}).repeat({3, 1}));
  batch.indices = torch::arange(3);
  const auto classes =
      torch::cross_entropy_loss(outputs["logits"].slice(1, 0, 2), batch["label"]).item<double>();
  const double squares = (2 * 0.4 * 0.4 + 2 * 0.4 * 0.4) / 12;  // of the second's four numbers
  EXPECT_NEAR(LocaliseTask(config).loss(outputs, batch, Key{}).value.item<double>(),
              classes + 4 * squares, 1e-5);
  config.box_loss = BoxLoss::kSmoothL1;
  EXPECT_NEAR(LocaliseTask(config).loss(outputs, batch, Key{}).value.item<double>(),
              classes + 4 * (4 * (0.4 - 0.05)) / 12, 1e-5);
  LocaliseEvaluator evaluator({"ball", "star"});
  evaluator.add(outputs, batch);
  const auto measures = evaluator.result();
  EXPECT_NEAR(measures[0].value, 1.0 / 3, 1e-12);
  EXPECT_NEAR(measures[1].value, 2.0 / 3, 1e-6);
  EXPECT_NEAR(measures[2].value, 1.0 / 3, 1e-12);
}

TEST(Localise, AFolderHasNoBoxes) {
  auto config = small();
  config.data.dir = "photos";
  expect_error<UsageError>(
      [&] { LocaliseTask task(config); },
      "data.dir must be empty, for folders by class have no boxes, got 'photos'");
}

}  // namespace localise_test
}  // namespace clew::classify
