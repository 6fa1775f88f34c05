// SPDX-License-Identifier: Apache-2.0
#include "clew/report/json_file.h"

#include <gtest/gtest.h>

#include <cmath>

#include "clew/core/error.h"
#include "tests/support/expect_error.h"

namespace clew::report {
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

TEST(JsonFile, EveryWrongValueNamesFileLineAndPlace) {
  const JsonFile file = parse_json("e.json", kText);
  const Value root(file);
  const auto players = root.at("players").items();
  EXPECT_EQ(error_of([&] { (void)players[1].at("score").number(); }),
            "e.json:6: players[1].score must be a number, got \"high\"");
  EXPECT_EQ(error_of([&] {
              (void)players[0].at("score").number({2, 3});
            }),
            "e.json:4: players[0].score must be a number in 2..3, got 1");
  EXPECT_EQ(error_of([&] { (void)players[0].at("score").integer(2, 3); }),
            "e.json:4: players[0].score must be a whole number in 2..3, got 1");
  EXPECT_EQ(error_of([&] { (void)players[0].at("score").string(); }),
            "e.json:4: players[0].score must be a string, got 1");
  EXPECT_EQ(error_of([&] { (void)players[0].at("goals"); }),
            "e.json:4: players[0] must be an object with \"goals\", got an object");
  EXPECT_EQ(error_of([&] { (void)players[2].at("goals"); }),
            "e.json:7: players[2] must be an object, got a list of 2");
  EXPECT_EQ(error_of([&] { (void)root.at("level").items(); }),
            "e.json:2: level must be a list, got \"a\"");
  EXPECT_EQ(error_of([&] { (void)root.at("players").items(2); }),
            "e.json:3: players must be a list of 2, got a list of 3");
  EXPECT_EQ(error_of([&] { (void)root.at("many").numbers(2); }),
            "e.json:9: many must be a list of 2 numbers, got a list of 3");
  // The 9 stands alone on line 10, with nothing but the end of the line after it.
  EXPECT_EQ(error_of([&] {
              (void)root.at("many").numbers(3, {0, 5});
            }),
            "e.json:10: many[2] must be a number in 0..5, got 9");
  EXPECT_EQ(error_of([&] {
              (void)players[2].numbers(2, {0, 1});
            }),
            "e.json:7: players[2][1] must be a number in 0..1, got 2");
}

TEST(JsonFile, MalformedTextNamesFileAndLine) {
  const auto error = [](const std::string& text) {
    return error_of([&] { (void)parse_json("t.json", text); });
  };
  EXPECT_EQ(error("{\n\"a\": 1,\n\"b\" 2\n}").rfind("t.json:3: malformed JSON: ", 0), 0U)
      << error("{\n\"a\": 1,\n\"b\" 2\n}");
  EXPECT_EQ(error("{\n\"a\": [1,\n").rfind("t.json:2: malformed JSON: ", 0), 0U)
      << error("{\n\"a\": [1,\n");
  EXPECT_EQ(error("[1,\n2,\n1e999\n]").rfind("t.json:3: malformed JSON: ", 0), 0U)
      << error("[1,\n2,\n1e999\n]");
  EXPECT_EQ(error("").rfind("t.json:1: malformed JSON: ", 0), 0U) << error("");
  EXPECT_EQ(error("[NaN]").rfind("t.json:1: malformed JSON: ", 0), 0U) << error("[NaN]");
  EXPECT_EQ(error("[1]").find("malformed"), std::string::npos);
}

TEST(JsonFile, ALineOfALargerFileKeepsItsNumber) {
  const JsonFile file = parse_json("m.jsonl", R"({"step": "x"})", 41);
  EXPECT_EQ(error_of([&] { (void)Value(file).at("step").number(); }),
            "m.jsonl:41: step must be a number, got \"x\"");
  EXPECT_EQ(error_of([&] { (void)parse_json("m.jsonl", "{", 7); }).rfind("m.jsonl:7: ", 0), 0U);
}

TEST(JsonFile, DeepNestingIsNoStackOverflow) {
  const std::string deep(200000, '[');
  EXPECT_THROW((void)parse_json("deep.json", deep), Error);
}

}  // namespace json_file_test
}  // namespace clew::report
