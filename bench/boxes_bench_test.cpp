// SPDX-License-Identifier: Apache-2.0
#include "boxes_bench.h"

#include <gtest/gtest.h>

#include <set>
#include <string>

#include "tests/support/expect_error.h"

namespace clew::bench {
namespace boxes_bench_test {

BoxesOptions quick(BoxesJob job) {
  return {.job = job,
          .seconds = 1e-3,
          .threads = 2,
          .rois = 5,
          .channels = 4,
          .boxes = 50,
          .anchors = 700};
}

TEST(BoxesBench, RowsOfEachOperatorForOneAndTwoThreads) {
  const Json rows = boxes_rows(quick(BoxesJob::kAll), false);
  std::set<std::string> operators;
  for (std::size_t i = 0; i < rows.size(); ++i) {
    const Json& row = rows[i];
    operators.insert(row["what"].get<std::string>());
    EXPECT_EQ(row["threads"], i % 2 == 0 ? 1 : 2);
    EXPECT_GT(row["best_ms"].get<double>(), 0);
    EXPECT_LE(row["best_ms"], row["ms"]);
    EXPECT_FALSE(row.contains("times_peer"));
  }
  EXPECT_EQ(operators.size(), 13U);
}

TEST(BoxesBench, OneJob) {
  const Json rows = boxes_rows(quick(BoxesJob::kNms), false);
  ASSERT_EQ(rows.size(), 4U);
  EXPECT_EQ(rows[0]["what"], "nms");
  EXPECT_EQ(rows[2]["what"], "batched_nms");
}

TEST(BoxesBench, WithoutTorchvisionThereIsNoPeer) {
  auto options = quick(BoxesJob::kNms);
  options.python = "/bin/false";
  EXPECT_EQ(error_of([&] { (void)boxes_rows(options, true); }),
            "--peer needs a Python with torchvision (Debian: apt install python3-torchvision), but "
            "/bin/false cannot import it");
}

}  // namespace boxes_bench_test
}  // namespace clew::bench
