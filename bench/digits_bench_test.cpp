// SPDX-License-Identifier: Apache-2.0
#include "digits_bench.h"

#include <gtest/gtest.h>

#include "clew/core/error.h"
#include "tests/support/expect_error.h"

namespace clew::bench {
namespace digits_bench_test {

TEST(DigitsBench, CountsTheOperationsOfAnExample) {
  // By hand, multiply-adds. The body of 28x28 pixels: 60 filters of 9x9 on 20x20 places, 60 of 60x7x7
  // on 4x4, 60*2*2 to 10 classes. The localiser of 42x42: 20 of 5x5 on 17x17, 20 of 20x5x5 on 4x4,
  // 320 to 20, 20 to 6.
  const double conv1 = 60 * 81 * 400, body = conv1 + 60 * 60 * 49 * 16 + 240 * 10;
  const double first = 20 * 25 * 289, localiser = first + 20 * 20 * 25 * 16 + 320 * 20 + 20 * 6;
  warp::NetworkConfig config;
  config.parameters = 200'876;
  config.warp_size = 56;
  config.pool = 2;
  EXPECT_EQ(operations_of_example(config, {.channels = 1, .side = 42, .classes = 10}),
            2 * (3 * (body + localiser) - first));
  // Without a transformer the body's first layer is the one that needs no gradient of the image.
  config = {.body = warp::BodyKind::kFcn, .transform = {}};
  config.parameters = 784 * 7 + 7 * 7 + 7 * 10 + 7 + 7 + 10;
  EXPECT_EQ(operations_of_example(config, {.channels = 1, .side = 28, .classes = 10}),
            2 * (3 * (784 * 7 + 7 * 7 + 7 * 10) - 784 * 7));
}

TEST(DigitsBench, OneRowWithItsRates) {
  DigitsBenchOptions options;
  options.seconds = 0.01;
  options.config.data.train_limit = options.config.data.test_limit = 100;
  options.config.network.body = warp::BodyKind::kFcn;
  options.config.network.localiser = warp::LocaliserKind::kFc;
  options.config.train.batch = 8;
  options.config.train.precision = ops::PrecisionChoice::kFp32;
  const Json rows = digits_rows(options, false);
  ASSERT_EQ(rows.size(), 1U);
  const Json& row = rows[0];
  EXPECT_EQ(row["network"], "ST-FCN");
  EXPECT_EQ(row["precision"], "fp32");
  EXPECT_LE(row["slowest"].get<double>(), row["examples_per_second"].get<double>());
  EXPECT_GE(row["fastest"].get<double>(), row["examples_per_second"].get<double>());
  EXPECT_GT(row["slowest"].get<double>(), 0);
  EXPECT_DOUBLE_EQ(row["steps_per_second"].get<double>() * 8,
                   row["examples_per_second"].get<double>());
  EXPECT_GT(row["peak_gflops"].get<double>(), row["gflops"].get<double>());
  EXPECT_FALSE(row.contains("peer_examples_per_second"));
}

TEST(DigitsBench, WhatThePeerDoesNotKnow) {
  DigitsBenchOptions options;
  options.python = "true";
  options.config.network.transform = warp::TransformKind::kThinPlate;
  EXPECT_EQ(error_of<UsageError>([&] { (void)digits_rows(options, true); }),
            "--peer knows network.transform = none and affine, got 'tps'");
}

}  // namespace digits_bench_test
}  // namespace clew::bench
