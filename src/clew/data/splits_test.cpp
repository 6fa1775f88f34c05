// SPDX-License-Identifier: Apache-2.0
#include "clew/data/splits.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "tests/support/expect_error.h"

namespace clew::data {
namespace splits_test {

TEST(HoldOut, EveryExampleIsInOnePart) {
  for (const double share : {0.001, 0.1, 0.5, 0.999}) {
    const auto parts = hold_out(200, share, Key{1});
    auto all = parts.train;
    all.insert(all.end(), parts.validation.begin(), parts.validation.end());
    EXPECT_TRUE(std::ranges::is_sorted(parts.train));
    EXPECT_TRUE(std::ranges::is_sorted(parts.validation));
    std::ranges::sort(all);
    ASSERT_EQ(all.size(), 200U);
    for (std::int64_t i = 0; i < 200; ++i) EXPECT_EQ(all[static_cast<std::size_t>(i)], i);
  }
  EXPECT_EQ(hold_out(200, 0.1, Key{1}).validation.size(), 20U);
  EXPECT_EQ(hold_out(200, 0.001, Key{1}).validation.size(), 1U);
  EXPECT_EQ(hold_out(2, 0.999, Key{1}).train.size(), 1U);
  EXPECT_TRUE(hold_out(3, 0, Key{1}).validation.empty());
  EXPECT_EQ(hold_out(3, 0, Key{1}).train.size(), 3U);
}

TEST(HoldOut, TheKeyDecides) {
  EXPECT_EQ(hold_out(100, 0.2, Key{1}).validation, hold_out(100, 0.2, Key{1}).validation);
  EXPECT_NE(hold_out(100, 0.2, Key{1}).validation, hold_out(100, 0.2, Key{2}).validation);
}

TEST(HoldOut, RefusesWhatLeavesNothing) {
  expect_error([] { (void)hold_out(1, 0.5, Key{}); },
               "at least two examples are needed to hold one out for validation, got 1");
  expect_error([] { (void)hold_out(9, 1, Key{}); },
               "the share that is held out must be in [0,1), got 1");
}

}  // namespace splits_test
}  // namespace clew::data
