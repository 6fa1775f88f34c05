// SPDX-License-Identifier: Apache-2.0
#include "navigate_bench.h"

#include <gtest/gtest.h>

#include "clew/core/error.h"

namespace clew::bench {
namespace navigate_bench_test {

TEST(NavigateBench, CountsTheOperationsOfAStep) {
  // By hand, multiply-adds of the full agent at 84x84: convolutions 20*20*16*192 and 9*9*32*256,
  // the layer behind them 2592*256, LSTMs 4*64*(257+64) and 4*256*(334+256), policy and value
  // 256*9, depth heads twice 256*128 + 128*512, loop 256*128 + 128.
  const double conv1 = 1228800;
  const double products = conv1 + 663552 + 663552 + 82176 + 604160 + 2304 + 2 * 98304 + 32896;
  EXPECT_EQ(operations_of_step({.spec = navigate::parse_agent("nav+d1+d2+l")}),
            2 * (3 * products - conv1));
  EXPECT_EQ(operations_of_step({.spec = navigate::parse_agent("ff")}),
            2 * (3 * (conv1 + 663552 + 663552 + 2304) - conv1));
}

TEST(NavigateBench, OneRowWithItsRates) {
  NavigateOptions options;
  options.seconds = 0.01;
  options.config.level = "tiny";
  options.config.size = 36;
  options.config.train.worlds = 2;
  options.config.train.unroll = 2;
  options.config.train.precision = ops::PrecisionChoice::kFp32;
  const Json rows = navigate_rows(options, false);
  ASSERT_EQ(rows.size(), 1U);
  const Json& row = rows[0];
  EXPECT_EQ(row["precision"], "fp32");
  EXPECT_GT(row["agent_steps_per_second"].get<double>(), 0);
  EXPECT_LE(row["slowest"].get<double>(), row["agent_steps_per_second"].get<double>());
  EXPECT_GE(row["fastest"].get<double>(), row["agent_steps_per_second"].get<double>());
  EXPECT_DOUBLE_EQ(row["frames_per_second"].get<double>(),
                   4 * row["agent_steps_per_second"].get<double>());
  EXPECT_GT(row["peak_gflops"].get<double>(), row["gflops"].get<double>());
  EXPECT_FALSE(row.contains("peer_agent_steps_per_second"));
}

}  // namespace navigate_bench_test
}  // namespace clew::bench
