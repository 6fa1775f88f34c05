// SPDX-License-Identifier: Apache-2.0
#include "clew/ops/pixel_scores.h"

#include <gtest/gtest.h>
#include <torch/torch.h>

#include <cmath>
#include <limits>
#include <vector>

#include "clew/core/error.h"
#include "tests/support/expect_error.h"

namespace clew::ops {
namespace pixel_scores_test {

struct Shape {
  std::int64_t pictures, classes, rows, columns;  // of the map
  MapAxes axes;
  std::int64_t height, width;  // pixels
};

const std::vector<Shape>& shapes() {
  static const std::vector<Shape> kShapes = {
      {2,
       13,
       9,
       7,
       {{-0.4375, 0.125}, {-0.4375, 0.125}},
       72,
       56},                                                    // centres of half elements, stride 8
      {1, 21, 5, 6, {{-0.2, 0.125}, {0.3, 0.0625}}, 131, 33},  // beyond both ends, several blocks
      {3, 2, 4, 5, {}, 4, 5},                                  // the map's own elements
      {1, 1, 1, 1, {{0, 0.5}, {-3, 1}}, 3, 17},
      {1, 255, 2, 3, {{0, 0.25}, {0, 0.25}}, 8, 9},
  };
  return kShapes;
}

torch::Tensor random_classes(const Shape& shape) {
  const auto classes = torch::randint(shape.classes, {shape.pictures, shape.height, shape.width});
  return torch::where(torch::rand(classes.sizes()) < 0.2, torch::full_like(classes, 255), classes)
      .to(torch::kUInt8);
}

torch::Tensor random_scores(const Shape& shape) {
  return 3 * torch::randn({shape.pictures, shape.classes, shape.rows, shape.columns});
}

TEST(PixelScores, InterpolationIsLibTorchs) {
  const auto scores = torch::randn({2, 3, 5, 7}, torch::kFloat64);
  for (const double step : {0.25, 0.125, 0.3125}) {
    const auto size = [&](std::int64_t side) {
      return static_cast<std::int64_t>(static_cast<double>(side) / step);
    };
    const MapAxis rows{.first = 0.5 * 5 / static_cast<double>(size(5)) - 0.5,
                       .step = 5 / static_cast<double>(size(5))},
        columns{.first = 0.5 * 7 / static_cast<double>(size(7)) - 0.5,
                .step = 7 / static_cast<double>(size(7))};
    EXPECT_TRUE(torch::allclose(interpolate_scores(scores, {rows, columns}, size(5), size(7)),
                                torch::upsample_bilinear2d(scores, {size(5), size(7)}, false), 1e-5,
                                1e-6));
  }
}

TEST(PixelScores, LossAndGradientAreThoseOfAllPixels) {
  torch::manual_seed(1);
  for (const auto& shape : shapes()) {
    const auto scores = random_scores(shape).requires_grad_();
    const auto exact = scores.detach().to(torch::kFloat64).requires_grad_();
    const auto classes = random_classes(shape);
    for (const auto& weights : {torch::Tensor(), torch::rand({shape.classes})}) {
      const auto fast = pixel_cross_entropy(scores, shape.axes, classes, weights),
                 plain = pixel_cross_entropy(exact, shape.axes, classes, weights);
      EXPECT_EQ(fast.counted, plain.counted);
      EXPECT_EQ(fast.right, plain.right);
      EXPECT_NEAR(fast.weight, plain.weight, 1e-4 * plain.weight + 1e-9);
      const auto value = plain.sum.item<double>();
      EXPECT_NEAR(fast.sum.item<double>(), value, 1e-5 * std::abs(value) + 1e-6);
      const auto gradient = torch::autograd::grad({2 * fast.sum}, {scores})[0],
                 wanted = torch::autograd::grad({2 * plain.sum}, {exact})[0];
      EXPECT_LT((gradient - wanted).abs().max().item<double>(),
                1e-5 * wanted.abs().max().item<double>() + 1e-9);
    }
  }
}

TEST(PixelScores, AnyNumberOfThreadsGivesTheSameBytes) {
  torch::manual_seed(2);
  const Shape shape{2, 11, 30, 40, {{0, 0.125}, {0, 0.125}}, 240, 320};
  const auto scores = random_scores(shape).requires_grad_();
  const auto classes = random_classes(shape);
  const int before = torch::get_num_threads();
  std::vector<torch::Tensor> gradients, sums;
  for (const int threads : {1, 2, 3}) {
    torch::set_num_threads(threads);
    sums.push_back(pixel_cross_entropy(scores, shape.axes, classes).sum);
    gradients.push_back(torch::autograd::grad({sums.back()}, {scores})[0]);
  }
  torch::set_num_threads(before);
  for (std::size_t i = 1; i < sums.size(); ++i) {
    EXPECT_TRUE(torch::equal(sums[i], sums[0]));
    EXPECT_TRUE(torch::equal(gradients[i], gradients[0]));
  }
}

TEST(PixelScores, ClassesAreTheLargestScores) {
  torch::manual_seed(3);
  for (const auto& shape : shapes()) {
    const auto scores = random_scores(shape);
    const auto classes = pixel_classes(scores, shape.axes, shape.height, shape.width);
    const auto logits = interpolate_scores(scores, shape.axes, shape.height, shape.width);
    const auto chosen = logits.gather(1, classes.to(torch::kInt64).unsqueeze(1)).squeeze(1);
    EXPECT_LT((std::get<0>(logits.max(1)) - chosen).max().item<double>(), 1e-5);
  }
}

TEST(PixelScores, NothingCountedIsZero) {
  const auto scores = torch::randn({1, 3, 2, 2}, torch::requires_grad());
  const auto loss = pixel_cross_entropy(scores, {}, torch::full({1, 2, 2}, 255, torch::kUInt8));
  EXPECT_EQ(loss.sum.item<double>(), 0);
  EXPECT_EQ(loss.weight, 0);
  EXPECT_EQ(torch::autograd::grad({loss.sum}, {scores})[0].abs().max().item<double>(), 0);
}

TEST(PixelScores, NotANumberIsNotHidden) {
  auto scores = torch::zeros({1, 3, 2, 2});
  scores[0][2][1][1] = std::numeric_limits<float>::quiet_NaN();
  const auto loss = pixel_cross_entropy(scores, {}, torch::zeros({1, 2, 2}, torch::kUInt8));
  EXPECT_TRUE(std::isnan(loss.sum.item<double>()));
}

TEST(PixelScores, WhatCannotBe) {
  const auto scores = torch::zeros({1, 3, 2, 2});
  expect_error(
      [&] {
        (void)pixel_cross_entropy(scores, {}, torch::full({1, 1, 1}, 3, torch::kUInt8));
      },
      "the class of a pixel must be in 0..2 or 255, got 3");
  expect_error(
      [&] {
        (void)pixel_cross_entropy(scores, {}, torch::zeros({1, 2, 2}));
      },
      "scores must be [B,C,h,w] and classes [B,H,W] of Byte on one device, got [1, 3, 2, 2] on "
      "cpu and [1, 2, 2] of Float on cpu (pixel_cross_entropy)");
  expect_error(
      [&] {
        (void)pixel_cross_entropy(scores, {}, torch::zeros({1, 2, 2}, torch::kUInt8),
                                  torch::ones({2}));
      },
      "weights must be [3], got [2] (pixel_cross_entropy)");
  expect_error([&] { (void)pixel_classes(scores, {}, 0, 2); },
               "pictures must have pixels, got 0 x 2");
}

}  // namespace pixel_scores_test
}  // namespace clew::ops
