// SPDX-License-Identifier: Apache-2.0
#include "clew/data/box_pictures.h"

#include <gtest/gtest.h>
#include <torch/torch.h>

#include <cstdlib>
#include <filesystem>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "clew/core/files.h"
#include "clew/core/log.h"
#include "clew/data/views.h"
#include "clew/image/files.h"
#include "tests/support/expect_error.h"

namespace clew::data {
namespace box_pictures_test {

namespace fs = std::filesystem;

std::string object_text(const std::string& name, int left, int top, int right, int bottom) {
  return concat("<object><name>", name, "</name><bndbox><xmin>", left + 1, "</xmin><ymin>", top + 1,
                "</ymin><xmax>", right, "</xmax><ymax>", bottom, "</ymax></bndbox></object>");
}

/// Pascal VOC with pictures of 8x6 pixels.
class BoxFolder : public testing::Test {
 protected:
  BoxFolder() : folder_(fs::path(testing::TempDir()) / "clew_box_pictures") {
    fs::remove_all(folder_);
    config_.dir = folder_.string();
    config_.validation_share = 0.001;
    set_log_sink([this](LogLevel, const std::string& line) { log_.push_back(line); });
  }
  ~BoxFolder() override {
    set_log_sink({});
    fs::remove_all(folder_);
  }
  void picture(const std::string& id, const std::string& objects, int width = 8, int height = 6) {
    for (const char* part : {"JPEGImages", "Annotations", "ImageSets/Main"})
      make_folders(folder_ / part);
    image::write(folder_ / "JPEGImages" / (id + ".png"), image::blank(8, 6));
    write_file_atomic(
        folder_ / "Annotations" / (id + ".xml"),
        concat("<annotation><filename>", id, ".png</filename><size><width>", width,
               "</width><height>", height, "</height></size>", objects, "</annotation>"));
  }
  void list(const std::string& split, const std::string& ids) {
    write_file_atomic(folder_ / "ImageSets/Main" / (split + ".txt"), ids);
  }
  fs::path folder_;
  BoxDataConfig config_;
  std::vector<std::string> log_;
};

TEST_F(BoxFolder, HasClippedBoxesAndWithoutDegenerateOnes) {
  picture("a", object_text("dog", -2, 1, 4, 5) + object_text("cat", 3, 3, 3, 5) +
                   object_text("cat", 9, 3, 12, 5) + object_text("cat", 0, 0, 8, 6));
  picture("b", "");
  list("train", "a\n");
  list("val", "b\n");
  const BoxPictures set(config_, Split::kTrain);
  EXPECT_EQ(set.class_names(), (std::vector<std::string>{"cat", "dog"}));
  ASSERT_EQ(log_.size(), 1U);
  EXPECT_EQ(
      log_[0],
      concat("'", folder_.string(),
             "', split train: 2 boxes have no area in the picture, the first is in '",
             (folder_ / "JPEGImages/a.png").string(), "': box 2, cat (3, 3, 3, 5); left out"));
  const auto batch = batch_of(set, {0, 0}, {{}, {}});
  EXPECT_EQ(batch.names(),
            (std::vector<std::string>{"image", "boxes", "labels", "areas", "crowd", "difficult"}));
  for (const auto& name : batch.names()) EXPECT_TRUE(batch.is_listed(name));
  EXPECT_EQ(batch.list("image")[1].sizes(), (std::vector<std::int64_t>{3, 6, 8}));
  EXPECT_TRUE(
      batch.list("boxes")[0].equal(torch::tensor({{0.F, 1.F, 4.F, 5.F}, {0.F, 0.F, 8.F, 6.F}})));
  EXPECT_TRUE(batch.list("labels")[0].equal(torch::tensor({1, 0}, torch::kInt64)));
  EXPECT_TRUE(batch.list("areas")[0].equal(torch::tensor({16.F, 48.F})));
  EXPECT_FALSE(batch.list("crowd")[0].any().item<bool>());

  const BoxPictures test(config_, Split::kTest);  // val is the test set
  EXPECT_EQ(test.class_names(), set.class_names());
  const auto empty = test.get(0, {});
  EXPECT_EQ(empty["boxes"].sizes(), (std::vector<std::int64_t>{0, 4}));
  EXPECT_NE(set.content_hash(), test.content_hash());

  config_.degenerate = Degenerate::kRefuse;
  EXPECT_NE(error_of([&] { (void)BoxPictures(config_, Split::kTrain); }).find("leaves them out"),
            std::string::npos);
}

TEST_F(BoxFolder, ListedPicturesPassThroughViews) {
  picture("a", object_text("dog", 0, 0, 2, 2) + object_text("dog", 6, 4, 8, 6));
  picture("b", object_text("dog", 0, 0, 2, 2));
  list("train", "a\n");
  list("test", "b\n");
  const auto set = std::make_shared<const BoxPictures>(config_, Split::kTrain);
  const ViewedSet viewed(set, parse_views({"crop=4x4"}));
  const auto example = viewed.get(0, {});
  EXPECT_EQ(example["image"].sizes(), (std::vector<std::int64_t>{3, 4, 4}));
  EXPECT_EQ(example["boxes"].size(0), 0);
  EXPECT_EQ(example["difficult"].size(0), 0);
  const ViewedSet padded(set, parse_views({"pad=4", "flip"}));
  EXPECT_EQ(padded.get(0, {})["labels"].size(0), 2);
}

/// JPEG of 8x6 stored pixels with an EXIF orientation.
std::vector<std::uint8_t> turned_jpeg(std::uint8_t orientation) {
  auto file = image::encode(image::blank(8, 6), {.format = image::Format::kJpeg});
  const std::vector<std::uint8_t> exif = {
      0xff, 0xe1, 0,    34, 'E', 'x', 'i', 'f', 0, 0, 'I',         'I', '*', 0, 8, 0, 0, 0,
      1,    0,    0x12, 1,  3,   0,   1,   0,   0, 0, orientation, 0,   0,   0, 0, 0, 0, 0};
  file.insert(file.begin() + 2, exif.begin(), exif.end());
  return file;
}

TEST_F(BoxFolder, PicturesHaveTheOrientationOfTheirAnnotation) {
  for (const bool is_stored : {true, false}) {
    picture("a", object_text("dog", 0, 0, 2, 2), is_stored ? 8 : 6, is_stored ? 6 : 8);
    picture("b", "");
    fs::remove(folder_ / "JPEGImages/a.png");
    const auto jpeg = turned_jpeg(6);
    write_file_atomic(folder_ / "JPEGImages/a.jpg", std::as_bytes(std::span(jpeg)));
    list("train", "a\n");
    list("test", "b\n");
    const auto sides = image::read_sides(folder_ / "JPEGImages/a.jpg");
    EXPECT_EQ(sides.width, 6);
    EXPECT_EQ(sides.height, 8);
    EXPECT_EQ(sides.orientation, 6);
    const BoxPictures set(config_, Split::kTrain);
    EXPECT_EQ(set.get(0, {})["image"].size(1), is_stored ? 6 : 8);
  }
  picture("a", object_text("dog", 0, 0, 2, 2), 9, 6);
  fs::remove(folder_ / "JPEGImages/a.jpg");
  expect_error([&] { (void)BoxPictures(config_, Split::kTrain).get(0, {}); },
               concat("'", (folder_ / "JPEGImages/a.png").string(),
                      "' must have the size of its annotation, 9x6, got 8x6"));
  picture("a", object_text("dog", 0, 0, 2, 2), 0, 0);  // not given
  EXPECT_EQ(BoxPictures(config_, Split::kTrain).get(0, {})["boxes"].size(0), 1);
}

TEST_F(BoxFolder, MasksAreThoseOfCoco) {
  make_folders(folder_ / "annotations");
  for (const char* split : {"train", "val"}) {
    make_folders(folder_ / split);
    image::write(folder_ / split / "a.png", image::blank(8, 6));
    write_file_atomic(folder_ / "annotations" / concat("instances_", split, ".json"),
                      R"({"images": [{"id": 1, "file_name": "a.png", "width": 8, "height": 6}],
 "categories": [{"id": 1, "name": "dog"}], "annotations": [
 {"id": 1, "image_id": 1, "category_id": 1, "bbox": [1, 1, 3, 2], "area": 5,
  "segmentation": [[1, 1, 4, 1, 4, 3, 1, 3]]},
 {"id": 2, "image_id": 1, "category_id": 1, "bbox": [0, 0, 1, 6],
  "segmentation": {"size": [6, 8], "counts": [0, 6, 42]}}]})");
  }
  const BoxPictures set(config_, Split::kTrain, true);
  const auto example = set.get(0, {});
  EXPECT_EQ(set.columns().back().name, "masks");
  EXPECT_EQ(example["masks"].sizes(), (std::vector<std::int64_t>{2, 6, 8}));
  EXPECT_EQ(example["masks"].sum({1, 2}).equal(torch::tensor({6, 6}, torch::kInt64)), true);
  EXPECT_TRUE(example["areas"].equal(torch::tensor({5.F, 6.F})));
  (void)batch_of(set, {0}, {{}});
}

TEST_F(BoxFolder, AnObjectWithoutAMaskIsRefusedWhereMasksAreWanted) {
  picture("a", object_text("dog", 0, 0, 2, 2));
  picture("b", "");
  list("train", "a\n");
  list("test", "b\n");
  expect_error([&] { (void)BoxPictures(config_, Split::kTrain, true); },
               concat("'", (folder_ / "JPEGImages/a.png").string(),
                      "': every object must have a mask, got 'dog' without one"));
  expect_error<UsageError>([] { (void)BoxPictures({}, Split::kTrain); },
                           "data.dir must name a folder of pictures with boxes");
}

TEST(SceneBoxes, HaveTheColumnsOfFiles) {
  const SceneBoxes set({.size = 4, .width = 48, .height = 32}, true);
  const auto batch = batch_of(set, {0, 1}, {{}, {}});
  EXPECT_EQ(batch.names().size(), box_columns(true).size());
  for (std::size_t i = 0; i < 2; ++i) {
    const auto& masks = batch.list("masks")[i];
    EXPECT_TRUE(batch.list("areas")[i].equal(masks.sum({1, 2}).to(torch::kFloat32)));
    EXPECT_EQ(batch.list("crowd")[i].sizes(), batch.list("labels")[i].sizes());
    EXPECT_FALSE(batch.list("difficult")[i].any().item<bool>());
  }
  EXPECT_EQ(SceneBoxes({.size = 4}).get(0, {}).columns().size(), 6U);
}

/// Blood cells (CLEW_DATA/bccd), of which two boxes have no area.
TEST(Bccd, IsReadAsItIs) {
  const char* const given = std::getenv("CLEW_DATA");
  const fs::path folder = fs::path(given != nullptr ? given : CLEW_DATA_DEFAULT) / "bccd";
  if (!fs::exists(folder)) GTEST_SKIP() << "needs the blood cells in CLEW_DATA/bccd";
  const auto train = read_box_set(folder, Split::kTrain),
             val = read_box_set(folder, Split::kValidation),
             test = read_box_set(folder, Split::kTest);
  EXPECT_EQ(train.classes, (std::vector<std::string>{"Platelets", "RBC", "WBC"}));
  EXPECT_EQ(train.pictures.size(), 205U);
  EXPECT_EQ(val.pictures.size(), 87U);
  EXPECT_EQ(test.pictures.size(), 72U);
  std::vector<int> counts(3);
  std::int64_t dropped = 0;
  for (auto set : {train, val, test}) {
    for (const auto& picture : set.pictures)
      for (const auto& object : picture.objects) ++counts[static_cast<std::size_t>(object.label)];
    dropped += drop_degenerate(set).count;
  }
  EXPECT_EQ(counts, (std::vector<int>{361, 4155, 372}));
  EXPECT_EQ(dropped, 2);
}

}  // namespace box_pictures_test
}  // namespace clew::data
