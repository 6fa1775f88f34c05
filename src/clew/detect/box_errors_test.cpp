// SPDX-License-Identifier: Apache-2.0
#include "clew/detect/box_errors.h"

#include <gtest/gtest.h>

namespace clew::detect {
namespace box_errors_test {

using enum BoxVerdict;

TEST(BoxErrors, EachKindOfMistake) {
  const std::vector<TruthBox> truths = {
      {.image = 3, .category = 0, .box = {0, 0, 10, 10}},
      {.image = 3, .category = 1, .box = {20, 0, 10, 10}},
      {.image = 3, .category = 0, .box = {40, 0, 10, 10}, .is_difficult = true},
      {.image = 3, .category = 1, .box = {60, 0, 10, 10}},
  };
  const std::vector<ScoredBox> detections = {
      {.image = 3,
       .category = 0,
       .box = {0, 0, 10, 9},
       .score = 0.8},  // second on the first object
      {.image = 3, .category = 0, .box = {0, 0, 10, 10}, .score = 0.9},    // finds it
      {.image = 3, .category = 0, .box = {20, 0, 10, 10}, .score = 0.7},   // of the other class
      {.image = 3, .category = 0, .box = {40, 0, 10, 10}, .score = 0.7},   // difficult
      {.image = 3, .category = 1, .box = {67, 0, 10, 10}, .score = 0.7},   // overlap 3/17
      {.image = 3, .category = 1, .box = {100, 0, 10, 10}, .score = 0.6},  // on nothing
      {.image = 3, .category = 1, .box = {60, 0, 10, 10}, .score = 0.4},   // below the score
  };
  const auto pictures = box_errors(truths, detections, 0.5);
  ASSERT_EQ(pictures.size(), 1U);
  EXPECT_EQ(pictures[0].image, 3);
  EXPECT_EQ(pictures[0].verdicts,
            (std::vector<BoxVerdict>{kFound, kDouble, kConfused, kIgnored, kMisplaced, kInvented}));
  EXPECT_EQ(pictures[0].is_missed, (std::vector<bool>{false, true, false, true}));
  EXPECT_EQ(pictures[0].total(), 6);
}

TEST(BoxErrors, PicturesInOrderAndDetectionsInCrowdsIgnored) {
  const std::vector<TruthBox> truths = {
      {.image = 7, .category = 0, .box = {0, 0, 100, 100}, .is_crowd = true}};
  const std::vector<ScoredBox> detections = {
      {.image = 7, .category = 0, .box = {5, 5, 10, 10}, .score = 0.9},
      {.image = 2, .category = 0, .box = {5, 5, 10, 10}, .score = 0.9}};
  const auto pictures = box_errors(truths, detections, 0.5);
  ASSERT_EQ(pictures.size(), 2U);
  EXPECT_EQ(pictures[0].image, 2);
  EXPECT_EQ(pictures[0].verdicts, std::vector<BoxVerdict>{kInvented});
  EXPECT_EQ(pictures[1].verdicts, std::vector<BoxVerdict>{kIgnored});
  EXPECT_EQ(pictures[1].total(), 0);
}

}  // namespace box_errors_test
}  // namespace clew::detect
