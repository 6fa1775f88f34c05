// SPDX-License-Identifier: Apache-2.0
#include "clew/train/rules.h"

#include <gtest/gtest.h>

#include "tests/support/expect_error.h"

namespace clew::train {
namespace rules_test {

const std::vector<std::string> kNames = {"features.0.weight", "features.1.bias", "features2.weight",
                                         "head"};

TEST(ParameterRules, TheLastThatMatchesCounts) {
  const auto settings =
      apply_rules({{.what = "all", .matches = names_under(""), .lr_factor = 0.5},
                   {.what = "freeze", .matches = names_under("features"), .is_frozen = true},
                   {.what = "head", .matches = names_under("head"), .decay_factor = 0}},
                  kNames);
  ASSERT_EQ(settings.size(), 4U);
  EXPECT_TRUE(settings[0].is_frozen);
  EXPECT_TRUE(settings[1].is_frozen);
  EXPECT_FALSE(settings[2].is_frozen);
  EXPECT_EQ(settings[2].lr_factor, 0.5);
  EXPECT_EQ(settings[3].lr_factor, 1);
  EXPECT_EQ(settings[3].decay_factor, 0);
  EXPECT_EQ(apply_rules({}, kNames).at(3).lr_factor, 1);
}

TEST(ParameterRules, OneThatMatchesNothingIsAnError) {
  expect_error<UsageError>(
      [] {
        (void)apply_rules({{.what = "start.freeze = 'feature'", .matches = names_under("feature")}},
                          kNames);
      },
      "start.freeze = 'feature' matches no parameter of the network, whose first is "
      "features.0.weight and whose last is head");
  expect_error<UsageError>(
      [] {
        (void)apply_rules(
            {{.what = "start.freeze = ''", .matches = names_under(""), .is_frozen = true}}, kNames);
      },
      "start.freeze = '' leaves no parameter that learns");
}

}  // namespace rules_test
}  // namespace clew::train
