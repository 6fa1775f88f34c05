// SPDX-License-Identifier: Apache-2.0
#include "clew/detect/box_metrics.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <vector>

#include "clew/core/key.h"
#include "tests/support/expect_error.h"

namespace clew::detect {
namespace box_metrics_test {

constexpr BoxXywh kBox = {10, 20, 100, 100};

TruthBox truth(std::int64_t image, BoxXywh box = kBox, int category = 0) {
  return {.image = image, .category = category, .box = box, .area_px = box[2] * box[3]};
}
ScoredBox scored(std::int64_t image, double score, BoxXywh box = kBox, int category = 0) {
  return {.image = image, .category = category, .box = box, .score = score};
}

TEST(BoxIou, ByHand) {
  EXPECT_EQ(box_iou({0, 0, 2, 2}, {1, 0, 2, 2}), 2.0 / 6);
  EXPECT_EQ(box_iou({0, 0, 2, 2}, {1, 0, 2, 2}, true), 0.5);
  EXPECT_EQ(box_iou({0, 0, 2, 2}, {2, 0, 2, 2}), 0);
  EXPECT_EQ(box_iou({0, 0, 0, 0}, {0, 0, 0, 0}), 0);
}

TEST(Coco, OneObjectFound) {
  const std::vector truths = {truth(7)};
  const std::vector detections = {scored(7, 0.9)};
  const auto result = evaluate_coco(truths, detections, {.categories = 1});
  const auto all = result.summary();
  // Precision behind one true positive is 1 / (1 + eps) in COCO's programs.
  for (const int i : {0, 1, 2, 5, 6, 7, 8, 11})
    EXPECT_NEAR(all[static_cast<std::size_t>(i)], 1, 1e-15);
  for (const std::size_t i : {3U, 4U, 9U, 10U}) EXPECT_EQ(all[i], -1);
}

TEST(Coco, OverlapDecidesTheThresholds) {
  // 0.7 of the truth: found at 0.5, 0.55, 0.6, 0.65 and 0.7.
  const std::vector truths = {truth(0)};
  const std::vector detections = {scored(0, 0.9, {10, 20, 70, 100})};
  const auto result = evaluate_coco(truths, detections, {.categories = 1});
  EXPECT_NEAR(result.average_precision(), 0.5, 1e-15);
  EXPECT_NEAR(result.average_precision(4), 1, 1e-15);
  EXPECT_EQ(result.average_precision(5), 0);
  EXPECT_EQ(result.average_recall(), 0.5);
}

TEST(Coco, ASecondDetectionOfAnObjectIsWrong) {
  const std::vector truths = {truth(0), truth(1)};
  const std::vector detections = {scored(0, 0.9), scored(0, 0.8), scored(1, 0.7)};
  const auto result = evaluate_coco(truths, detections, {.categories = 1});
  // Recall to 0.5 with precision 1, the rest with 2/3: 51 and 50 of 101 points.
  EXPECT_NEAR(result.average_precision(), (51 + 50 * 2.0 / 3) / 101, 1e-12);
  EXPECT_EQ(result.average_recall(0), 1);
}

TEST(Coco, CrowdsAndOtherSizesDoNotCount) {
  std::vector truths = {truth(0), truth(0, {200, 200, 50, 50})};
  truths[1].is_crowd = true;
  // Two detections within the crowd, and one beside everything.
  std::vector detections = {scored(0, 0.9, {210, 210, 10, 10}), scored(0, 0.8, {220, 220, 10, 10}),
                            scored(0, 0.7)};
  EXPECT_NEAR(evaluate_coco(truths, detections, {.categories = 1}).average_precision(), 1, 1e-15);
  detections.push_back(scored(0, 0.95, {400, 400, 40, 40}));
  const auto result = evaluate_coco(truths, detections, {.categories = 1});
  EXPECT_NEAR(result.average_precision(), 0.5, 1e-15);
  EXPECT_NEAR(result.average_precision(-1, 3), 1,
              1e-15);  // among large objects the small one is passed over
}

TEST(Coco, AHundredDetectionsOfAPictureCount) {
  const std::vector truths = {truth(0)};
  std::vector<ScoredBox> detections;
  for (int i = 0; i < 100; ++i)
    detections.push_back(scored(0, 1 - 0.001 * i, {400, 400, 100, 100}));
  detections.push_back(scored(0, 0.1));
  EXPECT_EQ(evaluate_coco(truths, detections, {.categories = 1}).average_recall(), 0);
  detections.erase(detections.begin());
  EXPECT_EQ(evaluate_coco(truths, detections, {.categories = 1}).average_recall(), 1);
  EXPECT_EQ(evaluate_coco(truths, detections, {.categories = 1}).average_recall(1), 0);
}

TEST(Coco, CategoriesWithoutTruthDoNotCount) {
  const std::vector truths = {truth(0, kBox, 1)};
  const std::vector detections = {scored(0, 0.9, kBox, 1), scored(0, 0.9, kBox, 2)};
  const auto result = evaluate_coco(truths, detections, {.categories = 3});
  EXPECT_NEAR(result.average_precision(), 1, 1e-15);
  EXPECT_EQ(result.average_precision(-1, 0, 2), -1);
  EXPECT_EQ(evaluate_coco({}, {}, {.categories = 2}).summary()[0], -1);
}

TEST(Coco, ThreadsAndTheOrderOfPicturesDoNotMatter) {
  Stream random(Key{3});
  std::vector<TruthBox> truths;
  std::vector<ScoredBox> detections;
  for (std::int64_t image = 0; image < 40; ++image) {
    for (int i = 0; i < 6; ++i) {
      const auto side = [&] { return 20 + 100.0 * random.uniform(); };
      const BoxXywh box = {side(), side(), side(), side()};
      const int category = static_cast<int>(random.below(5));
      truths.push_back(truth(image, box, category));
      detections.push_back(
          scored(image, random.uniform_double(), {box[0] + 5, box[1], box[2], box[3]}, category));
    }
  }
  const auto one = evaluate_coco(truths, detections, {.categories = 5});
  const auto two = evaluate_coco(truths, detections, {.categories = 5, .threads = 2});
  EXPECT_EQ(one.precision, two.precision);
  EXPECT_EQ(one.recall, two.recall);
  std::reverse(truths.begin(), truths.end());
  std::reverse(detections.begin(), detections.end());
  EXPECT_EQ(evaluate_coco(truths, detections, {.categories = 5}).precision, one.precision);
}

TEST(Coco, WhatCannotBe) {
  const std::vector truths = {truth(0)};
  std::vector detections = {scored(0, 0.9, kBox, 1)};
  EXPECT_EQ(error_of([&] { (void)evaluate_coco(truths, detections, {.categories = 1}); }),
            "detection 0: category must be in 0..0, got 1");
  detections[0] = scored(0, std::numeric_limits<double>::quiet_NaN());
  EXPECT_EQ(error_of([&] { (void)evaluate_coco(truths, detections, {.categories = 1}); }),
            "detection 0: a score must be finite");
  detections[0] = scored(0, 1, {0, 0, std::numeric_limits<double>::infinity(), 1});
  EXPECT_EQ(error_of([&] { (void)evaluate_coco(truths, detections, {.categories = 1}); }),
            "detection 0: a box must be finite");
}

TEST(Voc, ByHand) {
  std::vector truths = {truth(0), truth(0, {300, 20, 100, 100}), truth(1),
                        truth(1, {300, 20, 100, 100})};
  truths[3].is_difficult = true;
  const std::vector detections = {
      scored(0, 0.9),                       // right
      scored(0, 0.8),                       // again
      scored(1, 0.7, {300, 20, 100, 100}),  // difficult: neither
      scored(1, 0.6, {10, 20, 50, 100}),    // half of it: right
      scored(1, 0.5, {10, 20, 49, 100}),    // less
  };
  const auto all = evaluate_voc(truths, detections, {})[0];
  EXPECT_EQ(all.recall, (std::vector<double>{1.0 / 3, 1.0 / 3, 2.0 / 3, 2.0 / 3}));
  EXPECT_EQ(all.precision, (std::vector<double>{1, 0.5, 2.0 / 3, 0.5}));
  EXPECT_NEAR(all.average_precision, 1.0 / 3 + 2.0 / 9, 1e-15);
  // Recalls 0 to 0.3 with precision 1, 0.4 to 0.6 with 2/3.
  EXPECT_NEAR(
      evaluate_voc(truths, detections, {.rule = VocRule::kElevenPoints})[0].average_precision,
      (4 + 3 * 2.0 / 3) / 11, 1e-15);
  EXPECT_TRUE(std::isnan(evaluate_voc({}, detections, {})[0].average_precision));
  EXPECT_EQ(evaluate_voc(truths, {}, {})[0].average_precision, 0);
}

}  // namespace box_metrics_test
}  // namespace clew::detect
