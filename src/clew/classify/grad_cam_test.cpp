// SPDX-License-Identifier: Apache-2.0
#include "clew/classify/grad_cam.h"

#include <gtest/gtest.h>
#include <torch/torch.h>

#include "tests/support/expect_error.h"

namespace clew::classify {
namespace {

TEST(GradCam, IsTheGradientsMeanTimesTheMap) {
  torch::manual_seed(3);
  nn::Backbone network("mobilenet_v3_small", nn::BackboneOptions{.classes = 5});
  network->eval();
  const auto image = torch::rand({3, 96, 64});
  const auto heat = grad_cam(*network, image, 2);
  ASSERT_EQ(heat.sizes(), (std::vector<std::int64_t>{96, 64}));
  EXPECT_GE(heat.min().item<float>(), 0);
  EXPECT_FLOAT_EQ(heat.max().item<float>(), 1);
  // From central differences of the logit by each channel of the map, moved everywhere alike.
  const torch::NoGradGuard no_grad;
  const auto map = network->feature_maps().back().name;
  const auto features = network->maps(image.unsqueeze(0), {map})[0].to(torch::kFloat64);
  network->to(torch::kFloat64);
  auto sum = torch::zeros({features.size(2), features.size(3)}, torch::kFloat64);
  constexpr double kStep = 1e-4;
  for (std::int64_t c = 0; c < features.size(1); ++c) {
    const auto logit = [&](double step) {
      auto moved = features.clone();
      moved.select(1, c).add_(step);
      return network->from_map(map, moved)[0][2].item<double>();
    };
    sum += features[0][c] * ((logit(kStep) - logit(-kStep)) / (2 * kStep));
  }
  sum = sum.relu().unsqueeze(0).unsqueeze(0);
  auto wanted = at::upsample_bilinear2d(sum, {96, 64}, false)[0][0];
  wanted = wanted / wanted.max();
  EXPECT_LT((wanted - heat).abs().max().item<double>(), 1e-3);
}

TEST(GradCam, RefusesAnOutputThatThereIsNot) {
  nn::Backbone network("mobilenet_v3_small", nn::BackboneOptions{.classes = 5});
  network->eval();
  expect_error(
      [&] {
        (void)grad_cam(*network, torch::rand({3, 64, 64}), 5);
      },
      "an output must be in 0..4, got 5 (grad_cam)");
}

TEST(DrawHeat, LeavesWhatIsColdAsItIs) {
  const auto image = torch::full({3, 1, 2}, 0.2F);
  const auto picture = draw_heat(image, torch::tensor({{0.0F, 1.0F}}));
  EXPECT_EQ(picture.pixels, (std::vector<std::uint8_t>{51, 51, 51, 173, 173, 20}));
}

}  // namespace
}  // namespace clew::classify
