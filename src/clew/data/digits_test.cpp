// SPDX-License-Identifier: Apache-2.0
#include "clew/data/digits.h"

#include <gtest/gtest.h>
#include <torch/torch.h>

#include <array>
#include <cmath>
#include <span>

#include "clew/core/error.h"
#include "clew/core/files.h"

namespace clew::data {
namespace digits_test {

using Pixels = std::array<std::uint8_t, kDigitPixels>;

Pixels drawn(int digit, std::uint64_t key) {
  Pixels pixels;
  draw_digit(digit, {key}, pixels);
  return pixels;
}

TEST(DrawDigit, SameKeySameBytes) {
  for (int digit = 0; digit < 10; ++digit) {
    EXPECT_EQ(drawn(digit, 4), drawn(digit, 4));
    EXPECT_NE(drawn(digit, 4), drawn(digit, 5));
  }
}

TEST(DrawDigit, IsTheSameOnEveryMachine) {
  // No libm and no fused multiply-adds: another compiler or processor gives this number too. It
  // changes only with the strokes or how they are drawn, and then every drawn set does.
  std::uint64_t hash = 0;
  for (int i = 0; i < 200; ++i) {
    const Pixels pixels = drawn(i % 10, static_cast<std::uint64_t>(i));
    hash = hash64(std::as_bytes(std::span(pixels)), hash);
  }
  EXPECT_EQ(hash, 15123796655663816758ULL);
}

TEST(DrawDigit, LiesInMnistsFrame) {
  double ink = 0;
  for (int i = 0; i < 500; ++i) {
    const Pixels pixels = drawn(i % 10, static_cast<std::uint64_t>(i));
    double mass = 0, x_mean = 0, y_mean = 0;
    int left = 28, right = -1, top = 28, bottom = -1;
    for (int y = 0; y < kDigitSide; ++y) {
      for (int x = 0; x < kDigitSide; ++x) {
        const int v = pixels[static_cast<std::size_t>(y * kDigitSide + x)];
        mass += v;
        x_mean += v * x;
        y_mean += v * y;
        if (v > 25) {
          left = std::min(left, x), right = std::max(right, x);
          top = std::min(top, y), bottom = std::max(bottom, y);
        }
      }
    }
    ASSERT_GT(mass, 0);
    ink += mass / kDigitPixels / 500;
    const int side = std::max(right - left, bottom - top) + 1;
    EXPECT_GE(side, 18) << i;
    EXPECT_LE(side, 21) << i;
    EXPECT_NEAR(x_mean / mass, 14, .501) << i;
    EXPECT_NEAR(y_mean / mass, 14, .501) << i;
  }
  EXPECT_NEAR(ink, 33.8, 4);  // the mean pixel of MNIST's test images
}

TEST(DrawDigit, RefusesTen) {
  Pixels pixels;
  EXPECT_THROW(draw_digit(10, {}, pixels), Error);
  EXPECT_THROW(draw_digit(-1, {}, pixels), Error);
}

TEST(DrawnDigits, AreFixedOrFreshAsAsked) {
  const DrawnDigits fixed({.size = 30, .key = {1}, .is_fixed = true}),
      fresh({.size = 30, .key = {1}, .is_fixed = false});
  EXPECT_TRUE(fixed.get(12, {1})["image"].equal(fixed.get(12, {2})["image"]));
  EXPECT_FALSE(fresh.get(12, {1})["image"].equal(fresh.get(12, {2})["image"]));
  EXPECT_TRUE(fresh.get(12, {1})["image"].equal(fresh.get(12, {1})["image"]));
  EXPECT_EQ(fixed.get(12, {})["label"].item<std::int64_t>(), 2);
  EXPECT_FALSE(fixed.get(12, {})["image"].equal(fixed.get(22, {})["image"]));
  const Example example = fixed.get(29, {});
  EXPECT_EQ(example["image"].sizes(), (torch::IntArrayRef{1, 28, 28}));
  EXPECT_EQ(example["image"].scalar_type(), torch::kFloat32);
  EXPECT_EQ(example["image"].max().item<float>(), 1);
  EXPECT_EQ(example["image"].min().item<float>(), 0);
  EXPECT_EQ(fixed.class_names().size(), 10U);
  EXPECT_THROW((void)fixed.get(30, {}), Error);
  EXPECT_THROW((void)fixed.get(-1, {}), Error);
  EXPECT_THROW((void)DrawnDigits({.size = 0}), Error);
}

}  // namespace digits_test
}  // namespace clew::data
