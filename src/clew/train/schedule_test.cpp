// SPDX-License-Identifier: Apache-2.0
#include "clew/train/schedule.h"

#include <gtest/gtest.h>

#include "clew/core/error.h"

namespace clew::train {
namespace schedule_test {

TEST(Schedule, ByHand) {
  Schedule schedule{
      .config = {.lr = 0.8, .lr_end = 0.2, .schedule = ScheduleKind::kConstant, .warmup = 4},
      .steps = 14};
  EXPECT_DOUBLE_EQ(schedule.at(0), 0.2);
  EXPECT_DOUBLE_EQ(schedule.at(3), 0.8);
  EXPECT_DOUBLE_EQ(schedule.at(9), 0.8);
  schedule.config.schedule = ScheduleKind::kLinear;
  EXPECT_DOUBLE_EQ(schedule.at(4), 0.8);
  EXPECT_DOUBLE_EQ(schedule.at(9), 0.5);
  EXPECT_DOUBLE_EQ(schedule.at(14), 0.2);
  EXPECT_DOUBLE_EQ(schedule.at(100), 0.2);
  schedule.config.schedule = ScheduleKind::kCosine;
  EXPECT_DOUBLE_EQ(schedule.at(4), 0.8);
  EXPECT_DOUBLE_EQ(schedule.at(9), 0.5);
  EXPECT_NEAR(schedule.at(14), 0.2, 1e-15);
  EXPECT_GT(schedule.at(5), 0.78);  // slow at first
  schedule.config.schedule = ScheduleKind::kStep;
  schedule.config.step_every = 3;
  schedule.config.step_factor = 0.5;
  EXPECT_DOUBLE_EQ(schedule.at(6), 0.8);
  EXPECT_DOUBLE_EQ(schedule.at(7), 0.4);
  EXPECT_DOUBLE_EQ(schedule.at(10), 0.2);
  EXPECT_DOUBLE_EQ(schedule.at(13), 0.2);  // not below lr_end
  schedule.config.lr_end = 0;
  schedule.config.step_every = 1'000;
  schedule.config.step_at = {8, 12};
  EXPECT_DOUBLE_EQ(schedule.at(7), 0.8);
  EXPECT_DOUBLE_EQ(schedule.at(8), 0.4);
  EXPECT_DOUBLE_EQ(schedule.at(11), 0.4);
  EXPECT_DOUBLE_EQ(schedule.at(13), 0.2);
}

}  // namespace schedule_test
}  // namespace clew::train
