// SPDX-License-Identifier: Apache-2.0
#include "clew/data/example.h"

#include <gtest/gtest.h>
#include <torch/torch.h>

#include <utility>
#include <vector>

#include "clew/core/error.h"
#include "tests/support/expect_error.h"

namespace clew::data {
namespace example_test {

const Columns kColumns = {
    {.name = "image", .shape = {1, -1, 3}, .type = torch::kFloat32, .meaning = "pixels"},
    {.name = "label", .shape = {}, .type = torch::kInt64, .meaning = "class"},
    {.name = "boxes",
     .shape = {-1, 4},
     .type = torch::kFloat32,
     .meaning = "xyxy, pixels",
     .is_listed = true}};

Example example(float value, std::int64_t boxes) {
  return {{"image", torch::full({1, 2, 3}, value)},
          {"label", torch::tensor(std::int64_t{7})},
          {"boxes", torch::full({boxes, 4}, value)}};
}

TEST(Collate, StacksAndLists) {
  const auto batch = collate({example(1, 2), example(2, 0), example(3, 5)}, kColumns);
  EXPECT_EQ(batch.size(), 3);
  EXPECT_FALSE(batch.indices.defined());
  EXPECT_EQ(batch["image"].sizes(), (torch::IntArrayRef{3, 1, 2, 3}));
  EXPECT_EQ(batch["image"][2].mean().item<float>(), 3);
  EXPECT_TRUE(batch["label"].equal(torch::full({3}, 7, torch::kInt64)));
  ASSERT_EQ(batch.list("boxes").size(), 3U);
  EXPECT_EQ(batch.list("boxes")[1].sizes(), (torch::IntArrayRef{0, 4}));
  EXPECT_EQ(batch.list("boxes")[2].sizes(), (torch::IntArrayRef{5, 4}));
  EXPECT_TRUE(batch.has("boxes"));
  EXPECT_FALSE(batch.has("mask"));
}

TEST(Collate, AListedColumnMayBeEmptyEverywhere) {
  const auto batch = collate({example(1, 0), example(2, 0)}, kColumns);
  EXPECT_EQ(batch.list("boxes")[0].numel(), 0);
  EXPECT_EQ(batch.list("boxes")[1].sizes(), (torch::IntArrayRef{0, 4}));
}

TEST(Collate, KeepsTheNumbersOfOtherLayouts) {
  Example turned = example(0, 0);
  turned.set("image", torch::arange(6).view({3, 2}).t().unsqueeze(0).to(torch::kFloat32));
  const auto batch = collate({turned}, kColumns);
  EXPECT_TRUE(batch["image"][0].equal(turned["image"]));
}

TEST(Collate, SaysWhichColumnOfWhichExampleIsWrong) {
  const auto fault = [](const std::string& name, const torch::Tensor& tensor) {
    auto bad = example(1, 1);
    bad.set(name, tensor);
    try {
      (void)collate({example(1, 1), bad}, kColumns);
    } catch (const ExampleError& error) {
      return std::pair(std::string(error.what()), error.place());
    }
    return std::pair(std::string("no error"), std::size_t{9});
  };
  EXPECT_EQ(
      fault("label", torch::zeros({2}, torch::kInt64)),
      std::pair(std::string("column 'label' must be [] of Long on cpu, got [2] of Long on cpu"),
                std::size_t{1}));
  EXPECT_EQ(fault("label", torch::tensor(1.0F)).first,
            "column 'label' must be [] of Long on cpu, got [] of Float on cpu");
  EXPECT_EQ(fault("boxes", torch::zeros({3, 5})).first,
            "column 'boxes' must be [any, 4] of Float on cpu, got [3, 5] of Float on cpu");
  EXPECT_EQ(fault("boxes", {}).first, "column 'boxes' must be a tensor, got an undefined one");
  EXPECT_EQ(fault("image", torch::zeros({1, 4, 3})).first,
            "column 'image' must have one shape in a batch, got [1, 2, 3] and, at place 1, "
            "[1, 4, 3]; resize them");
  EXPECT_EQ(fault("mask", torch::zeros({1})).first,
            "column 'mask' is none of the data set's: image, label, boxes");
  expect_error(
      [&] {
        (void)collate({Example{{"image", torch::zeros({1, 2, 3})}}}, kColumns);
      },
      "an example must have a column 'label', got image");
  expect_error([] { (void)collate({}, kColumns); }, "a batch needs at least one example (collate)");
}

TEST(Example, NamesTheColumnsThereAre) {
  auto one = example(1, 1);
  expect_error([&] { (void)one["mask"]; },
               "an example has no column 'mask', only image, label, boxes");
  expect_error([&] { (void)Example()["mask"]; }, "an example has no column 'mask', only none");
  one.set("mask", torch::ones({1}));
  EXPECT_TRUE(one.has("mask"));
  EXPECT_EQ(one["mask"].item<float>(), 1);
  EXPECT_EQ(one.columns().size(), 4U);
}

TEST(Batch, TellsStackedColumnsFromListedOnes) {
  const auto batch = collate({example(1, 1)}, kColumns);
  expect_error([&] { (void)batch["boxes"]; },
               "column 'boxes' of a batch is listed, one tensor an example: list() gives it");
  expect_error([&] { (void)batch.list("image"); },
               "column 'image' of a batch is stacked, one tensor for all: [] gives it");
  expect_error([&] { (void)batch["flow"]; },
               "a batch has no column 'flow', only image, label, boxes");
}

TEST(Batch, SlicesAllColumnsAlike) {
  auto batch = collate({example(1, 1), example(2, 2), example(3, 3)}, kColumns);
  batch.indices = torch::tensor({4, 5, 6}, torch::kInt64);
  const auto part = batch.slice(1, 3);
  EXPECT_EQ(part.size(), 2);
  EXPECT_EQ(part.indices[0].item<std::int64_t>(), 5);
  EXPECT_EQ(part["image"].size(0), 2);
  EXPECT_EQ(part["image"][0].mean().item<float>(), 2);
  ASSERT_EQ(part.list("boxes").size(), 2U);
  EXPECT_EQ(part.list("boxes")[0].size(0), 2);
  EXPECT_EQ(batch.slice(2, 2).size(), 0);
  expect_error([&] { (void)batch.slice(2, 4); },
               "a slice of a batch of 3 examples must lie in it, got 2..4");
}

TEST(Batch, MovesToADevice) {
  auto batch = collate({example(1, 1)}, kColumns);
  batch.indices = torch::zeros({1}, torch::kInt64);
  const auto moved = batch.to(torch::Device(torch::kMeta));
  EXPECT_EQ(moved.size(), 1);
  EXPECT_TRUE(moved["image"].is_meta());
  EXPECT_TRUE(moved.list("boxes")[0].is_meta());
  EXPECT_TRUE(moved.indices.is_meta());
  EXPECT_FALSE(batch["image"].is_meta());
}

}  // namespace example_test
}  // namespace clew::data
