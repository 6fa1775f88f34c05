// SPDX-License-Identifier: Apache-2.0
#include "clew/warp/pictures.h"

#include <gtest/gtest.h>
#include <torch/torch.h>

#include <memory>

#include "clew/core/error.h"
#include "clew/data/distorted_digits.h"
#include "clew/train/classification.h"

namespace clew::warp {
namespace pictures_test {

TEST(DigitPicture, ColoursByHand) {
  const auto grey = digit_picture(torch::tensor({{{0.0F, 1.0F}, {0.5F, 2.0F}}}), 2);
  EXPECT_EQ(grey.width, 4);
  EXPECT_EQ(grey.height, 4);
  EXPECT_EQ(std::vector<std::uint8_t>(grey.pixels.begin(), grey.pixels.begin() + 12),
            (std::vector<std::uint8_t>{0, 0, 0, 0, 0, 0, 255, 255, 255, 255, 255, 255}));
  EXPECT_EQ(grey.pixels[24], 128);
  EXPECT_EQ(grey.pixels.back(), 255);
  const auto two = digit_picture(torch::tensor({{{1.0F}}, {{0.0F}}}), 1);
  EXPECT_EQ(two.pixels, (std::vector<std::uint8_t>{0, 128, 255}));
  EXPECT_THROW(digit_picture(torch::zeros({3, 2, 2}), 1), Error);
}

TEST(DrawWarps, ShowsGridsAndOutputs) {
  const auto digits = std::make_shared<data::DrawnDigits>(data::DrawnDigitsOptions{.size = 20});
  const data::AddedDigits set(digits, data::distortion_of(data::DigitsKind::kRts),
                              {.key = Key{1}, .is_fixed = true});
  NetworkConfig config{
      .body = BodyKind::kFcn, .transformers = 2, .warp_size = 28, .parameters = 300'000};
  torch::manual_seed(1);
  DigitNetwork network(config, DigitShape{.channels = 2, .side = 42, .classes = 19});
  const std::vector<std::int64_t> indices{0, 5, 7, 8, 9};
  const auto picture = draw_warps(*network, set, indices);
  const auto again = draw_warps(*network, set, indices);
  EXPECT_EQ(picture.pixels, again.pixels);
  EXPECT_GT(picture.width, 12 * 126);  // twelve tiles of 42 * 3 pixels
  EXPECT_GT(picture.height, 2 * 126);  // five examples of three tiles are two rows
  EXPECT_LT(picture.height, 3 * 126);
  {  // Another transform, other lines.
    const torch::NoGradGuard no_grad;
    for (auto& item : network->named_parameters())
      if (item.key() == "transformer0.localiser.last.bias") item.value()[2] += 0.5;
  }
  EXPECT_NE(draw_warps(*network, set, indices).pixels, picture.pixels);
}

TEST(DrawMistakes, OneTileEach) {
  const auto digits = std::make_shared<data::DrawnDigits>(data::DrawnDigitsOptions{.size = 20});
  const std::vector<train::Mistake> mistakes{
      {.index = 3, .target = 3, .predicted = 8, .confidence = 0.93}, {.index = 4, .target = 4}};
  const auto picture =
      train::draw_mistakes(*digits, mistakes, digits->class_names(), {.columns = 12},
                           [](const torch::Tensor& digit) { return digit_picture(digit, 3); });
  EXPECT_GT(picture.width, 2 * 84);
  EXPECT_LT(picture.width, 3 * 84);
}

}  // namespace pictures_test
}  // namespace clew::warp
