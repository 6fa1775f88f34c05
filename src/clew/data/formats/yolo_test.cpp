// SPDX-License-Identifier: Apache-2.0
#include "clew/data/formats/yolo.h"

#include <gtest/gtest.h>

#include <cmath>
#include <string>
#include <vector>

#include "clew/core/error.h"
#include "tests/support/expect_error.h"

namespace clew::data {
namespace yolo_test {

TEST(Yolo, ReadsBoxesAndPolygons) {
  const auto objects = parse_yolo(
      "\xef\xbb\xbf"
      "0 0.5 0.5 0.25 1\r\n\n 12\t.25 0.5 0.5 0 \n1 0 0 1 0 1 .5",
      "a.txt");
  ASSERT_EQ(objects.size(), 3U);
  EXPECT_EQ(objects[0].label, 0);
  EXPECT_EQ(objects[0].box_xyxy, (std::array<double, 4>{0.375, 0, 0.625, 1}));
  EXPECT_EQ(objects[1].label, 12);
  EXPECT_EQ(objects[1].box_xyxy, (std::array<double, 4>{0, 0.5, 0.5, 0.5}));
  EXPECT_TRUE(objects[1].polygon.empty());
  EXPECT_EQ(objects[2].polygon, (std::vector<double>{0, 0, 1, 0, 1, 0.5}));
  EXPECT_EQ(objects[2].box_xyxy, (std::array<double, 4>{0, 0, 1, 0.5}));
  EXPECT_TRUE(std::isnan(parse_yolo("0 nan 0 1 1", "a.txt").at(0).box_xyxy[0]));
  EXPECT_TRUE(parse_yolo("", "a.txt").empty());
}

TEST(Yolo, WritesWhatItReads) {
  const std::string boxes = "3 0.5 0.25 0.125 0.5\n0 0 0 1 0 1 0.5\n";
  EXPECT_EQ(format_yolo(parse_yolo(boxes, "a.txt")), boxes);
  const std::string found = "3 0.5 0.25 0.125 0.5 0.875\n";
  const auto detections = parse_yolo(found, "a.txt", YoloLines::kDetections);
  EXPECT_EQ(detections.at(0).score, 0.875);
  EXPECT_EQ(format_yolo(detections, YoloLines::kDetections), found);
}

TEST(Yolo, OneSentencePerError) {
  const auto fault = [](const std::string& line, YoloLines lines = YoloLines::kObjects) {
    return error_of([&] { (void)parse_yolo("0 0 0 1 1\n" + line, "a.txt", lines); });
  };
  EXPECT_EQ(fault("0 0.5 0.5 1"),
            "a.txt:2: an object must be class, cx, cy, w and h, or class and three or more points, "
            "got 4 values");
  EXPECT_EQ(fault("0 0 0 1 1 0.5"),
            "a.txt:2: an object must be class, cx, cy, w and h, or class and three or more points, "
            "got 6 values");
  EXPECT_EQ(fault("0", YoloLines::kDetections).substr(0, 8), "a.txt:1:");
  EXPECT_EQ(error_of([] { (void)parse_yolo("0 0 0 1 1", "a.txt", YoloLines::kDetections); }),
            "a.txt:1: a detection must be class, cx, cy, w, h and score, got 5 values");
  EXPECT_EQ(fault("dog 0 0 1 1"), "a.txt:2: a class must be a whole number in 0..99999, got 'dog'");
  EXPECT_EQ(fault("-1 0 0 1 1"), "a.txt:2: a class must be a whole number in 0..99999, got '-1'");
  EXPECT_EQ(fault("0 0 0 1 x"), "a.txt:2: value 5 must be a number, got 'x'");
  EXPECT_EQ(fault("0 320 240 10 10"),
            "a.txt:2: value 2 must be relative to the picture, in 0..1, got 320, as if in pixels");
  EXPECT_EQ(error_of([] { (void)parse_yolo("0 0 0 1 1 1.5", "a.txt", YoloLines::kDetections); }),
            "a.txt:1: a score must be in [0,1], got 1.5");
}

std::string text_of(const std::vector<YoloClass>& classes) {
  std::string text;
  for (const auto& one : classes) text += concat(one.id, "=", one.name, " ");
  return text;
}

TEST(YoloNames, AreAListOrAMap) {
  EXPECT_EQ(text_of(parse_yolo_yaml("train: x\nnc: 2\nnames: [dog, 'red: car']\n", "d")),
            "0=dog 1=red: car ");
  EXPECT_EQ(text_of(parse_yolo_yaml("names:\n  2: cat\n  0: dog\n", "d")), "0=dog 2=cat ");
  EXPECT_EQ(text_of(parse_yolo_classes("dog\r\nred car \n\n", "d")), "0=dog 1=red car ");
  // Controls, an end of line of Unicode, a byte-order mark, noncharacters.
  const std::vector<std::string> names = {"a \"b\"",          "yes",
                                          "\xc3\xa9: 1",      " \\ ",
                                          "\x01\n\x7f",       "a\xc2\x85",
                                          "\xe2\x80\xa8",     "\xef\xbb\xbf",
                                          "\xef\xb7\x90",     "\xef\xbf\xbd",
                                          "\xef\xbf\xbe",     "\xef\xbf\xbf",
                                          "\xf0\x9f\xbf\xbe", "\xf4\x8f\xbf\xbf"};
  std::string wanted;
  for (std::size_t i = 0; i < names.size(); ++i) wanted += concat(i, "=", names[i], " ");
  EXPECT_EQ(text_of(parse_yolo_yaml(format_yolo_yaml(names, {"train", "val"}), "d")), wanted);
}

TEST(YoloNames, OneSentencePerError) {
  const auto fault = [](const std::string& yaml) {
    return error_of([&] { (void)parse_yolo_yaml(yaml, "data.yaml"); });
  };
  EXPECT_EQ(fault("a: [1"), "data.yaml:1: is not YAML: end of sequence flow not found");
  EXPECT_EQ(fault("[1]"), "data.yaml: must have 'names', the classes");
  EXPECT_EQ(fault("nc: 2"), "data.yaml: must have 'names', the classes");
  EXPECT_EQ(
      fault("a: 1\nnames: 7"),
      "data.yaml:2: 'names' must be a list of 1..100000 classes, or a map from their numbers, "
      "got '7'");
  EXPECT_EQ(fault("names: [a, a]"),
            "data.yaml: each class must have a name of its own, got 'a' twice");
  EXPECT_EQ(fault("names: [a, [b]]"),
            "data.yaml:1: the name of a class must be a text, got a list or a map");
  EXPECT_EQ(fault("names: {x: a}"),
            "data.yaml:1: the number of a class must be in 0..99999, got 'x'");
  EXPECT_EQ(fault("names: [a]\nnc: 3"),
            "data.yaml:2: 'nc' must be the number of names, 1, got '3'");
  EXPECT_EQ(error_of([] { (void)parse_yolo_classes("a\n\nb\n", "c.txt"); }),
            "c.txt:2: every line must be the name of a class");
  EXPECT_EQ(error_of([] { (void)parse_yolo_classes(" \n", "c.txt"); }),
            "c.txt: must hold the name of a class in each line, got none");
}

}  // namespace yolo_test
}  // namespace clew::data
