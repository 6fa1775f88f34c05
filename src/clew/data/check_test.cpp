// SPDX-License-Identifier: Apache-2.0
#include "clew/data/check.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <algorithm>
#include <map>
#include <set>
#include <string>

#include "clew/core/error.h"
#include "clew/core/files.h"
#include "clew/data/folders.h"
#include "clew/data/idx.h"
#include "clew/data/mnist.h"
#include "clew/image/files.h"

namespace clew::data {
namespace check_test {

namespace fs = std::filesystem;
using Bytes = std::vector<std::uint8_t>;

struct CheckData : testing::Test {
  fs::path folder = fs::temp_directory_path() / (std::to_string(::getpid()) + "clew_check_data");
  CheckData() {
    fs::remove_all(folder);
    fs::create_directories(folder);
  }
  ~CheckData() override { fs::remove_all(folder); }

  std::vector<std::string> findings(int threads = 1) const {
    std::vector<std::string> lines;
    for (const auto& one : check_data(folder, {.threads = threads}).findings)
      lines.push_back(one.kind + ": " + one.where + ": " + one.text);
    return lines;
  }
  using Lines = std::vector<std::string>;

  void digits() const {
    write_mnist(folder, Split::kTrain, DrawnDigits({.size = 20, .key = {1}}), true);
    write_mnist(folder, Split::kTest, DrawnDigits({.size = 10, .key = {2}}), false);
  }
  /// A split of different pictures with these labels.
  void numbered(Split part, const Bytes& labels,
                std::vector<std::int64_t> sides = {2, 3, 3}) const {
    const auto count = static_cast<std::int64_t>(labels.size());
    const bool is_train = part == Split::kTrain;
    std::int64_t area = 1;
    for (const std::int64_t side : sides) area *= side;
    sides.insert(sides.begin(), count);
    IdxArray images{.type = IdxType::kU8, .shape = sides, .data = {}};
    for (std::int64_t i = 0; i < count * area; ++i) {
      const std::int64_t number = i / area * 2 + (is_train ? 0 : 1);
      images.data.push_back(static_cast<std::uint8_t>(i % area == 0 ? number % 256 : number / 256));
    }
    write_idx(folder / (is_train ? "train-images-idx3-ubyte" : "t10k-images-idx3-ubyte"), images);
    write_idx(folder / (is_train ? "train-labels-idx1-ubyte" : "t10k-labels-idx1-ubyte"),
              {.type = IdxType::kU8, .shape = {count}, .data = labels});
  }
  void picture(const std::string& name, std::uint8_t grey, int width = 4) const {
    fs::create_directories((folder / name).parent_path());
    image::write(folder / name, image::blank(width, 3, 3, {grey, 9, 9}));
  }
};

TEST_F(CheckData, GoodDigits) {
  digits();
  const auto report = check_data(folder);
  EXPECT_EQ(report.format, "idx");
  EXPECT_EQ(report.classes, 10);
  ASSERT_EQ(report.splits.size(), 2U);
  EXPECT_EQ(report.splits[0].examples, 20);
  EXPECT_EQ(report.splits[1].name, "test");
  EXPECT_TRUE(report.findings.empty());
}

TEST_F(CheckData, WhatCanBeWrongWithDigits) {
  digits();
  const auto test_images = folder / "t10k-images-idx3-ubyte",
             test_labels = folder / "t10k-labels-idx1-ubyte";
  auto images = read_idx(test_images);
  const auto train = read_idx(folder / "train-images-idx3-ubyte.gz");
  std::copy_n(train.data.begin() + 7 * 784, 784, images.data.begin() + 3 * 784);
  write_idx(test_images, images);
  write_idx(test_labels,
            {.type = IdxType::kU8, .shape = {11}, .data = {0, 1, 2, 3, 4, 5, 6, 7, 8, 11, 12}});
  EXPECT_EQ(findings(),
            (Lines{"label: test labels: 2 labels are above 9, the first at place 9 is 11",
                   "gap: test labels: no example of 9", "shape: test: 10 images, 11 labels",
                   "duplicate: test 3: is the same as train 7"}));
  write_file_atomic(test_labels, std::string_view("\0\0\x08\x01\0\0\0\x05xx", 10));
  write_idx(test_images, {.type = IdxType::kU8, .shape = {1, 2, 3}, .data = Bytes(6)});
  EXPECT_EQ(findings(), (Lines{"unreadable: t10k-labels-idx1-ubyte: the header claims 5 bytes of "
                               "numbers, the file has 2",
                               "shape: test: images are 2x3, wanted 28x28, not empty"}));
  fs::remove(test_labels);
  write_idx(test_images, {.type = IdxType::kI16, .shape = {2}, .data = Bytes(4)});
  EXPECT_EQ(
      findings(),
      (Lines{"shape: t10k-images-idx3-ubyte: must be bytes with 3 or 4 sides, got type 11 with 1",
             "unreadable: test: there is no file of labels"}));
}

TEST_F(CheckData, OtherSizesHaveAsManyClassesAsLabelsReach) {
  const auto write = [this](Split part, const Bytes& labels) { numbered(part, labels); };
  write(Split::kTrain, {0, 1, 2, 3});
  write(Split::kTest, {3, 2, 1, 0});
  EXPECT_EQ(findings(), Lines{});
  EXPECT_EQ(check_data(folder).classes, 4);
  write(Split::kTest, {3, 2, 1, 4});
  EXPECT_EQ(findings(),
            (Lines{"label: test labels: 1 labels are above 3, the first at place 3 is 4",
                   "gap: test labels: no example of 0"}));
}

TEST_F(CheckData, AWrongLabelIsOneThing) {
  Bytes many(300);
  for (std::size_t i = 0; i < many.size(); ++i) many[i] = static_cast<std::uint8_t>(i % 5);
  numbered(Split::kTest, many);
  many[17] = 200;
  numbered(Split::kTrain, many);
  EXPECT_EQ(findings(),
            (Lines{"label: train labels: 1 labels are above 4, the first at place 17 is 200"}));
  EXPECT_EQ(check_data(folder).classes, 5);
  // Labels that occur often are classes, and those between are missing.
  numbered(Split::kTrain, {0, 1, 2, 200, 200, 4, 200, 1});
  numbered(Split::kTest, {0, 1, 2, 4, 200});
  EXPECT_EQ(findings(),
            (Lines{"gap: train labels: no example of 3", "gap: train labels: no example of 5..199",
                   "gap: test labels: no example of 3", "gap: test labels: no example of 5..199"}));
}

TEST_F(CheckData, DigitsAreTenUnlessLabelsSayMore) {
  Bytes digits(200), letters(260);
  for (std::size_t i = 0; i < digits.size(); ++i) digits[i] = static_cast<std::uint8_t>(i % 10);
  for (std::size_t i = 0; i < letters.size(); ++i) letters[i] = static_cast<std::uint8_t>(i % 26);
  for (const std::vector<std::int64_t>& sides : {std::vector<std::int64_t>{28, 28}, {42, 42}}) {
    numbered(Split::kTrain, letters, sides);
    numbered(Split::kTest, letters, sides);
    EXPECT_EQ(findings(), Lines{});
    EXPECT_EQ(check_data(folder).classes, 26);
    numbered(Split::kTest, digits, sides);
    Bytes wrong = digits;
    wrong[3] = 10;
    numbered(Split::kTrain, wrong, sides);
    EXPECT_EQ(findings(),
              (Lines{"label: train labels: 1 labels are above 9, the first at place 3 is 10"}));
  }
  numbered(Split::kTrain, {0, 1}, {2, 42, 42});
  EXPECT_EQ(check_data(folder).classes, 19);
}

TEST_F(CheckData, ImagesWithoutLabelsAreNotUnpacked) {
  digits();
  // The header of 2,000,000 digits; reading on would end in another sentence.
  write_file_atomic(folder / "t10k-images-idx3-ubyte",
                    std::string_view("\0\0\x08\x03\0\x1e\x84\x80\0\0\0\x1c\0\0\0\x1c", 16));
  EXPECT_EQ(findings(), (Lines{"unreadable: t10k-images-idx3-ubyte: 2000000 images for 10 labels "
                               "are not unpacked"}));
}

TEST_F(CheckData, EmptyImagesAreBlamedAlone) {
  digits();
  fs::remove(folder / "train-images-idx3-ubyte.gz");
  write_idx(folder / "train-images-idx3-ubyte",
            {.type = IdxType::kU8, .shape = {20, 0, 28}, .data = {}});
  EXPECT_EQ(findings(), (Lines{"shape: train: images are 0x28, which is empty"}));
}

TEST_F(CheckData, GoodPictures) {
  picture("train/a/1.png", 1);
  picture("train/a/same.png", 1);  // twice in one class and split only weighs more
  picture("train/b/1.png", 2);
  picture("val/a/1.png", 3);
  picture("val/b/1.png", 4);
  const auto report = check_data(folder);
  EXPECT_EQ(report.format, "images");
  EXPECT_EQ(report.classes, 2);
  EXPECT_EQ(report.splits[0].examples, 3);
  EXPECT_EQ(report.splits[1].name, "val");
  EXPECT_TRUE(report.findings.empty());
}

TEST_F(CheckData, WhatCanBeWrongWithPictures) {
  picture("train/a/1.png", 1);
  picture("train/a/2.png", 2);
  picture("train/a/wide.png", 3, 6);
  picture("train/b/1.png", 2);
  picture("val/a/1.png", 1);
  picture("val/c/1.png", 9);
  fs::create_directories(folder / "train/d");
  write_file_atomic(folder / "val/a/cut.png", std::string_view("\x89PNG\r\n\x1a\n"));
  write_file_atomic(folder / "val/a/text.jpg", std::string_view("text"));
  const Lines wanted = {"gap: b: no picture in val",
                        "gap: c: no picture in train",
                        "gap: d: no picture in train",
                        "gap: d: no picture in val",
                        "duplicate: train/b/1.png: is the same as train/a/2.png",
                        "duplicate: val/a/1.png: is the same as train/a/1.png",
                        "unreadable: val/a/cut.png: the image is cut short (8 bytes)",
                        "unreadable: val/a/text.jpg: must be a PNG, JPEG, PGM, PPM, BMP, TIFF or "
                        "WebP file, got something else"};
  for (const int threads : {1, 4}) EXPECT_EQ(findings(threads), wanted);
  EXPECT_EQ(check_data(folder).sizes,
            (std::map<std::pair<int, int>, std::int64_t>{{{4, 3}, 5}, {{6, 3}, 1}}));
}

TEST_F(CheckData, WhatIsPassedOverIsCounted) {
  picture("Train/a/1.png", 1);
  picture("Valid/a/2.png", 2);
  picture("more/a/3.png", 3);
  for (const char* name : {"Train/a/1.gif", "Train/a/2.gif", "Valid/README", "Train/a/.hidden"})
    write_file_atomic(folder / name, std::string_view("no picture"));
  const auto report = check_data(folder);
  EXPECT_EQ(report.ignored,
            (std::map<std::string, std::int64_t>{{"", 1}, {".gif", 2}, {"more/", 1}}));
  EXPECT_EQ(report.splits[0].name, "Train");
  EXPECT_TRUE(report.findings.empty());
}

TEST_F(CheckData, OneFolderOfPictures) {
  picture("a/1.png", 1);
  picture("b/1.png", 1);
  EXPECT_EQ(findings(), (Lines{"duplicate: b/1.png: is the same as a/1.png"}));
}

TEST_F(CheckData, CopiesInTwoSplitsOfOneFolderAreFound) {
  for (int i = 0; i < 20; ++i) picture(concat("a/", i, ".png"), 7);
  // ImageFolder says which are for what.
  std::map<std::string, Split> use;
  for (const auto part : {Split::kTrain, Split::kValidation, Split::kTest}) {
    const ImageFolder set(folder, part);
    ASSERT_GT(set.size(), 0);
    for (std::int64_t i = 0; i < set.size(); ++i) use[set.path(i).filename().string()] = part;
  }
  ASSERT_EQ(use.size(), 20U);
  Lines wanted;
  const auto classes = list_classes(folder);
  for (const auto& file : classes[0].files) {
    const std::string name = file.filename().string();
    if (use.at(name) != use.at("0.png"))
      wanted.push_back("duplicate: a/" + name + ": is the same as a/0.png");
  }
  EXPECT_EQ(findings(), wanted);
}

TEST_F(CheckData, TrainValAndTestAreAllRead) {
  picture("train/a/1.png", 1);
  picture("val/a/1.png", 2);
  picture("test/a/1.png", 1);
  picture("test/a/2.png", 2);
  picture("test/b/1.png", 3);
  write_file_atomic(folder / "test/a/text.png", std::string_view("text"));
  EXPECT_EQ(findings(), (Lines{"gap: b: no picture in train", "gap: b: no picture in val",
                               "duplicate: test/a/1.png: is the same as train/a/1.png",
                               "duplicate: test/a/2.png: is the same as val/a/1.png",
                               "unreadable: test/a/text.png: must be a PNG, JPEG, PGM, PPM, BMP, "
                               "TIFF or WebP file, got something "
                               "else"}));
  const auto report = check_data(folder);
  ASSERT_EQ(report.splits.size(), 3U);
  EXPECT_EQ(report.splits[2].name, "test");
  EXPECT_EQ(report.splits[2].examples, 4);
}

TEST_F(CheckData, ALinkThatLeadsNowhereIsUnreadable) {
  picture("a/1.png", 1);
  fs::create_symlink("/nowhere/2.png", folder / "a/2.png");
  EXPECT_EQ(findings(), (Lines{"unreadable: a/2.png: cannot read '" +
                               (folder / "a/2.png").string() + "': No such file or directory"}));
}

TEST_F(CheckData, AFolderThatIsNeither) {
  EXPECT_THROW((void)check_data(folder), Error);
  EXPECT_THROW((void)check_data(folder / "none"), Error);
}

TEST_F(CheckData, SplitsThatLieElsewhere) {
  const auto picture = [&](const char* name, std::uint8_t grey) {
    fs::create_directories((folder / name).parent_path());
    image::write(folder / name, image::blank(3, 2, 3, {grey, grey, grey}));
  };
  for (int i = 0; i < 8; ++i)
    picture(concat("set/a/", i, ".png").c_str(), static_cast<std::uint8_t>(i));
  picture("v/a/x.png", 100);
  picture("t/a/y.png", 100);
  const auto report =
      check_data(folder / "set", {.validation = folder / "v", .test = folder / "t"});
  ASSERT_EQ(report.splits.size(), 3U);
  EXPECT_EQ(report.splits[0].name, "all");
  EXPECT_EQ(report.splits[0].examples, 8);
  EXPECT_EQ(report.splits[1].name, "val");
  EXPECT_EQ(report.splits[2].name, "test");
  ASSERT_EQ(report.findings.size(), 1U);
  EXPECT_EQ(report.findings[0].where, "../t/a/y.png");
  EXPECT_EQ(report.findings[0].text, "is the same as ../v/a/x.png");
}

}  // namespace check_test
}  // namespace clew::data
