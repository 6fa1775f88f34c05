// SPDX-License-Identifier: Apache-2.0
#include "clew/ops/boxes/geometry.h"

#include <gtest/gtest.h>
#include <torch/torch.h>

#include <cmath>
#include <limits>

#include "tests/support/expect_error.h"
#include "tests/support/gradient.h"

namespace clew::ops {
namespace geometry_test {

TEST(BoxOverlap, ByHand) {
  const auto boxes = torch::tensor(
      {{0.F, 0.F, 2.F, 2.F}, {0.F, 0.F, 1.F, 1.F}, {0.F, 0.F, 4.F, 4.F}, {1.F, 1.F, 1.F, 1.F}});
  const auto targets = torch::tensor(
      {{1.F, 0.F, 3.F, 2.F}, {2.F, 2.F, 3.F, 3.F}, {1.F, 1.F, 3.F, 3.F}, {1.F, 1.F, 1.F, 1.F}});
  const auto overlap = box_overlap(boxes, targets);
  EXPECT_NEAR(overlap[0].item<double>(), 1.0 / 3, 1e-6);
  EXPECT_EQ(overlap[1].item<double>(), 0);
  EXPECT_NEAR(overlap[2].item<double>(), 0.25, 1e-6);
  EXPECT_EQ(overlap[3].item<double>(), 0);
  EXPECT_EQ(box_overlap(torch::zeros({0, 4}), torch::zeros({0, 4})).numel(), 0);
}

TEST(BoxOverlap, Gradient) {
  const auto targets = torch::tensor({{1.0, -1.0, 3.0, 3.0}}, torch::kFloat64);
  auto boxes = torch::tensor({{0.0, 0.0, 2.0, 2.0}}, torch::kFloat64).requires_grad_();
  box_overlap(boxes, targets).sum().backward();
  const torch::NoGradGuard no_grad;
  for (int i = 0; i < 4; ++i) {
    auto more = boxes.detach().clone(), less = boxes.detach().clone();
    more[0][i] += 1e-6;
    less[0][i] -= 1e-6;
    const double slope =
        (box_overlap(more, targets) - box_overlap(less, targets)).item<double>() / 2e-6;
    EXPECT_NEAR(boxes.grad()[0][i].item<double>(), slope, 1e-6) << i;
  }
}

TEST(BoxOverlap, SaysWhatIsWrong) {
  expect_error(
      [] {
        (void)box_overlap(torch::zeros({2, 3}), torch::zeros({2, 3}));
      },
      "boxes must be [B,4], got [2, 3] (box_overlap)");
  expect_error(
      [] {
        (void)box_overlap(torch::zeros({2, 4}), torch::zeros({3, 4}));
      },
      "targets must be [2, 4] as the boxes, got [3, 4] (box_overlap)");
  expect_error(
      [] {
        (void)box_overlap({}, torch::zeros({3, 4}));
      },
      "boxes must be [B,4], got an undefined tensor (box_overlap)");
}

using torch::Tensor;

constexpr double kNan = std::numeric_limits<double>::quiet_NaN();

/// Boxes of 2 to 30 pixels within 100.
Tensor some_boxes(std::int64_t count, torch::Dtype type = torch::kFloat64) {
  const Tensor corner = torch::rand({count, 2}, torch::kFloat64) * 70,
               size = torch::rand({count, 2}, torch::kFloat64) * 28 + 2;
  return torch::cat({corner, corner + size}, 1).to(type);
}

/// NaN in the same places, else within the tolerance.
void expect_close(const Tensor& got, const Tensor& wanted, double tolerance) {
  ASSERT_EQ(got.sizes(), wanted.sizes());
  EXPECT_TRUE(torch::allclose(got.to(torch::kFloat64), wanted.to(torch::kFloat64), tolerance,
                              tolerance, /*equal_nan=*/true))
      << got << wanted;
}

TEST(BoxIou, ByHand) {
  const Tensor boxes = torch::tensor({{0.0, 0.0, 2.0, 2.0}, {1.0, 1.0, 1.0, 1.0}}),
               others = torch::tensor({{1.0, 0.0, 3.0, 2.0},
                                       {5.0, 5.0, 6.0, 6.0},
                                       {0.0, 0.0, 2.0, 2.0},
                                       {1.0, 1.0, 1.0, 1.0}});
  expect_close(box_iou(boxes, others),
               torch::tensor({{1.0 / 3, 0.0, 1.0, 0.0}, {0.0, 0.0, 0.0, kNan}}), 1e-6);
  EXPECT_EQ(box_iou(boxes, torch::zeros({0, 4})).sizes(), torch::IntArrayRef({2, 0}));
  EXPECT_EQ(box_iou(torch::zeros({0, 4}), others).sizes(), torch::IntArrayRef({0, 4}));
  expect_close(box_area(others), torch::tensor({4.0, 1.0, 4.0, 0.0}), 0);
}

// Vectors and their rest, against LibTorch's operators.
TEST(BoxIou, SameBitsAsLibTorchsOperators) {
  torch::manual_seed(1);
  for (const auto type : {torch::kFloat32, torch::kFloat64}) {
    for (const std::int64_t count : {1, 5, 16, 33, 100}) {
      Tensor boxes = some_boxes(37, type), others = some_boxes(count, type);
      boxes[3] = boxes[3].flip(0);  // turned around
      boxes[4][2] = kNan;
      others[0][1] = kNan;
      others[count - 1] = boxes[5];
      const Tensor got = box_iou(boxes, others),
                   wanted = box_iou(boxes.clone().requires_grad_(), others).detach();
      EXPECT_TRUE(torch::equal(got.isnan(), wanted.isnan()));
      EXPECT_TRUE(torch::equal(got.nan_to_num(7), wanted.nan_to_num(7))) << count;
    }
  }
}

TEST(BoxIou, Gradient) {
  torch::manual_seed(2);
  const Tensor boxes = some_boxes(4).requires_grad_(), others = some_boxes(5).requires_grad_();
  const Tensor weights = torch::randn({4, 5}, torch::kFloat64);
  const auto loss = [&] { return (box_iou(boxes, others) * weights).sum(); };
  expect_gradient(boxes, loss, 1e-7, "boxes");
  expect_gradient(others, loss, 1e-7, "others");
}

TEST(BoxCodes, ByHand) {
  const Tensor anchors = torch::tensor({{0.0, 0.0, 10.0, 20.0}}),
               boxes = torch::tensor({{5.0, 0.0, 25.0, 20.0}});
  const BoxCoding coding{.weights = {10, 10, 5, 5}};
  const Tensor codes = encode_boxes(boxes, anchors, coding);
  expect_close(codes, torch::tensor({{10.0, 0.0, 5 * std::log(2.0), 0.0}}), 1e-6);
  expect_close(decode_boxes(codes, anchors, coding).squeeze(1), boxes, 1e-6);
  // A logarithm too large grows by 62.5.
  const Tensor huge = decode_boxes(torch::tensor({{0.0, 0.0, 100.0, 100.0}}), anchors);
  expect_close(huge.view({1, 4}), torch::tensor({{-307.5, -615.0, 317.5, 635.0}}), 1e-4);
}

TEST(BoxCodes, ClassesAndEmptyInput) {
  torch::manual_seed(3);
  const Tensor anchors = some_boxes(6), codes = torch::randn({6, 12}, torch::kFloat64);
  const Tensor decoded = decode_boxes(codes, anchors);
  ASSERT_EQ(decoded.sizes(), torch::IntArrayRef({6, 3, 4}));
  for (int i = 0; i < 3; ++i) {
    const Tensor one = decoded.select(1, i);
    expect_close(encode_boxes(one, anchors), codes.narrow(1, 4 * i, 4), 1e-9);
  }
  EXPECT_EQ(decode_boxes(torch::zeros({0, 8}), torch::zeros({0, 4})).sizes(),
            torch::IntArrayRef({0, 2, 4}));
  EXPECT_EQ(decode_boxes(torch::zeros({6, 0}), anchors).sizes(), torch::IntArrayRef({6, 0, 4}));
  EXPECT_EQ(encode_boxes(torch::zeros({0, 4}), torch::zeros({0, 4})).sizes(),
            torch::IntArrayRef({0, 4}));
  EXPECT_FALSE(
      encode_boxes(torch::zeros({1, 4}), torch::zeros({1, 4})).isfinite().any().item<bool>());
}

TEST(BoxCodes, Gradients) {
  torch::manual_seed(4);
  const Tensor boxes = some_boxes(3).requires_grad_(), anchors = some_boxes(3).requires_grad_(),
               codes = torch::randn({3, 8}, torch::kFloat64).requires_grad_();
  const BoxCoding coding{.weights = {10, 10, 5, 5}};
  const Tensor weights = torch::randn({3, 2, 4}, torch::kFloat64);
  const auto encoded = [&] {
    return (encode_boxes(boxes, anchors, coding) * weights.select(1, 0)).sum();
  };
  const auto decoded = [&] { return (decode_boxes(codes, anchors, coding) * weights).sum(); };
  expect_gradient(boxes, encoded, 1e-6, "boxes");
  expect_gradient(anchors, encoded, 1e-6, "anchors");
  expect_gradient(codes, decoded, 1e-6, "codes");
  expect_gradient(anchors, decoded, 1e-6, "anchors of codes");
}

TEST(ClipBoxes, ByHandAndGradient) {
  const Tensor boxes =
      torch::tensor({{-5.0, -5.0, 5.0, 5.0}, {90.0, 40.0, 120.0, 70.0}, {kNan, 1.0, 2.0, 3.0}});
  expect_close(
      clip_boxes(boxes, {50, 100}),
      torch::tensor({{0.0, 0.0, 5.0, 5.0}, {90.0, 40.0, 100.0, 50.0}, {kNan, 1.0, 2.0, 3.0}}), 0);
  EXPECT_EQ(clip_boxes(torch::zeros({2, 0, 4}), {5, 5}).sizes(), torch::IntArrayRef({2, 0, 4}));
  const Tensor x = boxes.narrow(0, 0, 2).to(torch::kFloat64).clone().requires_grad_();
  expect_gradient(
      x,
      [&] {
        return clip_boxes(x, {50, 100}).square().sum();
      },
      1e-5, "clipped");
}

TEST(LargeBoxes, ByHand) {
  const Tensor boxes = torch::tensor({{0.0, 0.0, 4.0, 4.0},
                                      {0.0, 0.0, 3.9, 9.0},
                                      {9.0, 9.0, 0.0, 0.0},
                                      {0.0, kNan, 9.0, 9.0},
                                      {0.0, 0.0, 8.0, 9.0}});
  EXPECT_TRUE(torch::equal(large_boxes(boxes, 4), torch::tensor({0, 4}, torch::kInt64)));
  EXPECT_EQ(large_boxes(torch::zeros({0, 4}), 4).sizes(), torch::IntArrayRef({0}));
}

TEST(Geometry, SaysWhatIsWrong) {
  const Tensor boxes = torch::zeros({2, 4});
  expect_error(
      [&] {
        (void)box_area(torch::zeros({2, 5}));
      },
      "boxes must be [N,4] f32 or f64, got [2, 5] Float on cpu (box_area)");
  expect_error([&] { (void)box_iou(boxes, {}); },
               "others must be [N,4] f32 or f64, got an undefined tensor (box_iou)");
  expect_error([&] { (void)box_iou(boxes, boxes.to(torch::kFloat64)); },
               "others must be Float on cpu as the boxes, got [2, 4] Double on cpu (box_iou)");
  expect_error(
      [&] {
        (void)encode_boxes(boxes, torch::zeros({3, 4}));
      },
      "anchors must be [2, 4] as the boxes, got [3, 4] (encode_boxes)");
  expect_error(
      [&] {
        (void)decode_boxes(torch::zeros({2, 6}), boxes);
      },
      "codes must be [2,4*C] f32 or f64 for the anchors [2, 4], got [2, 6] Float on cpu "
      "(decode_boxes)");
  expect_error(
      [&] {
        (void)decode_boxes(boxes, boxes, {.weights = {1, 0, 1, 1}});
      },
      "weights must not be 0, got 0 (decode_boxes)");
  expect_error(
      [&] {
        (void)clip_boxes(boxes, {-1, 5});
      },
      "image must be at least 0x0, got -1x5 (clip_boxes)");
  expect_error(
      [&] {
        (void)clip_boxes(torch::zeros({4, 2}), {1, 5});
      },
      "boxes must be [...,4] f32 or f64, got [4, 2] Float on cpu (clip_boxes)");
  expect_error([&] { (void)large_boxes(boxes.to(torch::kInt64), 1); },
               "boxes must be [N,4] f32 or f64, got [2, 4] Long on cpu (large_boxes)");
}

}  // namespace geometry_test
}  // namespace clew::ops
