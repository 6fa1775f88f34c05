// SPDX-License-Identifier: Apache-2.0
#include "clew/data/formats/label_table.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "tests/support/expect_error.h"

namespace clew::data {
namespace {

TEST(LabelTable, HasAColumnForEachClassOrAListOfNames) {
  const auto table =
      parse_label_table("file,cat,\"dog, big\"\r\na.png,1,0\r\n\r\n\"b\"\"c.png\",1,1\r\n", "t");
  EXPECT_EQ(table.classes, (std::vector<std::string>{"cat", "dog, big"}));
  ASSERT_EQ(table.rows.size(), 2U);
  EXPECT_EQ(table.rows[1].file, "b\"c.png");
  EXPECT_EQ(table.rows[0].labels, (std::vector<std::uint8_t>{1, 0}));
  const auto list =
      parse_label_table("file,labels\na.png,sea beach\nb.png,\nc.png,beach;trees", "t");
  EXPECT_EQ(list.classes, (std::vector<std::string>{"beach", "sea", "trees"}));
  EXPECT_EQ(list.rows[0].labels, (std::vector<std::uint8_t>{1, 1, 0}));
  EXPECT_EQ(list.rows[1].labels, (std::vector<std::uint8_t>{0, 0, 0}));
  EXPECT_EQ(list.rows[2].labels, (std::vector<std::uint8_t>{1, 0, 1}));
}

TEST(LabelTable, WhatIsNone) {
  const auto error = [](const std::string& text) {
    return error_of([&] { (void)parse_label_table(text, "t.csv"); });
  };
  EXPECT_EQ(error("name,cat\n"),
            "t.csv:1: the first line must be 'file,CLASS,CLASS,...' or 'file,labels', got "
            "'name,cat'");
  EXPECT_EQ(error("file,cat,cat\n"), "t.csv:1: each class must have a name of its own");
  EXPECT_EQ(error("file,c\xff\n"), "t.csv:1: names of classes must be UTF-8");
  EXPECT_EQ(error("file,labels\na,c\xff\n"), "t.csv:2: names of classes must be UTF-8");
  EXPECT_EQ(error(std::string(9000, 'x')),
            "t.csv:1: the first line must be 'file,CLASS,CLASS,...' or 'file,labels', got '" +
                std::string(80, 'x') + "...'");
  EXPECT_EQ(error("file,cat\n"), "t.csv: must name at least one picture");
  EXPECT_EQ(error("file,labels\na,\n"), "t.csv: must name at least one label");
  EXPECT_EQ(error("file,cat\na,2\n"), "t.csv:2: label 'cat' must be 0 or 1, got '2'");
  EXPECT_EQ(error("file,cat\na,1,1\n"), "t.csv:2: a line must have 2 values, got 3");
  EXPECT_EQ(error("file,cat\na,1\na,0\n"), "t.csv:3: 'a' is there twice");
  EXPECT_EQ(error("file,cat\n../a,1\n"),
            "t.csv:2: a file must be a path below the table's folder, got '../a'");
  EXPECT_EQ(error("file,cat\n/a,1\n"),
            "t.csv:2: a file must be a path below the table's folder, got '/a'");
  EXPECT_EQ(error("file,cat\n\"a,1\n"), "t.csv:2: a quoted value must end with a quote");
}

}  // namespace
}  // namespace clew::data
