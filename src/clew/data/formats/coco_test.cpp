// SPDX-License-Identifier: Apache-2.0
#include "clew/data/formats/coco.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include "clew/core/error.h"
#include "clew/core/files.h"
#include "clew/core/key.h"
#include "tests/support/expect_error.h"

namespace clew::data {
namespace coco_test {

using Mask = std::vector<std::uint8_t>;

TEST(CocoRuns, CompressedAndBack) {
  // From pycocotools: encode() of a mask of 20x30, filled in rows 5..14 and columns 8..19.
  auto filled = Mask(600);
  for (int y = 5; y < 15; ++y)
    for (int x = 8; x < 20; ++x) filled[static_cast<std::size_t>(30 * y + x)] = 1;
  EXPECT_EQ(compressed(runs_of(filled, 30, 20)), "U5::000000000000000000000S6");
  Stream random(Key{4});
  Mask before(600);
  for (int i = 0; i < 30; ++i) {
    Mask mask(600);
    for (auto& pixel : mask) pixel = random.below(static_cast<std::uint32_t>(i) + 1) == 0 ? 1 : 0;
    const auto runs = runs_of(mask, 30, 20);
    EXPECT_EQ(decompressed(compressed(runs), 30, 20, "x").counts, runs.counts);
    std::uint64_t both = 0, area = 0;
    for (std::size_t k = 0; k < mask.size(); ++k) {
      both += mask[k] & before[k];
      area += mask[k];
    }
    EXPECT_EQ(area_of(runs), area);
    EXPECT_EQ(intersection_of(runs, runs_of(before, 30, 20)), both);
    before = mask;
  }
  expect_error([] { (void)decompressed("0", 2, 2, "a.counts"); },
               "a.counts must add up to 2x2 pixels, got 0");
  expect_error([] { (void)decompressed("~", 2, 2, "a.counts"); },
               "a.counts must be run lengths in COCO's compressed form");
  expect_error([&] { (void)intersection_of(runs_of(before, 30, 20), runs_of(before, 20, 30)); },
               "masks must have one size, got 30x20 and 20x30");
}

TEST(CocoRuns, GoColumnByColumn) {
  // . x .
  // x x .
  const Mask mask = {0, 1, 0, 1, 1, 0};
  const auto runs = runs_of(mask, 3, 2);
  EXPECT_EQ(runs.counts, (std::vector<std::uint32_t>{1, 3, 2}));
  EXPECT_EQ(mask_of(runs), mask);
  EXPECT_EQ(runs_of(Mask{1, 1}, 2, 1).counts, (std::vector<std::uint32_t>{0, 2}));
  EXPECT_EQ(runs_of(Mask{0, 0}, 2, 1).counts, (std::vector<std::uint32_t>{2}));
  expect_error([&] { (void)runs_of(mask, 2, 2); }, "a mask must have 2x2 pixels, got 6");
  expect_error(
      [] {
        (void)mask_of({.width = 2, .height = 2, .counts = {1, 2}});
      },
      "run lengths must add up to 2x2 pixels, got 3");
  expect_error(
      [] {
        (void)mask_of({.width = 2, .height = 2, .counts = {1, 9}});
      },
      "run lengths must add up to 2x2 pixels, got more");
}

Mask filled(std::vector<std::vector<double>> polygons, int width, int height) {
  return mask_of(CocoAnnotation{.polygons = std::move(polygons)}, width, height);
}

TEST(CocoPolygons, AreFilledToThePixel) {
  // A rectangle of whole pixels, either way round; a part that lies outside is cut off.
  const Mask wanted = {0, 0, 0, 0, 0,  //
                       0, 1, 1, 1, 0,  //
                       0, 1, 1, 1, 0,  //
                       0, 0, 0, 0, 0};
  EXPECT_EQ(filled({{1, 1, 4, 1, 4, 3, 1, 3}}, 5, 4), wanted);
  EXPECT_EQ(filled({{1, 3, 4, 3, 4, 1, 1, 1}}, 5, 4), wanted);
  EXPECT_EQ(filled({{-7, -7, 2, -7, 2, 1, -7, 1}}, 3, 2), (Mask{1, 1, 0, 0, 0, 0}));
  EXPECT_EQ(filled({{1, 0, 99, 0, 99, 99, 1, 99}}, 3, 2), (Mask{0, 1, 1, 0, 1, 1}));
  // Two parts are one mask; where they overlap, too.
  EXPECT_EQ(filled({{0, 0, 2, 0, 2, 1, 0, 1}, {1, 0, 3, 0, 3, 1, 1, 1}}, 4, 1), (Mask{1, 1, 1, 0}));
  // The half of a square below its diagonal: pixels whose middle is inside or on it.
  EXPECT_EQ(filled({{0, 0, 3, 3, 0, 3}}, 3, 3), (Mask{1, 0, 0, 1, 1, 0, 1, 1, 1}));
  EXPECT_TRUE(filled({}, 3, 3).empty());
}

constexpr const char* kSet = R"({
  "info": {"year": 2026},
  "images": [{"id": 9, "file_name": "a.jpg", "width": 3, "height": 2, "license": 1},
             {"id": -4, "file_name": "b.jpg", "width": 5, "height": 4}],
  "categories": [{"id": 18, "name": "dog", "supercategory": "animal"}, {"id": 3, "name": "car"}],
  "annotations": [
    {"id": 1, "image_id": 9, "category_id": 18, "bbox": [0, 0, 2.5, 2], "area": 3, "iscrowd": 1,
     "segmentation": {"size": [2, 3], "counts": [1, 3, 2]}},
    {"id": 2, "image_id": 9, "category_id": 18, "bbox": [0, 0, 2, 2],
     "segmentation": {"size": [2, 3], "counts": "132"}},
    {"id": 3, "image_id": -4, "category_id": 3, "bbox": [1, 1, 3, 2], "segmentation": [[1, 1, 4, 1, 4, 3, 1, 3]]},
    {"id": 4, "image_id": -4, "category_id": 3, "bbox": [1, 1, 3, 2]}]})";

