// SPDX-License-Identifier: Apache-2.0
#include "clew/data/sheet.h"

#include <gtest/gtest.h>
#include <torch/torch.h>

#include "clew/core/error.h"
#include "clew/data/distorted_digits.h"
#include "clew/data/views.h"
#include "tests/support/expect_error.h"

namespace clew::data {
namespace sheet_test {

TEST(SampleSheet, ShowsDigitsWithLabels) {
  const DrawnDigits digits({.size = 7, .key = {1}});
  const auto sheet = sample_sheet(digits, {.first = 2, .count = 99, .columns = 3, .scale = 1});
  EXPECT_EQ(sheet.width, 4 + 3 * 32);
  EXPECT_EQ(sheet.channels, 3);
  // The first tile, four pixels from the corner, is digit 2.
  const auto digit = digits.get(2, {})["image"][0];
  for (std::int64_t y = 0; y < 28; ++y)
    for (std::int64_t x = 0; x < 28; ++x)
      ASSERT_NEAR(sheet.pixels[static_cast<std::size_t>(3 * ((y + 4) * sheet.width + x + 4))],
                  digit[y][x].item<float>() * 255, .01);
  // Ink below it: its label.
  int ink = 0;
  for (int y = 33; y < 33 + 12; ++y)
    for (int x = 4; x < 32; ++x)
      ink += sheet.pixels[static_cast<std::size_t>(3 * (y * sheet.width + x))] > 100;
  EXPECT_GT(ink, 5);
  EXPECT_THROW((void)sample_sheet(digits, {.first = 7}), Error);
  EXPECT_THROW((void)sample_sheet(digits, {.count = 0}), Error);
}

TEST(SampleSheet, ShowsPairsAndBoxes) {
  const auto digits = std::make_shared<const DrawnDigits>(DrawnDigitsOptions{.size = 20});
  const AddedDigits added(digits);
  EXPECT_EQ(sample_sheet(added, {.count = 1, .columns = 1, .scale = 1}).width, 2 * 42 + 8);
  const LocatedDigits located(digits, {.count = 2});
  const auto sheet = sample_sheet(located, {.count = 1, .columns = 1, .scale = 1});
  const auto box = located.get(0, fold_in(Key{}, 0, 0))["box"];
  const auto x = static_cast<int>(box[0].item<float>()) + 4,
             y = static_cast<int>(box[1].item<float>()) + 4;
  const auto at = [&](int px, int py, int c) {
    return sheet.pixels[static_cast<std::size_t>(3 * (py * sheet.width + px) + c)];
  };
  for (const auto& [px, py] : {std::pair{x, y}, {x + 27, y}, {x, y + 27}, {x + 27, y + 27}}) {
    EXPECT_EQ(at(px, py, 0), 255);
    EXPECT_EQ(at(px, py, 1), 160);
    EXPECT_EQ(at(px, py, 2), 0);
  }
}

TEST(SampleSheet, ShowsExamplesBeforeViewsBesideThoseAfter) {
  const auto digits = std::make_shared<const DrawnDigits>(DrawnDigitsOptions{.size = 3});
  const ViewedSet padded(digits, parse_views({"pad=32"}));
  const auto sheet = sample_sheet(
      padded, {.count = 2, .columns = 2, .scale = 1, .key = {}, .before = digits.get()});
  const auto alone = sample_sheet(*digits, {.count = 1, .columns = 1, .scale = 1});
  EXPECT_EQ(sheet.width, 2 * 36 + 4);
  const auto at = [](const image::Image& picture, int x, int y) {
    return picture.pixels[static_cast<std::size_t>(3 * (y * picture.width + x))];
  };
  for (int y = 0; y < 28; ++y)
    for (int x = 0; x < 28; ++x) {
      // In the middle of a tile of 32x32, and at the top left of its own.
      ASSERT_EQ(at(sheet, 6 + x, 6 + y), at(alone, 4 + x, 4 + y));
      ASSERT_EQ(at(sheet, 40 + x, 4 + y), at(alone, 4 + x, 4 + y));
    }
  const DrawnDigits others({.size = 4});
  expect_error([&] { (void)sample_sheet(padded, {.before = &others}); },
               "the sets before and after views must have as many examples, got 4 and 3");
}

TEST(PictureOf, TakesOneToThreeChannels) {
  const auto picture = picture_of(torch::tensor({0.F, 1.F, .2F, .4F, .6F, .8F}).reshape({3, 1, 2}));
  EXPECT_EQ(picture.channels, 3);
  EXPECT_EQ(picture.pixels, (std::vector<std::uint8_t>{0, 51, 153, 255, 102, 204}));
  EXPECT_THROW((void)picture_of(torch::zeros({4, 2, 2})), Error);
  EXPECT_THROW((void)picture_of(torch::zeros({2, 2})), Error);
  EXPECT_THROW((void)picture_of({}), Error);
}

}  // namespace sheet_test
}  // namespace clew::data
