// SPDX-License-Identifier: Apache-2.0
#include "bench.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "clew/maze/render.h"
#include "training_rate.h"

namespace clew::bench {
namespace bench_test {

TEST(Bench, TableAlignsTextLeftAndNumbersRight) {
  const Json rows = {{{"what", "fp32"}, {"threads", 1}, {"gflops", 229.44}},
                     {{"what", "copy"}, {"threads", 16}, {"gbytes_per_second", 0.5}}};
  EXPECT_EQ(table_text(rows),
            "what  threads  gflops  gbytes_per_second\n"
            "fp32        1   229.4\n"
            "copy       16                      0.500\n");
  EXPECT_EQ(table_text(Json::array()), "\n");
}

TEST(Bench, PeakGivesAllRowsInOrder) {
  const Json rows = peak_rows({.threads = 2, .seconds = 0.001, .copy_mib = 1});
  std::string names;
  for (const auto& row : rows) {
    names += row["what"].get<std::string>() + ' ';
    EXPECT_EQ(row["threads"], 2);
    const char* unit = row["what"] == "copy" ? "gbytes_per_second" : "gflops";
    EXPECT_GT(row[unit].get<double>(), 0.01);
    EXPECT_GE(row[std::string("best_") + unit].get<double>(), row[unit].get<double>());
  }
  EXPECT_EQ(names, machine_json()["has_bf16_dot"].get<bool>() ? "fp32 bf16 copy " : "fp32 copy ");
}

TEST(Bench, LevelsGiveARowForEachPartOfAReset) {
  const Json rows = level_rows({.seconds = 0.001});
  ASSERT_EQ(rows.size(), 14U);
  for (const auto& row : rows) {
    EXPECT_GT(row["microseconds"].get<double>(), 0.0);
    EXPECT_LE(row["best_microseconds"].get<double>(), row["microseconds"].get<double>());
  }
  EXPECT_EQ(rows[7]["what"], "episode with a new maze");
  EXPECT_EQ(rows[7]["cells"], "15x9");
}

TEST(Bench, MazeRowsCarryWhatTheyMeasured) {
  const Json rows = maze_rows(
      {.level = "tiny", .threads = 2, .largest_batch = 4, .seconds = 0.001, .repeats = 1});
  int steps = 0, costs = 0;
  for (const auto& row : rows) {
    if (row.contains("microseconds")) {
      ++costs;
      EXPECT_GT(row["microseconds"].get<double>(), 0);
      EXPECT_GE(row["microseconds"], row["best_microseconds"]);
      continue;
    }
    ++steps;
    for (const char* key : {"what", "threads", "width", "height", "depth", "batch"})
      EXPECT_TRUE(row.contains(key));
    EXPECT_GT(row["obs_per_second"].get<double>(), 0);
    EXPECT_LE(row["obs_per_second"], row["best_obs_per_second"]);
  }
  // Batches of 1 and 4, then six views, for one and two threads.
  EXPECT_EQ(steps, 2 * (2 + 6));
  EXPECT_EQ(costs, 6);
}

TEST(Bench, RenderGivesARowForEachImageSizeAndInstructionSet) {
  const Json rows = render_rows({.seconds = 0.001});
  const std::vector<std::string> targets = maze::simd_target_names();
  ASSERT_EQ(rows.size(), 12 + targets.size());
  for (const auto& row : rows) {
    EXPECT_GT(row["microseconds"].get<double>(), 0.0);
    EXPECT_LE(row["best_microseconds"].get<double>(), row["microseconds"].get<double>());
  }
  for (std::size_t i = 0; i < targets.size(); ++i)
    EXPECT_EQ(rows[12 + i]["instruction_set"], targets[i]);
  EXPECT_EQ(maze::simd_target_name(), targets.front());
}

TEST(TrainingRate, EachChunkIsComparedWithThePeakAroundIt) {
  std::int64_t updates = 0;
  int peaks = 0;
  TrainingRate rate([&] { ++updates; }, [&] { return 3 * updates; },
                    [&] { return ++peaks % 2 == 0 ? 3.0 : 1.0; });
  rate.warm_up(2);
  EXPECT_EQ(updates, 2);
  rate.measure(3, 1e-9);
  EXPECT_EQ(updates, 5);
  EXPECT_EQ(peaks, 4);
  EXPECT_EQ(rate.median_peak(), 2);
  EXPECT_DOUBLE_EQ(rate.median_over_peak(), rate.median() / 2);  // 1 and 3 beside each chunk
  EXPECT_LE(rate.slowest(), rate.median());
  EXPECT_GE(rate.fastest(), rate.median());
}

}  // namespace bench_test
}  // namespace clew::bench
