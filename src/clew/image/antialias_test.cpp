// SPDX-License-Identifier: Apache-2.0
// By hand; beside Pillow in tests/parity/resize_parity_test.cpp.
#include "clew/image/antialias.h"

#include <gtest/gtest.h>

#include <vector>

#include "tests/support/expect_error.h"

namespace clew::image {
namespace antialias_test {

Image row_of(std::vector<std::uint8_t> pixels) {
  const int width = static_cast<int>(pixels.size());
  return {.width = width, .height = 1, .channels = 1, .pixels = std::move(pixels)};
}

TEST(Antialias, HalvesByATriangle) {
  // Centres 1 and 3, support 2: weights 1/8, 3/8, 3/8, 1/8, cut at the ends.
  const auto half = resize_antialiased(row_of({0, 80, 160, 240}), 2, 1);
  // (3 * 0 + 3 * 80 + 160) / 7 = 57.1; the mirrored one 182.9.
  EXPECT_EQ(half.pixels, (std::vector<std::uint8_t>{57, 183}));
}

TEST(Antialias, DoublesByInterpolation) {
  EXPECT_EQ(resize_antialiased(row_of({0, 100}), 4, 1).pixels,
            (std::vector<std::uint8_t>{0, 25, 75, 100}));
}

TEST(Antialias, KeepsWhatIsFlatAndTheSameSize) {
  const Image flat{
      .width = 5, .height = 7, .channels = 3, .pixels = std::vector<std::uint8_t>(105, 77)};
  for (const auto kernel : {Kernel::kBilinear, Kernel::kBicubic}) {
    const auto small = resize_antialiased(flat, 3, 4, kernel);
    EXPECT_EQ(small.pixels, std::vector<std::uint8_t>(36, 77));
    EXPECT_EQ(resize_antialiased(flat, 5, 7, kernel).pixels, flat.pixels);
  }
}

TEST(Antialias, RowsAndColumnsAreAlike) {
  const auto row = row_of({3, 200, 17, 90, 250, 1, 44});
  auto column = row;
  std::swap(column.width, column.height);
  for (const auto kernel : {Kernel::kBilinear, Kernel::kBicubic})
    EXPECT_EQ(resize_antialiased(row, 3, 1, kernel).pixels,
              resize_antialiased(column, 1, 3, kernel).pixels);
}

TEST(Antialias, CropsTheMiddleOfTheShortSide) {
  Image wide{.width = 8, .height = 4, .channels = 1, .pixels = {}};
  for (int i = 0; i < 32; ++i) wide.pixels.push_back(static_cast<std::uint8_t>(i % 8));
  const auto square = resize_and_crop(wide, 4, 2);
  EXPECT_EQ(square.pixels, (std::vector<std::uint8_t>{3, 4, 3, 4}));
}

TEST(Antialias, WhatCannotBeIsRefused) {
  expect_error(
      [] {
        (void)resize_antialiased(row_of({1, 2}), 0, 1);
      },
      "a picture is resized to at least 1x1 pixels, got 0x1 of 2x1");
  expect_error(
      [] {
        (void)resize_and_crop(row_of({1, 2}), 4, 5);
      },
      "a crop of 5 must be at least 1 and at most the short side, 4");
}

}  // namespace antialias_test
}  // namespace clew::image