TEST(Coco, ReadsBoxesAndMasksOfEveryForm) {
  const auto set = parse_coco(kSet, "a.json");
  ASSERT_EQ(set.images.size(), 2U);
  EXPECT_EQ(set.images[1].id, -4);
  EXPECT_EQ(set.images[1].file, "b.jpg");
  EXPECT_EQ(set.images[1].width, 5);
  ASSERT_EQ(set.categories.size(), 2U);
  EXPECT_EQ(set.categories[0].name, "dog");
  EXPECT_EQ(set.categories[0].group, "animal");
  EXPECT_EQ(set.categories[1].group, "");
  ASSERT_EQ(set.annotations.size(), 4U);
  const auto& crowd = set.annotations[0];
  EXPECT_EQ(crowd.image, 9);
  EXPECT_EQ(crowd.category, 18);
  EXPECT_EQ(crowd.box_xyxy_px, (std::array<double, 4>{0, 0, 2.5, 2}));
  EXPECT_EQ(crowd.area_px, 3);
  EXPECT_TRUE(crowd.is_crowd);
  const Mask mask = {0, 1, 0, 1, 1, 0};
  EXPECT_EQ(mask_of(crowd, 3, 2), mask);
  EXPECT_EQ(mask_of(set.annotations[1], 3, 2), mask);
  EXPECT_FALSE(set.annotations[1].is_crowd);
  EXPECT_EQ(set.annotations[1].area_px, 4);
  EXPECT_EQ(mask_of(set.annotations[2], 5, 4), filled({{1, 1, 4, 1, 4, 3, 1, 3}}, 5, 4));
  EXPECT_EQ(set.annotations[2].box_xyxy_px, (std::array<double, 4>{1, 1, 4, 3}));
  EXPECT_TRUE(mask_of(set.annotations[3], 5, 4).empty());
}

TEST(Coco, WritesWhatItReads) {
  const auto text = format_coco(parse_coco(kSet, "a.json"));
  const auto again = parse_coco(text, "again");
  EXPECT_EQ(format_coco(again), text);
  EXPECT_EQ(again.images.size(), 2U);
  EXPECT_EQ(again.annotations.at(1).runs.counts, (std::vector<std::uint32_t>{1, 3, 2}));
  EXPECT_EQ(again.annotations.at(2).polygons.size(), 1U);
}

TEST(Coco, CompressedRunsAreDifferencesFromTheFourthOn) {
  // 4, 3, 40 (two characters), then 3 + 2, 40 - 32 and 5 - 1.
  const auto set = parse_coco(
      R"({"images": [{"id": 1, "file_name": "a", "width": 8, "height": 8}],
          "categories": [{"id": 1, "name": "x"}],
          "annotations": [{"id": 1, "image_id": 1, "category_id": 1, "bbox": [0, 0, 8, 8],
                           "segmentation": {"size": [8, 8], "counts": "43X12POO"}}]})",
      "a.json");
  EXPECT_EQ(set.annotations.at(0).runs.counts, (std::vector<std::uint32_t>{4, 3, 40, 5, 8, 4}));
}

TEST(Coco, AFileIsReadAsAStream) {
  const auto path = std::filesystem::path(testing::TempDir()) / "clew_coco_test.json";
  write_file_atomic(path, std::string_view(kSet));
  EXPECT_EQ(format_coco(read_coco(path)), format_coco(parse_coco(kSet, "a.json")));
  const auto images = read_coco(path, CocoParts::kWithoutAnnotations);
  EXPECT_EQ(images.images.size(), 2U);
  EXPECT_EQ(images.categories.size(), 2U);
  EXPECT_TRUE(images.annotations.empty());
  write_file_atomic(path, std::string_view("[1]"));
  expect_error([&] { (void)read_coco(path); }, path.string() + ": the file must have 'images'");
  std::filesystem::remove(path);
  EXPECT_NE(error_of([&] { (void)read_coco(path); }).find(path.string()), std::string::npos);
  EXPECT_NE(error_of([&] { (void)read_coco(path.parent_path()); }), "no error");
}

