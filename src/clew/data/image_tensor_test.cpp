// SPDX-License-Identifier: Apache-2.0
#include "clew/data/image_tensor.h"

#include <gtest/gtest.h>
#include <torch/torch.h>

#include "clew/core/error.h"
#include "tests/support/expect_error.h"

namespace clew::data {
namespace image_tensor_test {

TEST(ImageTensor, PlanesInZeroToOneAndBack) {
  const image::Image picture{.width = 2, .height = 1, .pixels = {0, 51, 102, 255, 204, 153}};
  const auto tensor = to_tensor(picture);
  EXPECT_EQ(tensor.sizes(), (torch::IntArrayRef{3, 1, 2}));
  EXPECT_TRUE(tensor.flatten().allclose(torch::tensor({0.F, 1.F, .2F, .8F, .4F, .6F})));
  EXPECT_EQ(to_image(tensor).pixels, picture.pixels);
  const image::Image grey{.width = 1, .height = 2, .channels = 1, .pixels = {255, 0}};
  EXPECT_TRUE(to_tensor(grey).equal(torch::tensor({1.F, 0.F}).reshape({1, 2, 1})));
  EXPECT_EQ(to_image(to_tensor(grey)).channels, 1);
  EXPECT_TRUE(to_tensor(image::to_float(picture)).equal(tensor));
}

TEST(ImageTensor, EveryByteComesBackThroughANormalisation) {
  image::Image picture = image::blank(16, 16);
  for (std::size_t i = 0; i < picture.pixels.size(); ++i)
    picture.pixels[i] = static_cast<std::uint8_t>(i / 3);
  const auto statistics = ops::imagenet_statistics();
  const auto tensor = to_tensor(picture, statistics);
  EXPECT_NEAR(tensor[0][0][0].item<float>(), -.485 / .229, 1e-6);
  EXPECT_NEAR(tensor[2][15][15].item<float>(), (1 - .406) / .225, 1e-6);
  EXPECT_EQ(to_image(tensor, statistics).pixels, picture.pixels);
}

TEST(ImageTensor, WhatLiesOutsideIsCutOff) {
  EXPECT_EQ(to_image(torch::tensor({-1.F, 2.F, NAN}).reshape({1, 1, 3})).pixels,
            (std::vector<std::uint8_t>{0, 255, 0}));
}

TEST(ImageTensor, OneSentencePerError) {
  expect_error(
      [] {
        (void)to_image(torch::zeros({2, 1, 1}));
      },
      "a picture's tensor must be [1|3,H,W] of Float, got [2, 1, 1] of Float");
  expect_error(
      [] {
        (void)to_image(torch::zeros({3, 1, 1}, torch::kUInt8));
      },
      "a picture's tensor must be [1|3,H,W] of Float, got [3, 1, 1] of Byte");
  expect_error([] { (void)to_image({}); },
               "a picture's tensor must be [1|3,H,W] of Float, got nothing");
  expect_error([] { (void)to_tensor(image::blank(1, 1, 1), ops::imagenet_statistics()); },
               "images of 1 channels need as many means and deviations, got 3 and 3");
}

}  // namespace image_tensor_test
}  // namespace clew::data
