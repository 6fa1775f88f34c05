// SPDX-License-Identifier: Apache-2.0
#include "clew/segment/boundary.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <random>
#include <vector>

#include "clew/core/error.h"
#include "tests/support/expect_error.h"

namespace clew::segment {
namespace boundary_test {

using Bytes = std::vector<std::uint8_t>;

Bytes marks_of(const Bytes& pixels, std::int64_t height, std::int64_t width,
               std::int64_t distance) {
  Bytes marks;
  mark_boundaries({.pixels = pixels, .height = height, .width = width}, distance, marks);
  return marks;
}

/// By the definition, a window for every pixel.
Bytes slow_marks(const Bytes& pixels, std::int64_t height, std::int64_t width,
                 std::int64_t distance) {
  Bytes marks;
  for (std::int64_t y = 0; y < height; ++y) {
    for (std::int64_t x = 0; x < width; ++x) {
      bool is_boundary = false;
      for (auto v = y - distance; v <= y + distance; ++v)
        for (auto u = x - distance; u <= x + distance; ++u)
          is_boundary = is_boundary || v < 0 || u < 0 || v >= height || u >= width ||
                        pixels[static_cast<std::size_t>(v * width + u)] !=
                            pixels[static_cast<std::size_t>(y * width + x)];
      marks.push_back(is_boundary ? 1 : 0);
    }
  }
  return marks;
}

TEST(Boundary, WidthIsOfTheDiagonal) {
  EXPECT_EQ(boundary_width(1, 1), 1);
  EXPECT_EQ(boundary_width(30, 40), 1);
  EXPECT_EQ(boundary_width(300, 400), 10);
  EXPECT_EQ(boundary_width(360, 480), 12);
  EXPECT_EQ(boundary_width(375, 500), 12);  // 12.5: to even, as Python rounds
}

TEST(Boundary, MarksByHand) {
  // 5 x 6 of class 0 with a column of class 3 at its right.
  const Bytes map = {0, 0, 0, 0, 0, 3,  //
                     0, 0, 0, 0, 0, 3,  //
                     0, 0, 0, 0, 0, 3,  //
                     0, 0, 0, 0, 0, 3,  //
                     0, 0, 0, 0, 0, 3};
  const Bytes one = {1, 1, 1, 1, 1, 1,  //
                     1, 0, 0, 0, 1, 1,  //
                     1, 0, 0, 0, 1, 1,  //
                     1, 0, 0, 0, 1, 1,  //
                     1, 1, 1, 1, 1, 1};
  EXPECT_EQ(marks_of(map, 5, 6, 1), one);
  Bytes two(30, 1);
  two[2 * 6 + 2] = 0;
  EXPECT_EQ(marks_of(map, 5, 6, 2), two);
  EXPECT_EQ(marks_of(map, 5, 6, 3), Bytes(30, 1));
  EXPECT_EQ(marks_of({}, 0, 0, 1), Bytes());
}

TEST(Boundary, MarksAreThoseOfWindows) {
  std::mt19937 random(3);
  for (int i = 0; i < 40; ++i) {
    const auto height = 1 + static_cast<std::int64_t>(random() % 23),
               width = 1 + static_cast<std::int64_t>(random() % 23);
    Bytes pixels(static_cast<std::size_t>(height * width), 1);
    for (int k = 0; k < 5; ++k) {  // rectangles
      const auto top = random() % static_cast<std::uint64_t>(height),
                 left = random() % static_cast<std::uint64_t>(width);
      for (auto y = top; y < std::min<std::uint64_t>(top + 9, static_cast<std::uint64_t>(height));
           ++y)
        for (auto x = left;
             x < std::min<std::uint64_t>(left + 7, static_cast<std::uint64_t>(width)); ++x)
          pixels[y * static_cast<std::uint64_t>(width) + x] = static_cast<std::uint8_t>(k % 3);
    }
    for (const std::int64_t distance : {1, 2, 4})
      EXPECT_EQ(marks_of(pixels, height, width, distance),
                slow_marks(pixels, height, width, distance))
          << height << "x" << width << " at " << distance;
  }
}

TEST(BoundaryCounts, ByHand) {
  // 4 x 6, boundaries of one pixel. Truth: columns 0..2 are of class 0, 3..5 of class 1; predicted 0..3 and 4..5.
  Bytes truth, predicted;
  for (int y = 0; y < 4; ++y)
    for (int x = 0; x < 6; ++x) {
      truth.push_back(x < 3 ? 0 : 1);
      predicted.push_back(x < 4 ? 0 : 1);
    }
  BoundaryCounts counts(3);
  EXPECT_TRUE(std::isnan(counts.mean_iou()));
  counts.add({.pixels = truth, .height = 4, .width = 6},
             {.pixels = predicted, .height = 4, .width = 6});
  // Class 0: all of 3 columns but two pixels, of column 1; all of 4 columns but four, of columns 1 and 2. Common are
  // columns 0 and of 1 and 2 the upper and lower pixels: 4 + 2 + 2 of 10 + 12 - 8.
  EXPECT_DOUBLE_EQ(counts.iou(0), 8.0 / 14);
  // Class 1: 10, and all 8 pixels of two columns; common are the upper and lower pixels of column 4 and column 5: 2 + 4.
  EXPECT_DOUBLE_EQ(counts.iou(1), 6.0 / 12);
  EXPECT_TRUE(std::isnan(counts.iou(2)));
  EXPECT_DOUBLE_EQ(counts.mean_iou(), (8.0 / 14 + 6.0 / 12) / 2);
}

TEST(BoundaryCounts, RightWhereItIsCountedIsOne) {
  // A square within a void ring: the prediction ends somewhere in the ring.
  Bytes truth(20 * 20, 0), predicted(20 * 20, 0);
  for (std::size_t y = 4; y < 16; ++y)
    for (std::size_t x = 4; x < 16; ++x) {
      const bool is_ring = y < 6 || y >= 14 || x < 6 || x >= 14;
      truth[20 * y + x] = is_ring ? 255 : 1;
      predicted[20 * y + x] = y < 5 || x < 5 ? 0 : 1;
    }
  BoundaryCounts counts(2);
  counts.add({.pixels = truth, .height = 20, .width = 20},
             {.pixels = predicted, .height = 20, .width = 20});
  EXPECT_EQ(counts.mean_iou(), 1);
  expect_error([] { BoundaryCounts(0); }, "boundaries must be of 1..255 classes, got 0");
}

}  // namespace boundary_test
}  // namespace clew::segment
