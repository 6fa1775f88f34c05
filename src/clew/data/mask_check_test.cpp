// SPDX-License-Identifier: Apache-2.0
#include "clew/data/mask_check.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <cstdint>
#include <filesystem>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "clew/core/error.h"
#include "clew/core/files.h"
#include "clew/data/formats/masks.h"
#include "clew/image/files.h"
#include "tests/support/expect_error.h"

namespace clew::data {
namespace mask_check_test {

namespace fs = std::filesystem;
using Lines = std::vector<std::string>;

class MaskCheck : public testing::Test {
 protected:
  MaskCheck() : folder_(fs::path(testing::TempDir()) / "clew_mask_check") {
    fs::remove_all(folder_);
    // Two good pairs, of CamVid's layout.
    for (const char* split : {"train", "test"}) {
      picture(concat(split, "/a.png"), ++grey_);
      mask(concat(split, "annot/a.png"), {0, 1, 1, 255});
    }
    write_file_atomic(folder_ / "labels.txt", std::string_view("sky\nroad\n"));
  }
  ~MaskCheck() override { fs::remove_all(folder_); }

  void picture(const std::string& file, int grey, int width = 2) const {
    make_folders((folder_ / file).parent_path());
    const auto value = static_cast<std::uint8_t>(grey);
    image::write(folder_ / file, image::blank(width, 2, 3, {value, value, value}));
  }
  void mask(const std::string& file, const std::vector<std::uint16_t>& values,
            bool has_other_palette = false) const {
    make_folders((folder_ / file).parent_path());
    auto palette = voc_palette();
    if (has_other_palette) palette[1] = {1, 2, 3};
    const auto png = image::encode_values({.width = 2, .height = 2, .values = values}, palette);
    write_file_atomic(folder_ / file, std::as_bytes(std::span(png)));
  }
  Lines findings(const CheckOptions& options = {}) const {
    Lines lines;
    for (const auto& one : check_data(folder_, options).findings)
      lines.push_back(concat(one.kind, ": ", one.where, ": ", one.text));
    return lines;
  }

  fs::path folder_;
  int grey_ = 0;
};

TEST_F(MaskCheck, NothingIsWrong) {
  const auto report = check_data(folder_);
  EXPECT_EQ(report.format, "masks");
  EXPECT_EQ(report.classes, 2);
  ASSERT_EQ(report.splits.size(), 2U);
  EXPECT_EQ(report.splits[1].name, "test");
  EXPECT_EQ(report.splits[1].examples, 1);
  EXPECT_EQ(findings(), Lines());
}

TEST_F(MaskCheck, EveryFault) {
  picture("train/b.png", ++grey_);  // without a mask
  mask("trainannot/c.png", {0, 0, 0, 0});
  picture("train/d.png", ++grey_, 3);
  mask("trainannot/d.png", {0, 0, 0, 0});
  picture("train/e.png", ++grey_);
  mask("trainannot/e.png", {0, 7, 7, 0});
  picture("train/f.png", ++grey_);
  mask("trainannot/f.png", {255, 255, 255, 255});
  picture("train/g.png", ++grey_);
  mask("trainannot/g.png", {0, 1, 0, 0}, true);
  picture("train/h.png", ++grey_);
  picture("trainannot/h.png", 9);  // of colours
  picture("train/i.png", 2);       // as test/a.png
  mask("trainannot/i.png", {0, 0, 0, 0});
  write_file_atomic(folder_ / "labels.txt", std::string_view("sky\nroad\ntree\n"));
  const Lines wanted = {
      "unpaired: train/b.png: has no mask in trainannot",
      "unpaired: trainannot/c.png: has no picture in train",
      "mask size: trainannot/d.png: is 2x2, its picture 3x2",
      "value: trainannot/e.png: 2 pixels are not in 0..2 or 255, but 7 and the like",
      "void: trainannot/f.png: all pixels are 255",
      "palette: trainannot/g.png: has (1, 2, 3) for class 1, road; trainannot/a.png has (128, 0, "
      "0)",
      "unreadable: trainannot/h.png: must have one value a pixel, a palette's index or a grey, got "
      "3 channels; a mask of colours is to be saved with a palette that has each class at its "
      "number",
      "duplicate: train/i.png: of train is the same as test/a.png of test",
      "class: class 2, tree: has no pixel"};
  EXPECT_EQ(findings(), wanted);
  EXPECT_EQ(findings({.threads = 3}), wanted);
  for (const auto& line : wanted)
    EXPECT_FALSE(mask_remedy_of(line.substr(0, line.find(':'))).empty()) << line;
  EXPECT_TRUE(mask_remedy_of("none").empty());
}

TEST_F(MaskCheck, ClassesByNumber) {
  fs::remove(folder_ / "labels.txt");
  mask("testannot/a.png", {0, 3, 3, 1});
  EXPECT_EQ(findings(),
            (Lines{"class: class 2: has no pixel", "class: class 3: is in test alone"}));
  EXPECT_EQ(findings({.classes = {"a", "b"}}),
            (Lines{"value: testannot/a.png: 2 pixels are not in 0..1 or 255, but 3 and the like"}));
}

TEST_F(MaskCheck, VocsListsWithoutFiles) {
  fs::remove_all(folder_);
  picture("JPEGImages/a.jpg", 1);
  mask("SegmentationClass/a.png", {0, 0, 1, 1});
  picture("JPEGImages/b.jpg", 90);
  make_folders(folder_ / "ImageSets/Segmentation");
  write_file_atomic(folder_ / mask_split("train"), std::string_view("a\nb\n"));
  EXPECT_EQ(findings(), (Lines{"unpaired: SegmentationClass/b.png: there is no such mask"}));
}

TEST_F(MaskCheck, OtherFoldersAreForClasses) {
  expect_error<UsageError>(
      [&] { (void)check_data(folder_, {.test = folder_}); },
      concat("validation and test are for a folder of pictures by class, got '", folder_.string(),
             "'"));
}

}  // namespace mask_check_test
}  // namespace clew::data
