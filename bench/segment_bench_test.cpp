// SPDX-License-Identifier: Apache-2.0
#include "segment_bench.h"

#include <gtest/gtest.h>

#include "clew/core/error.h"
#include "tests/support/expect_error.h"

namespace clew::bench {
namespace segment_bench_test {

SegmentOptions quick(SegmentJob job) {
  return {.job = job,
          .seconds = 1e-3,
          .networks = {"fcn_resnet50"},
          .heights = {32},
          .widths = {40},
          .threads = 1,
          .batch = 2,
          .train_height = 32,
          .train_width = 32,
          .channels = 16};
}

TEST(SegmentBench, RowsOfInferenceForEachPrecision) {
  const Json rows = segment_rows(quick(SegmentJob::kInference), false);
  ASSERT_GE(rows.size(), 1U);
  for (std::size_t i = 0; i < rows.size(); ++i) {
    EXPECT_EQ(rows[i]["what"], "inference");
    EXPECT_EQ(rows[i]["precision"], i == 0 ? "fp32" : "bf16");
    EXPECT_EQ(rows[i]["width"], 40);
    EXPECT_LE(rows[i]["best_ms"], rows[i]["ms"]);
    EXPECT_GT(rows[i]["gflops"].get<double>(), 0);
    EXPECT_FALSE(rows[i].contains("times_peer"));
  }
}

TEST(SegmentBench, ARowOfTraining) {
  const Json rows = segment_rows(quick(SegmentJob::kTraining), false);
  ASSERT_EQ(rows.size(), 1U);
  EXPECT_EQ(rows[0]["network"], "fcn8s mobilenet_v2");
  EXPECT_GT(rows[0]["ms"].get<double>(), 0);
}

TEST(SegmentBench, RowsOfDilationsAndOfEvaluation) {
  const Json dilations = segment_rows(quick(SegmentJob::kDilation), false);
  ASSERT_EQ(dilations.size() % 5, 0U);
  EXPECT_EQ(dilations[0]["times_undilated"], 1);
  EXPECT_EQ(dilations[4]["dilation"], 16);
  const Json rows = segment_rows(quick(SegmentJob::kEvaluation), false);
  ASSERT_EQ(rows.size(), 2U);
  EXPECT_EQ(rows[0]["measures"], "confusion");
  EXPECT_EQ(rows[1]["measures"], "all");
  EXPECT_GT(rows[1]["mpixel_per_second"].get<double>(), 0);
}

TEST(SegmentBench, WhatCannotBe) {
  auto options = quick(SegmentJob::kInference);
  options.widths = {32, 64};
  expect_error<UsageError>([&] { (void)segment_rows(options, false); },
                           "widths must be as many as heights, 1, got 2");
}

}  // namespace segment_bench_test
}  // namespace clew::bench
