// SPDX-License-Identifier: Apache-2.0
#include "clew/data/box_files.h"

#include <gtest/gtest.h>
#include <torch/torch.h>

#include <filesystem>
#include <map>
#include <string>
#include <tuple>
#include <vector>

#include "clew/core/error.h"
#include "clew/core/files.h"
#include "clew/data/box_check.h"
#include "clew/data/scene_files.h"
#include "clew/data/scenes.h"
#include "clew/image/files.h"
#include "tests/support/expect_error.h"

namespace clew::data {
namespace box_files_test {

namespace fs = std::filesystem;

class BoxFiles : public testing::Test {
 protected:
  BoxFiles() : folder_(fs::path(testing::TempDir()) / "clew_box_files") {
    fs::remove_all(folder_);
    make_folders(folder_);
  }
  ~BoxFiles() override { fs::remove_all(folder_); }
  /// Scenes in a format of make_scene_files.
  fs::path scenes(SceneFormat format) const {
    const fs::path to = folder_ / std::string(name_of(format));
    make_scene_files(to, {.format = format,
                          .train = 12,
                          .validation = 4,
                          .test = 4,
                          .scene = {.width = 64, .height = 48}});
    return to;
  }
  static Converted convert(const fs::path& from, const fs::path& to, BoxFormat format) {
    return convert_box_set(from, to, {.files = {.format = format}});
  }
  fs::path folder_;
};

/// Both sets have the same pictures, names of classes and boxes.
void expect_same(const fs::path& a, const fs::path& b, bool has_areas) {
  constexpr double kRounding = 1e-9;  // of adding and dividing edges, pixels
  for (const Split split : {Split::kTrain, Split::kValidation, Split::kTest}) {
    const BoxSet one = read_box_set(a, split), other = read_box_set(b, split);
    ASSERT_EQ(one.pictures.size(), other.pictures.size());
    for (std::size_t i = 0; i < one.pictures.size(); ++i) {
      const auto &left = one.pictures[i], &right = other.pictures[i];
      EXPECT_EQ(left.file.filename(), right.file.filename());
      EXPECT_EQ(read_file(left.file, 1 << 20), read_file(right.file, 1 << 20));
      EXPECT_EQ(left.width, right.width);
      EXPECT_EQ(left.height, right.height);
      ASSERT_EQ(left.objects.size(), right.objects.size());
      for (std::size_t k = 0; k < left.objects.size(); ++k) {
        const auto &x = left.objects[k], &y = right.objects[k];
        EXPECT_EQ(one.classes[static_cast<std::size_t>(x.label)],
                  other.classes[static_cast<std::size_t>(y.label)]);
        for (std::size_t e = 0; e < 4; ++e)
          EXPECT_NEAR(x.box_xyxy_px[e], y.box_xyxy_px[e], kRounding);
        if (has_areas) {
          EXPECT_EQ(x.area_px, y.area_px);
          EXPECT_EQ(x.runs.counts, y.runs.counts);
        }
      }
    }
  }
}

TEST_F(BoxFiles, ScenesAreEqualInEveryFormat) {
  const auto voc = scenes(SceneFormat::kVoc), coco = scenes(SceneFormat::kCoco);
  expect_same(voc, coco, false);
  const Scenes drawn({.size = 12, .width = 64, .height = 48, .key = scene_key({}, Split::kTrain)});
  const auto train = read_box_set(coco, Split::kTrain);
  for (std::int64_t i = 0; i < 12; ++i) {
    const auto example = drawn.get(i, {});
    const auto& picture = train.pictures.at(static_cast<std::size_t>(i));
    ASSERT_EQ(example["boxes"].size(0), std::ssize(picture.objects));
    for (std::int64_t k = 0; k < example["boxes"].size(0); ++k)
      for (std::int64_t e = 0; e < 4; ++e)
        EXPECT_EQ(
            example["boxes"][k][e].item<float>(),
            picture.objects[static_cast<std::size_t>(k)].box_xyxy_px[static_cast<std::size_t>(e)]);
  }
  for (const auto& from : {voc, coco}) {
    for (const BoxFormat format : {BoxFormat::kVoc, BoxFormat::kCoco, BoxFormat::kYolo}) {
      const fs::path to = folder_ / concat("of_", from.filename().string(), name_of(format)),
                     back = folder_ / concat("back_", from.filename().string(), name_of(format));
      const auto done = convert(from, to, format);
      EXPECT_EQ(done.pictures, 20);
      EXPECT_EQ(done.dropped.count, 0);
      EXPECT_EQ(box_format(to), format);
      expect_same(from, to, from == coco && format == BoxFormat::kCoco);
      (void)convert(to, back, BoxFormat::kCoco);
      expect_same(from, back, from == coco && format == BoxFormat::kCoco);
      EXPECT_TRUE(check_boxes(to).findings.empty() || check_boxes(to).findings[0].kind == "class");
    }
  }
}

TEST_F(BoxFiles, WhatAFormatCannotHoldIsSaid) {
  const std::vector<BoxSplit> splits = {
      {.name = "train",
       .pictures = {{.objects = {{.is_crowd = true},
                                 {.is_difficult = true},
                                 {.box_xyxy_px = {0, 0, 2, 2}, .polygons = {{0, 0, 2, 0, 2, 2}}},
                                 {.runs = {.width = 1, .height = 1, .counts = {1}}}}}},
       .names = {"a"}}};
  EXPECT_EQ(
      lost_in(BoxFormat::kCoco, splits),
      (std::vector<std::string>{"COCO cannot hold marks of difficult boxes, which 1 box has"}));
  EXPECT_EQ(lost_in(BoxFormat::kVoc, splits),
            (std::vector<std::string>{"Pascal VOC cannot hold marks of crowds, which 1 box has",
                                      "Pascal VOC cannot hold masks, which 2 objects have"}));
  EXPECT_EQ(lost_in(BoxFormat::kYolo, splits),
            (std::vector<std::string>{
                "YOLO cannot hold marks of crowds, which 1 box has",
                "YOLO cannot hold marks of difficult boxes, which 1 box has",
                "YOLO cannot hold masks other than one polygon with its box, which 1 object has"}));
}

TEST_F(BoxFiles, AllOrNone) {
  const auto voc = scenes(SceneFormat::kVoc);
  const fs::path to = folder_ / "to";
  EXPECT_EQ(error_of([&] {
              (void)convert_box_set(
                  voc, to,
                  {.files = {.format = BoxFormat::kYolo, .should_stop = [] { return true; }}});
            }),
            "stopped with 1 of 20 pictures; nothing is written");
  EXPECT_FALSE(fs::exists(to));
  expect_error([&] { (void)convert(voc, voc, BoxFormat::kVoc); },
               concat("'", voc.string(), "' already holds JPEGImages"));
  fs::remove(voc / "JPEGImages/000003.jpg");
  EXPECT_EQ(error_of([&] { (void)convert(voc, to, BoxFormat::kYolo); }),
            concat("1 picture is missing of 12, the first is '",
                   (voc / "JPEGImages/000003.jpg").string(), "'"));
  EXPECT_FALSE(fs::exists(to));
}

/// Number of findings by kind.
std::map<std::string, int> kinds_of(const CheckReport& report) {
  std::map<std::string, int> kinds;
  for (const auto& one : report.findings) ++kinds[one.kind];
  return kinds;
}

TEST_F(BoxFiles, EveryFaultIsFoundAndMended) {
  const auto set = scenes(SceneFormat::kVoc);
  const fs::path yolo = folder_ / "yolo", mended = folder_ / "mended";
  (void)convert(set, yolo, BoxFormat::kYolo);
  const auto before = kinds_of(check_boxes(yolo));
  const auto label = [&](const char* name, const std::string& text) {
    write_file_atomic(yolo / "labels" / (std::string(name) + ".txt"), text);
  };
  label("train/000001",
        "0 0.5 0.5 0 0.5\n0 1.5 0.5 0.2 0.5\n0 0.9 0.5 0.5 0.5\n0 0.9 0.5 0.5 0.5\n");
  label("train/000002", "0 0.5 0.5 1\n");
  label("train/none", "0 0.5 0.5 1 1\n");
  write_file_atomic(yolo / "images/train/000003.jpg", std::string("no picture"));
  fs::copy_file(yolo / "images/test/000017.jpg", yolo / "images/train/twin.jpg");
  auto found = kinds_of(check_boxes(yolo, {.threads = 2}));
  found.erase("class");
  EXPECT_EQ(found, (std::map<std::string, int>{{"cut", 2},
                                               {"duplicate", 1},
                                               {"missing", 1},
                                               {"no area", 1},
                                               {"outside", 1},
                                               {"twice", 1},
                                               {"unreadable", 2}}));
  for (const auto& [kind, count] : found) EXPECT_FALSE(remedy_of(kind).empty()) << kind;
  (void)fix_boxes(yolo, mended);
  found = kinds_of(check_boxes(mended));
  found.erase("class");
  EXPECT_TRUE(found.empty());
  EXPECT_EQ(read_box_set(mended, Split::kTrain).pictures.size(), 10U);
  EXPECT_EQ(read_box_set(mended, Split::kTest).pictures.size(), 4U);
  const auto first = read_box_set(mended, Split::kTrain).pictures.at(0);
  ASSERT_EQ(first.objects.size(), 1U);
  EXPECT_NEAR(first.objects[0].box_xyxy_px[2], 64, 1e-9);
  EXPECT_NE(error_of([&] { (void)fix_boxes(yolo, yolo); }).find("must go into another folder"),
            std::string::npos);
}

TEST_F(BoxFiles, SizesAndNumbersAreMended) {
  const auto set = scenes(SceneFormat::kCoco);
  const fs::path file = set / "annotations/instances_val.json", mended = folder_ / "mended";
  std::string text = read_file(file, 1 << 24);
  const std::string size = "\"width\":64";
  // The same aspect ratio, then another.
  for (const auto& [height, width, kept] :
       {std::tuple{24, 32, std::size_t{4}}, std::tuple{48, 65, std::size_t{4}},
        std::tuple{48, 80, std::size_t{3}}}) {
    std::string changed = text;
    const auto at = changed.find("\"height\":48");
    changed.replace(at, 11, concat("\"height\":", height));
    changed.replace(changed.find(size, at), size.size(), concat("\"width\":", width));
    // Runs have the image's size.
    while (changed.find("\"segmentation\":{") != std::string::npos)
      changed.replace(changed.find("\"segmentation\":{"), 16, "\"unused\":{");
    for (std::size_t id = changed.find("\"category_id\":12"); id != std::string::npos;
         id = changed.find("\"category_id\":12", id))
      changed.replace(id, 16, "\"category_id\":77");
    changed.replace(changed.find("\"id\":12,\"name\""), 14, "\"id\":77,\"name\"");
    write_file_atomic(file, changed);
    fs::remove_all(mended);
    auto found = kinds_of(fix_boxes(set, mended));
    EXPECT_EQ(found["size"], 1);
    EXPECT_EQ(found["gap"], 0);  // of the training data
    EXPECT_EQ(read_box_set(mended, Split::kValidation).pictures.size(), kept);
    found = kinds_of(check_boxes(mended));
    EXPECT_EQ(found["size"], 0);
  }
}

}  // namespace box_files_test
}  // namespace clew::data
