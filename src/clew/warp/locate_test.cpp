// SPDX-License-Identifier: Apache-2.0
#include "clew/warp/locate.h"

#include <gtest/gtest.h>
#include <torch/torch.h>

#include <array>
#include <cmath>
#include <memory>
#include <vector>

#include "clew/core/error.h"
#include "clew/train/supervised.h"
#include "clew/warp/locate_system.h"
#include "tests/support/expect_error.h"

namespace clew::warp {
namespace locate_test {

TEST(PairHinge, ByHand) {
  // Distances between cuts: 1, 4, 1; to their pieces: 4, 1, 0.
  const auto cuts = torch::tensor({{0.0}, {1.0}, {2.0}}, torch::kFloat64).requires_grad_();
  const auto pieces = torch::tensor({{2.0}, {0.0}, {2.0}}, torch::kFloat64);
  const auto loss = pair_hinge(cuts, pieces, 1);
  // Rows: (1-4+1, 4-4+1), (1-1+1, 1-1+1), (4-0+1, 1-0+1), each not below 0.
  EXPECT_NEAR(loss.item<double>(), (0 + 1 + 1 + 1 + 5 + 2) / 6.0, 1e-12);
  loss.backward();
  // By hand, in the active terms: pairs (0,2), (1,0), (1,2), (2,0), (2,1).
  const double g0 = (2 * (0 - 2) - 2 * (0 - 2) + 2 * (0 - 1) + 2 * (0 - 2)) / 6.0;
  EXPECT_NEAR(cuts.grad()[0][0].item<double>(), g0, 1e-12);
  EXPECT_THROW(pair_hinge(torch::zeros({1, 3}), torch::zeros({1, 3}), 1), Error);
}

TEST(Locator, BoxesAreWhatIsCutOut) {
  LocateConfig config;
  config.scale = 28.0 / 84;
  config.encoder_network.transform.reset();
  torch::manual_seed(1);
  Locator locator(config, 84);
  {
    const torch::NoGradGuard no_grad;
    for (auto& item : locator->named_parameters())
      if (item.key() == "transformer0.localiser.last.bias") {
        item.value()[1] = 2 * (30 + 14) / 84.0 - 1;  // the square that begins at (30, 10)
        item.value()[2] = 2 * (10 + 14) / 84.0 - 1;
      }
  }
  const auto image = torch::rand({1, 1, 84, 84});
  const auto cut = locator->cut(0, image);
  EXPECT_LT((cut - image.narrow(2, 10, 28).narrow(3, 30, 28)).abs().max().item<double>(), 1e-4);
  const auto box = locator->boxes();
  for (int k = 0; k < 4; ++k)
    EXPECT_NEAR(box[0][k].item<double>(), (std::array{30, 10, 58, 38})[static_cast<std::size_t>(k)],
                1e-4);
  // A shift in pixels moves the crop, not the box.
  const auto moved = locator->cut(0, image, torch::tensor({{-3.F, 5.F}}));
  EXPECT_LT((moved - image.narrow(2, 15, 28).narrow(3, 27, 28)).abs().max().item<double>(), 1e-4);
  EXPECT_TRUE(torch::equal(locator->boxes(), box));
}

TEST(Locator, ItsSideLearnsAtATenthOfThePlacesRate) {
  LocateConfig config;
  config.scale = 0.4;
  config.encoder_network.transform.reset();
  Locator locator(config, 84);
  {
    const torch::NoGradGuard no_grad;
    for (auto& item : locator->named_parameters())
      if (item.key() == "transformer0.localiser.last.bias") item.value()[0] = 0.6;
  }
  locator->cut(0, torch::rand({1, 1, 84, 84}));
  const auto box = locator->boxes();
  EXPECT_NEAR((box[0][2] - box[0][0]).item<double>(), 0.42 * 84, 1e-4);
}

TEST(Locator, FeaturesOfDigitsHaveOneLengthAndOfNothingNone) {
  LocateConfig config;
  config.encoder_network.transform.reset();
  torch::manual_seed(1);
  Locator locator(config, 84);
  const auto digits = torch::rand({50, 1, 28, 28});
  locator->measure(digits);
  const auto features = locator->features(digits);
  const auto width = locator->encoder->width();
  // 10 x 10 and 2 x 2 places behind the pooling, and ten logits.
  EXPECT_EQ(features.sizes(), torch::IntArrayRef({50, (100 + 4) * width + 10}));
  // 0.3 + 0.7 + 2, each divided by 1 + 0.3^2, for all digits are about as long as their mean.
  EXPECT_NEAR(features.square().sum(1).mean().item<double>(), 3 / 1.09, 0.05);
  // Nothing is what measure() subtracts, up to the rounding of sums whose order depends on the batch
  // and the CPU: features are below 1, and each is a sum of few hundred numbers.
  EXPECT_LT(locator->features(torch::zeros({2, 1, 28, 28})).abs().max().item<double>(), 1e-6);
}

TEST(Locator, FindsAMassWhereverItLies) {
  // The localisation network's 16 outputs are translation-equivariant.
  LocateConfig config;
  config.encoder_network.transform.reset();
  torch::manual_seed(1);
  Locator locator(config, 84);
  {
    const torch::NoGradGuard no_grad;
    for (auto& item : locator->named_parameters()) {
      if (item.key() == "transformer0.localiser.net.conv1.weight" ||
          item.key() == "transformer0.localiser.net.conv2.weight")
        item.value().fill_(0.05);
      if (item.key() == "transformer0.localiser.last.weight") {
        item.value().zero_();
        item.value()[1][0] = item.value()[2][8] = 1;  // x and y of the first map
      }
    }
  }
  auto images = torch::zeros({2, 1, 84, 84});
  images[0].narrow(1, 20, 12).narrow(2, 24, 12).fill_(1);
  images[1].narrow(1, 40, 12).narrow(2, 44, 12).fill_(1);  // 20 pixels down and to the right
  locator->cut(0, images);
  const auto boxes = locator->boxes();
  for (int k = 0; k < 4; ++k)
    EXPECT_NEAR((boxes[1][k] - boxes[0][k]).item<double>(), 20 * 84 / 80.0, 1e-2);
}

TEST(LocateTask, TheStartWithTheLeastLossCounts) {
  LocateConfig config;
  config.data.source = data::DigitsSource::kProcedural;
  config.data.count = 5;
  config.train.batch = 3;  // pictures in two batches
  config.encoder_network.transform.reset();
  config.apart = 0;
  config.starts = 2;
  const LocateTask task(config);
  torch::manual_seed(1);
  Locator locator(config, task.side());
  for (const std::size_t outside : {0, 1}) {
    // One is outside of the picture, where all crops are equal, the other at its centre.
    const torch::NoGradGuard no_grad;
    for (std::size_t i = 0; i < 2; ++i)
      locator->named_parameters()["transformer" + std::to_string(i) + ".localiser.last.bias"][1] =
          i == outside ? 9 : 0;
    const auto& set = task.test_set();
    const std::vector<torch::nn::Module*> networks = {locator.ptr().get()};
    const auto evaluated = train::evaluate(task, networks, set, {.batch = config.train.batch});
    EXPECT_EQ(dynamic_cast<LocateEvaluator&>(*evaluated).best_start(), outside);
    const auto measures = evaluated->result();
    EXPECT_EQ(measures.at(0).name, "loss");
    EXPECT_NEAR(measures.at(0).value, config.margin, 1e-6);
    EXPECT_EQ(measures.at(1).value, 1);
    const auto batch = data::batch_of(set, {0, 1}, data::keys_of({0, 1}, Key{}));
    const auto loss = task.loss(task.forward(*locator, batch, Key{}), batch, Key{});
    EXPECT_NEAR(*loss.metrics.at(0).value, config.margin, 1e-6);
    EXPECT_EQ(*loss.metrics.at(1).value, 1);  // share of boxes that missed
    EXPECT_GT(loss.value.item<double>(), 2 * config.margin);
  }
}

TEST(LocateTask, SlicesSeeThePairsOfTheWholeBatch) {
  LocateConfig config;
  config.data.source = data::DigitsSource::kProcedural;
  config.data.count = 12;
  config.starts = 2;
  config.encoder_network.transform.reset();
  config.train.steps = 1;
  config.train.batch = 12;
  config.train.optimizer = train::OptimizerKind::kSgd;
  config.train.momentum = 0;
  const LocateTask task(config);
  const auto weights = [&](int workers) {
    auto options = config.train;
    options.workers = workers;
    train::Supervised learner(task, options, Key{3});
    learner.update();
    const auto parameters = learner.network().named_parameters();
    return torch::cat({parameters["transformer0.localiser.last.weight"].detach().flatten(),
                       parameters["transformer1.localiser.net.conv1.weight"].detach().flatten()});
  };
  const auto one = weights(1);
  for (const int workers : {2, 3, 12})  // of twelve each slice is one picture, without any pair
    EXPECT_LT((one - weights(workers)).abs().max().item<double>(), 1e-6) << workers;
}

TEST(LocateRun, ABatchHoldsPairs) {
  LocateConfig config;
  config.train.batch = 1;
  expect_error<UsageError>(
      [&] { check_pairs(config); },
      "train.batch must be at least 2, for the loss is of pairs of pictures, got 1");
  config.train.batch = 2;
  check_pairs(config);
}

TEST(LocateRun, WantsAnEncoder) {
  LocateConfig config;
  expect_error<UsageError>(
      [&] { (void)LocateSystem().resolve(config); },
      "encoder must be the run folder of a network that reads plain digits, got none; `clew "
      "train warp/plain` makes one");
}

}  // namespace locate_test
}  // namespace clew::warp