TEST(Coco, ATestSetHasNoAnnotations) {
  const auto set = parse_coco(
      "\xef\xbb\xbf{\"images\": [{\"id\": 1, \"file_name\": \"a\", \"width\": 8, \"height\": 8}]}",
      "a.json");
  EXPECT_EQ(set.images.size(), 1U);
  EXPECT_TRUE(set.annotations.empty());
  EXPECT_EQ(coco_annotations("val"), "annotations/instances_val.json");
}

TEST(Coco, OneSentencePerError) {
  const auto fault = [](const std::string& part, const std::string& by) {
    std::string text = kSet;
    const auto at = text.find(part);
    text.replace(at, part.size(), by);
    return error_of([&] { (void)parse_coco(text, "a.json"); });
  };
  EXPECT_EQ(fault("{\"year\"", "{year"), "a.json: is not JSON from its byte 14 on");
  EXPECT_EQ(fault("2.5", "NaN"),
            "a.json: is not JSON from its byte 367 on, where JSON has neither NaN nor Infinity");
  EXPECT_EQ(fault("[0, 0, 2.5, 2]", R"(["0", 0, 2.5, 2])"),
            "a.json: annotations[0].bbox[0] must be a number in -100000..100000, got \"0\"");
  EXPECT_EQ(fault("2026", std::string(70, '[') + std::string(70, ']')),
            "a.json: holds values nested more than 64 deep");
  EXPECT_EQ(fault("\"info\": {", "\"images\": [], \"info\": {"),
            "a.json: images must be there once");
  EXPECT_EQ(fault("2026", "1e999"), "a.json: holds a number that is too large");
  EXPECT_EQ(error_of([] { (void)parse_coco("[1]", "a.json"); }),
            "a.json: the file must have 'images'");
  EXPECT_EQ(fault("\"images\": [", "\"images\": 4, \"x\": ["),
            "a.json: images must be a list, got 4");
  EXPECT_EQ(fault("\"id\": -4", "\"id\": 9"),
            "a.json: images[1].id must be there once, got 9 again");
  EXPECT_EQ(fault("\"id\": 18", "\"id\": 18446744073709551615"),
            "a.json: categories[0].id must be a whole number in "
            "-9223372036854775808..9223372036854775807, got 18446744073709551615");
  EXPECT_EQ(fault("\"a.jpg\"", "[]"), "a.json: images[0].file_name must be a text, got a list");
  EXPECT_EQ(fault("\"width\": 3", "\"width\": 0"),
            "a.json: images[0].width must be a whole number in 1..65535, got 0");
  EXPECT_EQ(fault("\"width\": 3, \"height\": 2", "\"width\": 65535, \"height\": 65535"),
            "a.json: images[0] must have at most 268435456 pixels, got 65535x65535");
  EXPECT_EQ(fault("\"image_id\": 9", "\"image_id\": 8"),
            "a.json: annotations[0].image_id must name an image, got 8");
  EXPECT_EQ(fault("\"category_id\": 18", "\"category_id\": 8"),
            "a.json: annotations[0].category_id must name a category, got 8");
  EXPECT_EQ(fault("[0, 0, 2.5, 2]", "[0, 0, 2.5]"),
            "a.json: annotations[0].bbox must be x, y, width and height, got 3 numbers");
  EXPECT_EQ(fault("[0, 0, 2.5, 2]", "[0, 0, -2.5, 2]"),
            "a.json: annotations[0].bbox[2] must be a number in 0..100000, got -2.5");
  EXPECT_EQ(fault("\"area\": 3", "\"area\": \"\\n\""),
            "a.json: annotations[0].area must be a number in 0..1e+10, got \"\\n\"");
  EXPECT_EQ(fault("\"iscrowd\": 1", "\"iscrowd\": 2"),
            "a.json: annotations[0].iscrowd must be a whole number in 0..1, got 2");
  EXPECT_EQ(fault("[1, 3, 2]", "[1, 3, 3]"),
            "a.json: annotations[0].segmentation.counts must add up to 3x2 pixels, got 7");
  EXPECT_EQ(
      fault("\"132\"", "\"1 2\""),
      "a.json: annotations[1].segmentation.counts must be run lengths in COCO's compressed form");
  EXPECT_EQ(fault("\"132\"", "\"1O2\""),
            "a.json: annotations[1].segmentation.counts must be run lengths, and has a negative or "
            "endless one");
  EXPECT_EQ(fault("\"size\": [2, 3]", "\"size\": [3, 2]"),
            "a.json: annotations[0].segmentation must have the size of its image, 3x2, got 2x3");
  EXPECT_EQ(fault("[[1, 1, 4, 1, 4, 3, 1, 3]]", "[[1, 1, 4, 1]]"),
            "a.json: annotations[2].segmentation[0] must be x and y of three or more points, got 4 "
            "numbers");
}

}  // namespace coco_test
}  // namespace clew::data
