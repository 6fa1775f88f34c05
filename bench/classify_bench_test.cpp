// SPDX-License-Identifier: Apache-2.0
#include "classify_bench.h"

#include <gtest/gtest.h>

#include "tests/support/expect_error.h"

namespace clew::bench {
namespace classify_bench_test {

ClassifyOptions quick(ClassifyJob job) {
  return {.job = job,
          .seconds = 1e-3,
          .networks = {"mobilenet_v3_small"},
          .threads = 1,
          .side = 32,
          .batch = 2,
          .train_batch = 4,
          .pictures = 64};
}

TEST(ClassifyBench, RowsOfInferenceForEachBatch) {
  const Json rows = classify_rows(quick(ClassifyJob::kInference), false);
  const std::size_t precisions = rows.size() / 2;
  ASSERT_EQ(rows.size(), 2 * precisions);
  ASSERT_GE(precisions, 1U);
  for (std::size_t i = 0; i < rows.size(); ++i) {
    const Json& row = rows[i];
    EXPECT_EQ(row["what"], "inference");
    EXPECT_EQ(row["precision"], i % precisions == 0 ? "fp32" : "bf16");
    EXPECT_EQ(row["batch"], i < precisions ? 1 : 2);
    EXPECT_LE(row["best_ms"], row["ms"]);
    EXPECT_GT(row["gflops"].get<double>(), 0);
    EXPECT_FALSE(row.contains("times_peer"));
  }
}

TEST(ClassifyBench, ARowOfTrainingWithWhatItWaits) {
  const Json rows = classify_rows(quick(ClassifyJob::kTraining), false);
  ASSERT_EQ(rows.size(), 1U);
  EXPECT_EQ(rows[0]["what"], "training");
  EXPECT_GT(rows[0]["images_per_second"].get<double>(), 0);
  EXPECT_GE(rows[0]["waiting"].get<double>(), 0);
  EXPECT_LT(rows[0]["waiting"].get<double>(), 1);
}

TEST(ClassifyBench, RowsOfLoadingAndTheFirstPrediction) {
  const Json rows = classify_rows(quick(ClassifyJob::kLoading), false);
  ASSERT_EQ(rows.size(), 2U);
  EXPECT_EQ(rows[0]["what"], "loading");
  EXPECT_EQ(rows[0]["loaders"], 1);
  EXPECT_GT(rows[0]["images_per_second"].get<double>(), 0);
  EXPECT_EQ(rows[1]["what"], "first prediction");
  EXPECT_GT(rows[1]["ms"].get<double>(), 0);
}

TEST(ClassifyBench, WithoutTorchvisionThereIsNoPeer) {
  auto options = quick(ClassifyJob::kInference);
  options.python = "/bin/false";
  EXPECT_EQ(error_of([&] { (void)classify_rows(options, true); }),
            "--peer needs a Python with torchvision (Debian: apt install python3-torchvision), but "
            "/bin/false cannot import it");
}

}  // namespace classify_bench_test
}  // namespace clew::bench
