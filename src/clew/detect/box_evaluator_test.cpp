// SPDX-License-Identifier: Apache-2.0
#include "clew/detect/box_evaluator.h"

#include <gtest/gtest.h>
#include <torch/torch.h>

#include <cmath>

#include "clew/data/box_pictures.h"
#include "tests/support/expect_error.h"

namespace clew::detect {
namespace box_evaluator_test {

torch::Tensor boxes(const std::vector<float>& numbers) {
  return torch::tensor(numbers).view({-1, 4});
}

/// One picture with a ball at (0,0) and a star at (50,50), both found or only the ball.
struct One {
  data::Batch outputs, batch;
  explicit One(std::int64_t index, bool has_star) {
    batch.indices = torch::tensor({index});
    batch.set_list("boxes", {boxes({0, 0, 40, 40, 50, 50, 90, 90})});
    batch.set_list("labels", {torch::tensor({0, 1}, torch::kInt64)});
    batch.set_list("areas", {torch::tensor({1600.0F, 1600.0F})});
    batch.set_list("crowd", {torch::zeros({2}, torch::kBool)});
    batch.set_list("difficult", {torch::zeros({2}, torch::kBool)});
    outputs.set_list("boxes",
                     {has_star ? boxes({0, 0, 40, 40, 50, 50, 90, 90}) : boxes({0, 0, 40, 40})});
    outputs.set_list("labels", {has_star ? torch::tensor({1, 2}, torch::kInt64)
                                         : torch::tensor({1}, torch::kInt64)});
    outputs.set_list("scores", {has_star ? torch::tensor({0.9F, 0.8F}) : torch::tensor({0.9F})});
  }
};

TEST(BoxEvaluator, MeasuresAndMerging) {
  BoxEvaluator all({"ball", "star"}), first({"ball", "star"}), second({"ball", "star"});
  EXPECT_TRUE(std::isnan(all.result()[0].value));
  const One a(4, true), b(9, false);
  all.add(a.outputs, a.batch);
  all.add(b.outputs, b.batch);
  second.add(b.outputs, b.batch);
  first.add(a.outputs, a.batch);
  second.merge(first.bytes());
  EXPECT_EQ(all.bytes(), second.bytes());
  const auto measures = second.result();
  EXPECT_EQ(measures[1].name, "ap50");
  // The star's precision is 1 up to a recall of a half: 51 of 101 recalls.
  EXPECT_NEAR(measures[1].value, (1 + 51.0 / 101) / 2, 1e-12);
  const auto tables = second.tables();
  EXPECT_EQ(tables[0].rows[0].values, (std::vector<double>{1, 1, 1, 2}));
  EXPECT_EQ(tables[0].rows[1].name, "star");
  EXPECT_TRUE(std::isnan(tables[1].rows[1].values[0]));  // no small objects
  const auto curves = second.curves();
  ASSERT_EQ(curves[0].lines.size(), 2U);
  EXPECT_NEAR(curves[0].lines[1].y[50], 1, 1e-12);
  EXPECT_EQ(curves[0].lines[1].y[51], 0);
}

/// The same with masks that fill their boxes; the star's detection is its upper half.
TEST(BoxEvaluator, Masks) {
  const auto with_masks = [](std::int64_t index) {
    One one(index, true);
    auto truths = torch::zeros({2, 100, 100}, torch::kUInt8);
    truths[0].slice(0, 0, 40).slice(1, 0, 40).fill_(1);
    truths[1].slice(0, 50, 90).slice(1, 50, 90).fill_(1);
    one.batch.set_list("masks", {truths});
    auto found = torch::ones({2, 28, 28});
    found[1].slice(0, 14).zero_();
    one.outputs.set_list("masks", {found});
    return one;
  };
  const std::vector<std::string> classes = {"ball", "star"};
  BoxEvaluator all(classes, true), first(classes, true), second(classes, true);
  const auto a = with_masks(4), b = with_masks(9);
  all.add(a.outputs, a.batch);
  all.add(b.outputs, b.batch);
  second.add(b.outputs, b.batch);
  first.add(a.outputs, a.batch);
  second.merge(first.bytes());
  EXPECT_EQ(all.bytes(), second.bytes());
  const auto measures = all.result();
  ASSERT_EQ(measures.size(), 7U);
  EXPECT_NEAR(measures[0].value, 1, 1e-12);  // of boxes
  EXPECT_EQ(measures[4].name, "mask_ap");
  const auto table = all.tables()[1];
  EXPECT_EQ(table.title, "Masks of each class");
  EXPECT_GE(table.rows[0].values[2], 0.8);  // the ball, whose corners are lost
  EXPECT_LE(table.rows[1].values[2], 0.2);  // the star
}

TEST(BoxEvaluator, TruncatedStateRefused) {
  BoxEvaluator one({"ball"});
  expect_error([&] { one.merge("abc"); }, "the state of a box evaluator is cut off");
  auto bytes = one.bytes();
  bytes[0] = 127;
  expect_error([&] { one.merge(bytes); }, "the state of a box evaluator is cut off");
}

}  // namespace box_evaluator_test
}  // namespace clew::detect
