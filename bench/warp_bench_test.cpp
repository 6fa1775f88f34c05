// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include "bench.h"

namespace clew::bench {
namespace warp_bench_test {

TEST(WarpBench, GivesARowForEachShapeAndNumberOfThreads) {
  for (const auto coordinates : {Coordinates::kAffine, Coordinates::kGrid}) {
    const Json rows =
        warp_rows({.seconds = 0.001, .threads = 2, .coordinates = coordinates, .has_large = false});
    ASSERT_EQ(rows.size(), 4U);
    for (std::size_t i = 0; i < rows.size(); ++i) {
      const Json& row = rows[i];
      EXPECT_EQ(row["shape"], i % 2 == 0 ? "[64,1,42,42]" : "[16,16,84,84]");
      EXPECT_EQ(row["threads"], i < 2 ? 1 : 2);
      EXPECT_GT(row["best_ms"].get<double>(), 0);
      EXPECT_LE(row["best_ms"], row["ms"]);
      EXPECT_DOUBLE_EQ(row["speedup"].get<double>(),
                       row["torch_ms"].get<double>() / row["ms"].get<double>());
      EXPECT_GT(row["copy_ms"].get<double>(), 0);
    }
  }
}

}  // namespace warp_bench_test
}  // namespace clew::bench
