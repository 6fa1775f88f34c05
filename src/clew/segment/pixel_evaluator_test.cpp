// SPDX-License-Identifier: Apache-2.0
#include "clew/segment/pixel_evaluator.h"

#include <gtest/gtest.h>
#include <torch/torch.h>

#include <cmath>
#include <cstdint>
#include <vector>

#include "clew/core/error.h"
#include "tests/support/expect_error.h"

namespace clew::segment {
namespace pixel_evaluator_test {

using Pixels = std::vector<std::uint8_t>;

TEST(Confusion, MeasuresByHand) {
  Confusion confusion(4);  // class 3 is never there
  const auto count =
      confusion.add(Pixels{0, 0, 0, 0, 1, 1, 2, 255, 255}, Pixels{0, 0, 0, 1, 1, 0, 1, 0, 9});
  EXPECT_EQ(count.counted, 7);
  EXPECT_EQ(count.wrong, 3);
  EXPECT_EQ(confusion.counts(),
            (std::vector<std::int64_t>{3, 1, 0, 0, 1, 1, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0}));
  EXPECT_DOUBLE_EQ(confusion.pixel_accuracy(), 4.0 / 7);
  EXPECT_DOUBLE_EQ(confusion.mean_accuracy(), (3.0 / 4 + 1.0 / 2 + 0) / 3);
  // Of class 0: 3 of 4 + 4 - 3; of class 1: 1 of 2 + 3 - 1; of class 2: 0 of 1.
  EXPECT_DOUBLE_EQ(confusion.mean_iou(), (3.0 / 5 + 1.0 / 4 + 0) / 3);
  EXPECT_DOUBLE_EQ(confusion.weighted_iou(), (4 * 3.0 / 5 + 2 * 1.0 / 4 + 0) / 7);
  EXPECT_TRUE(std::isnan(confusion.iou(3)));
  // A class that is predicted, but never there, has an IoU of 0.
  confusion.add(Pixels{0}, Pixels{3});
  EXPECT_EQ(confusion.iou(3), 0);
  EXPECT_TRUE(std::isnan(confusion.accuracy(3)));
}

TEST(Confusion, NothingIsNoNumber) {
  Confusion confusion(2);
  EXPECT_EQ(confusion.add(Pixels{255, 255}, Pixels{0, 1}).counted, 0);
  EXPECT_TRUE(std::isnan(confusion.mean_iou()));
  EXPECT_TRUE(std::isnan(confusion.pixel_accuracy()));
  EXPECT_TRUE(std::isnan(confusion.weighted_iou()));
}

TEST(Confusion, WhatCannotBe) {
  Confusion confusion(2);
  expect_error(
      [&] {
        (void)confusion.add(Pixels{0, 1}, Pixels{0});
      },
      "as many pixels must be predicted as there are true ones, got 1 and 2");
  expect_error([&] { (void)confusion.add(Pixels{2}, Pixels{0}); },
               "a pixel's class must be in 0..1, got 2 predicted as 0");
  expect_error([&] { (void)confusion.add(Pixels{0}, Pixels{200}); },
               "a pixel's class must be in 0..1, got 0 predicted as 200");
}

void add_pictures(PixelEvaluator& evaluator, const std::vector<std::int64_t>& numbers) {
  data::Batch outputs, batch;
  std::vector<torch::Tensor> masks, classes;
  for (const auto number : numbers) {
    torch::manual_seed(static_cast<std::uint64_t>(number));
    const auto height = 3 + number;
    masks.push_back(torch::randint(3, {height, 5}, torch::kUInt8));
    classes.push_back(number == 1 ? masks.back() : torch::randint(3, {height, 5}, torch::kUInt8));
  }
  batch.set_list("mask", masks);
  batch.indices = torch::tensor(numbers);
  outputs.set_list("classes", classes);
  evaluator.add(outputs, batch);
}

TEST(PixelEvaluator, MergesToTheSame) {
  PixelEvaluator whole({"a", "b", "c"}), first({"a", "b", "c"}), second({"a", "b", "c"});
  EXPECT_TRUE(std::isnan(whole.result()[0].value));
  add_pictures(whole, {0, 1, 2});
  add_pictures(first, {2});
  add_pictures(second, {1, 0});
  first.merge(second.bytes());
  EXPECT_EQ(first.bytes(), whole.bytes());
  EXPECT_EQ(first.confusion().counts(), whole.confusion().counts());
  const auto worst = whole.worst(9);
  ASSERT_EQ(worst.size(), 2U);  // picture 1 is all right
  EXPECT_GE(worst[0].wrong, worst[1].wrong);
  const auto tables = whole.tables();
  ASSERT_EQ(tables.size(), 2U);
  EXPECT_EQ(tables[0].rows[1].values[0], whole.confusion().iou(1));
  EXPECT_EQ(tables[0].rows[1].values[1], whole.boundaries().iou(1));
  EXPECT_EQ(whole.result()[4].value, whole.boundaries().mean_iou());
  double shares = 0;
  for (const auto value : tables[1].rows[2].values) shares += value;
  EXPECT_NEAR(shares, 1, 1e-12);
  expect_error([&] { first.merge("x"); },
               "the state of an evaluation must have at least 120 bytes, got 1");
}

}  // namespace pixel_evaluator_test
}  // namespace clew::segment
