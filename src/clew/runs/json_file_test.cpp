// SPDX-License-Identifier: Apache-2.0
#include "clew/runs/json_file.h"

#include <gtest/gtest.h>

#include <cmath>

#include "clew/core/error.h"
#include "tests/support/expect_error.h"

namespace clew::runs {
namespace json_file_test {

const std::string kText = R"({
  "level": "a",
  "players": [
    {"name": "x", "score": 1},
    {"name": "y",
     "score": "high"},
    [1, 2]
  ],
  "many": [1, null,
    9
  ],
  "none": null
})";

TEST(JsonFile, HandsOutValues) {
  const JsonFile file = parse_json("e.json", kText);
  const Value root(file);
  EXPECT_EQ(root.at("level").string(), "a");
  EXPECT_EQ(root.maybe_string("level"), "a");
  EXPECT_EQ(root.maybe_string("absent"), "");
  EXPECT_FALSE(root.find("none"));
  const auto players = root.at("players").items();
  ASSERT_EQ(players.size(), 3U);
  EXPECT_EQ(players[0].at("score").number(), 1);
  EXPECT_EQ(players[0].at("score").integer(0, 1), 1);
  EXPECT_EQ(players[0].maybe_number("score"), 1.0);
  EXPECT_EQ(players[0].maybe_number("absent"), std::nullopt);
  const auto many = root.at("many").numbers(3);
  EXPECT_EQ(many[0], 1);
  EXPECT_TRUE(std::isnan(many[1]));
}

TEST(JsonFile, EveryWrongValueNamesFileAndPlace) {
  const JsonFile file = parse_json("e.json", kText);
  const Value root(file);
  const auto players = root.at("players").items();
  EXPECT_EQ(error_of([&] { (void)players[1].at("score").number(); }),
            "e.json: players[1].score must be a number, got \"high\"");
  EXPECT_EQ(error_of([&] {
              (void)players[0].at("score").number({2, 3});
            }),
            "e.json: players[0].score must be a number in 2..3, got 1");
  EXPECT_EQ(error_of([&] { (void)players[0].at("score").integer(2, 3); }),
            "e.json: players[0].score must be a whole number in 2..3, got 1");
  EXPECT_EQ(error_of([&] { (void)players[0].at("score").string(); }),
            "e.json: players[0].score must be a string, got 1");
  EXPECT_EQ(error_of([&] { (void)players[0].at("goals"); }),
            "e.json: players[0] must be an object with \"goals\", got an object");
  EXPECT_EQ(error_of([&] { (void)players[2].at("goals"); }),
            "e.json: players[2] must be an object, got a list of 2");
  EXPECT_EQ(error_of([&] { (void)root.at("level").items(); }),
            "e.json: level must be a list, got \"a\"");
  EXPECT_EQ(error_of([&] { (void)root.at("players").items(2); }),
            "e.json: players must be a list of 2, got a list of 3");
  EXPECT_EQ(error_of([&] { (void)root.at("many").numbers(2); }),
            "e.json: many must be a list of 2 numbers, got a list of 3");
  EXPECT_EQ(error_of([&] {
              (void)root.at("many").numbers(3, {0, 5});
            }),
            "e.json: many[2] must be a number in 0..5, got 9");
  EXPECT_EQ(error_of([&] {
              (void)players[2].numbers(2, {0, 1});
            }),
            "e.json: players[2][1] must be a number in 0..1, got 2");
}

TEST(JsonFile, MalformedTextNamesFileAndLine) {
  const auto error = [](const std::string& text) {
    return error_of([&] { (void)parse_json("t.json", text); });
  };
  EXPECT_TRUE(error("{\n\"a\": 1,\n\"b\" 2\n}").starts_with("t.json: malformed JSON: line 3, "))
      << error("{\n\"a\": 1,\n\"b\" 2\n}");
  EXPECT_TRUE(error("{\"a\" 2}").starts_with("t.json: malformed JSON: column 6: "))
      << error("{\"a\" 2}");
  EXPECT_TRUE(error("[1,\n2,\n1e999\n]").starts_with("t.json: malformed JSON: "));
  EXPECT_TRUE(error("").starts_with("t.json: malformed JSON: ")) << error("");
  EXPECT_TRUE(error("[NaN]").starts_with("t.json: malformed JSON: ")) << error("[NaN]");
  EXPECT_EQ(error("[1]"), "no error");
}

TEST(JsonFile, FlagsAndListsMayBeAbsent) {
  const auto file =
      parse_json("e.json", R"({"on": true, "off": null, "word": "true", "list": [1]})");
  const Value root(file);
  EXPECT_TRUE(root.maybe_flag("on"));
  EXPECT_FALSE(root.maybe_flag("off"));
  EXPECT_FALSE(root.maybe_flag("absent"));
  EXPECT_EQ(error_of([&] { (void)root.maybe_flag("word"); }),
            "e.json: word must be true or false, got \"true\"");
  EXPECT_EQ(root.maybe_items("list").size(), 1U);
  EXPECT_TRUE(root.maybe_items("absent").empty());
}

TEST(JsonFile, DeepNestingIsNoStackOverflow) {
  const std::string deep(200000, '[');
  EXPECT_THROW((void)parse_json("deep.json", deep), Error);
}

}  // namespace json_file_test
}  // namespace clew::runs
