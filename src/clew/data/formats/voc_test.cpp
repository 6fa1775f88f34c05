// SPDX-License-Identifier: Apache-2.0
#include "clew/data/formats/voc.h"

#include <gtest/gtest.h>

#include "clew/core/error.h"
#include "tests/support/expect_error.h"

namespace clew::data {
namespace voc_test {

/// As in VOC 2007, with parts of a person and elements that nobody asks for.
constexpr const char* kPerson = R"(<?xml version="1.0"?>
<annotation>
	<folder>VOC2007</folder>
	<filename> 000001.jpg </filename>
	<source><database>The VOC2007 Database</database></source>
	<size><width>353</width><height>500</height><depth>3</depth></size>
	<segmented>1</segmented>
	<object>
		<name>dog &amp; co</name>
		<pose>Left</pose>
		<truncated>1</truncated>
		<difficult>0</difficult>
		<bndbox><xmin>48</xmin><ymin>240</ymin><xmax>195</xmax><ymax>371</ymax></bndbox>
	</object>
	<object>
		<name>person</name>
		<difficult>1</difficult>
		<bndbox><ymax>501</ymax><xmax>352.5</xmax><xmin>0</xmin><ymin>12</ymin></bndbox>
		<part><name>head</name><bndbox><xmin>9</xmin></bndbox></part>
	</object>
</annotation>
)";

TEST(Voc, ReadsObjectsWithEdgesFromZero) {
  const auto annotation = parse_voc(kPerson, "a.xml");
  EXPECT_EQ(annotation.file, "000001.jpg");
  EXPECT_EQ(annotation.width, 353);
  EXPECT_EQ(annotation.height, 500);
  EXPECT_TRUE(annotation.has_masks);
  ASSERT_EQ(annotation.objects.size(), 2U);
  const auto& dog = annotation.objects[0];
  EXPECT_EQ(dog.name, "dog & co");
  EXPECT_EQ(dog.pose, "Left");
  EXPECT_TRUE(dog.is_truncated);
  EXPECT_FALSE(dog.is_difficult);
  EXPECT_EQ(dog.box_xyxy_px, (std::array<double, 4>{47, 239, 195, 371}));
  // Counted from 0 and a pixel too far, as some programs do: cut at the picture.
  EXPECT_EQ(annotation.objects[1].box_xyxy_px, (std::array<double, 4>{0, 11, 352.5, 500}));
  EXPECT_TRUE(annotation.objects[1].is_difficult);
  EXPECT_EQ(annotation.objects[1].pose, "Unspecified");
}

TEST(Voc, WritesWhatItReads) {
  const VocAnnotation annotation{.file = "7.jpg",
                                 .width = 20,
                                 .height = 10,
                                 .has_masks = true,
                                 .objects = {{.name = "a<b>", .box_xyxy_px = {0, 1, 20, 9.25}},
                                             {.name = "c",
                                              .box_xyxy_px = {3, 4, 5, 6},
                                              .pose = "Rear",
                                              .is_truncated = true,
                                              .is_occluded = true,
                                              .is_difficult = true}}};
  const auto text = format_voc(annotation);
  EXPECT_NE(text.find("\t\t<bndbox>\n\t\t\t<xmin>1</xmin>\n\t\t\t<ymin>2</ymin>\n"
                      "\t\t\t<xmax>20</xmax>\n\t\t\t<ymax>9.25</ymax>\n\t\t</bndbox>"),
            std::string::npos)
      << text;
  const auto again = parse_voc(text, "again");
  EXPECT_EQ(again.file, "7.jpg");
  EXPECT_EQ(again.width, 20);
  EXPECT_EQ(again.height, 10);
  EXPECT_TRUE(again.has_masks);
  ASSERT_EQ(again.objects.size(), 2U);
  for (std::size_t i = 0; i < 2; ++i) {
    const auto &one = again.objects[i], &wanted = annotation.objects[i];
    EXPECT_EQ(one.name, wanted.name);
    EXPECT_EQ(one.pose, wanted.pose);
    EXPECT_EQ(one.box_xyxy_px, wanted.box_xyxy_px);
    EXPECT_EQ(one.is_truncated, wanted.is_truncated);
    EXPECT_EQ(one.is_occluded, wanted.is_occluded);
    EXPECT_EQ(one.is_difficult, wanted.is_difficult);
  }
}

TEST(Voc, PictureSizeMayBeMissing) {
  const auto annotation = parse_voc(
      "<annotation><filename>a.jpg</filename><object><name>x</name><bndbox><xmin>1</xmin>"
      "<ymin>1</ymin><xmax>9</xmax><ymax>9</ymax></bndbox></object></annotation>",
      "a.xml");
  EXPECT_EQ(annotation.width, 0);
  EXPECT_EQ(annotation.objects.at(0).box_xyxy_px[3], 9);
}

TEST(Voc, IdsAreTheFirstWordsOfLines) {
  EXPECT_EQ(parse_voc_ids("2007_000027\r\n\n2007_000032  1\n 3 -1", "train.txt"),
            (std::vector<std::string>{"2007_000027", "2007_000032", "3"}));
  expect_error([] { (void)parse_voc_ids(" \n", "train.txt"); },
               "train.txt: must hold the ID of a picture in each line, got none");
  EXPECT_EQ(voc_picture("7"), "JPEGImages/7.jpg");
  EXPECT_EQ(voc_annotation("7"), "Annotations/7.xml");
  EXPECT_EQ(voc_split("val"), "ImageSets/Main/val.txt");
}

TEST(Voc, OneSentencePerError) {
  const auto fault = [](std::string part, const std::string& by) {
    std::string text = kPerson;
    const auto at = text.find(part);
    text.replace(at, part.size(), by);
    return error_of([&] { (void)parse_voc(text, "a.xml"); });
  };
  EXPECT_EQ(fault("<source>", "<source"), "a.xml:5: is not XML: Error parsing start element tag");
  EXPECT_EQ(error_of([] { (void)parse_voc("<html></html>", "a.xml"); }),
            "a.xml: an annotation of Pascal VOC must have a root <annotation>, got 'html'");
  EXPECT_EQ(error_of([] { (void)parse_voc("", "a.xml"); }),
            "a.xml:1: is not XML: No document element found");
  EXPECT_EQ(fault(" 000001.jpg ", " "),
            "a.xml:2: an annotation must have the <filename> of its picture");
  EXPECT_EQ(fault("<width>353", "<width>0"),
            "a.xml:6: <width> of <size> must be a whole number in 1..65535, got '0'");
  EXPECT_EQ(fault("<height>500", "<height>5e1.5"),
            "a.xml:6: <height> of <size> must be a whole number in 1..65535, got '5e1.5'");
  EXPECT_EQ(fault("<truncated>1", "<truncated>yes"),
            "a.xml:8: <truncated> must be 0 or 1, got 'yes'");
  EXPECT_EQ(fault("<name>person</name>", ""), "a.xml:15: an <object> must have a <name>");
  EXPECT_EQ(fault("<xmin>48</xmin>", ""), "a.xml:8: <xmin> of 'dog & co' must be a number, got ''");
  EXPECT_EQ(fault("<xmax>195", "<xmax>355"),
            "a.xml:8: <xmax> of 'dog & co' must lie in the picture, in 1..353, got '355'");
  EXPECT_EQ(fault("<ymax>371", "<ymax>nan"),
            "a.xml:8: <ymax> of 'dog & co' must be a number, got 'nan'");
  EXPECT_EQ(fault("<xmin>48", "<xmin>196"),
            "a.xml:8: the box of 'dog & co' must not be empty, got xmin, ymin, xmax, ymax = 196, "
            "240, 195, 371");
}

}  // namespace voc_test
}  // namespace clew::data
