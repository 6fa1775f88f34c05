// SPDX-License-Identifier: Apache-2.0
#include "clew/data/mask_pictures.h"

#include <gtest/gtest.h>
#include <torch/torch.h>

#include <filesystem>
#include <span>
#include <string>
#include <vector>

#include "clew/core/error.h"
#include "clew/core/files.h"
#include "clew/data/formats/masks.h"
#include "clew/image/files.h"
#include "tests/support/expect_error.h"

namespace clew::data {
namespace mask_pictures_test {

namespace fs = std::filesystem;

class MaskFolder : public testing::Test {
 protected:
  MaskFolder() : folder_(fs::path(testing::TempDir()) / "clew_mask_pictures") {
    fs::remove_all(folder_);
    config_.dir = folder_.string();
    config_.classes = {"sky", "void", "road"};
    config_.ignored = {"void"};
  }
  ~MaskFolder() override { fs::remove_all(folder_); }

  void picture(const std::string& file, int width = 3, int height = 2) const {
    make_folders((folder_ / file).parent_path());
    image::write(folder_ / file, image::blank(width, height));
  }
  void mask(const std::string& file, const std::vector<std::uint16_t>& values, int width = 3,
            int height = 2) const {
    make_folders((folder_ / file).parent_path());
    const auto png =
        image::encode_values({.width = width, .height = height, .values = values}, voc_palette());
    write_file_atomic(folder_ / file, std::as_bytes(std::span(png)));
  }
  void camvid() const {
    for (const char* split : {"train", "val", "test"}) {
      picture(concat(split, "/a.png"));
      mask(concat(split, "annot/a.png"), {0, 1, 2, 255, 0, 2});
    }
  }
  std::string fault() const {
    return error_of([&] { (void)MaskPictures(config_, Split::kTrain).get(0, Key{}); });
  }

  fs::path folder_;
  MaskDataConfig config_;
};

/// A panoptic set of one picture a split: a crowd of sky, a road, and a pixel of nothing.
TEST_F(MaskFolder, PanopticMasksOfCoco) {
  for (const std::string split : {"train", "val"}) {
    picture(split + "2017/7.jpg");
    image::Image colours = image::blank(3, 2, 3);
    colours.pixels = {1, 2, 0, 1, 2, 0, 0, 0, 0, 5, 0, 9, 5, 0, 9, 1, 2, 0};
    make_folders(folder_ / ("annotations/panoptic_" + split + "2017"));
    image::write(folder_ / ("annotations/panoptic_" + split + "2017/7.png"), colours);
    write_file_atomic(
        folder_ / ("annotations/panoptic_" + split + "2017.json"),
        std::string(R"({"images": [{"id": 3, "file_name": "7.jpg", "width": 3, "height": 2}],
  "categories": [{"id": 40, "name": "road"}, {"id": 2, "name": "sky"}],
  "annotations": [{"image_id": 3, "file_name": "7.png", "segments_info": [
    {"id": 589829, "category_id": 40, "area": 2, "bbox": [0, 1, 2, 1], "iscrowd": 0},
    {"id": 513, "category_id": 2, "area": 3, "bbox": [0, 0, 3, 2], "iscrowd": 1}]}]})"));
  }
  config_.classes = config_.ignored = {};
  config_.validation_share = 0.5;
  const MaskPictures set(config_, Split::kTest);
  EXPECT_EQ(set.class_names(), (std::vector<std::string>{"sky", "road"}));
  EXPECT_TRUE(
      set.get(0, Key{})["mask"].equal(torch::tensor({{0, 0, 255}, {1, 1, 0}}, torch::kUInt8)));
  EXPECT_TRUE(has_masks(folder_));
  EXPECT_EQ(mask_class_names(folder_), set.class_names());

  image::write(folder_ / "annotations/panoptic_val2017/7.png", image::blank(3, 2, 3, {7, 0, 0}));
  expect_error([&] { (void)set.get(0, Key{}); },
               concat("'", (folder_ / "annotations/panoptic_val2017/7.png").string(),
                      "': pixel 0, 0 must be of a segment, got 7"));
  config_.classes = {"road", "sky"};
  expect_error([&] { (void)MaskPictures(config_, Split::kTest); },
               "data.classes must be those of the panoptic masks of the split test, sky, road, got "
               "road, sky");
  fs::remove(folder_ / "val2017/7.jpg");
  expect_error(
      [&] { (void)MaskPictures(config_, Split::kTest); },
      concat((folder_ / "annotations/panoptic_val2017.json").string(),
             ": image 3 must have a file '", (folder_ / "val2017/7.jpg").string(), "', got none"));
}

TEST_F(MaskFolder, CamvidsIgnoredClassIsNotCounted) {
  camvid();
  const MaskPictures set(config_, Split::kTest);
  EXPECT_EQ(set.class_names(), (std::vector<std::string>{"sky", "road"}));
  EXPECT_EQ(set.origin(0), (folder_ / "test/a.png").string());
  const auto example = set.get(0, Key{});
  EXPECT_EQ(example["image"].sizes(), torch::IntArrayRef({3, 2, 3}));
  EXPECT_TRUE(
      example["mask"].equal(torch::tensor({0, 255, 1, 255, 0, 1}).to(torch::kUInt8).view({2, 3})));
}

TEST_F(MaskFolder, VocsListsAndLabels) {
  for (const char* id : {"a", "b", "c"}) {
    picture(concat("JPEGImages/", id, ".jpg"));
    mask(concat("SegmentationClass/", id, ".png"), {0, 1, 1, 0, 0, 255});
  }
  make_folders(folder_ / "ImageSets/Segmentation");
  write_file_atomic(folder_ / mask_split("train"), std::string_view("a\nb\n"));
  write_file_atomic(folder_ / mask_split("val"), std::string_view("c\n"));
  write_file_atomic(folder_ / kLabelsFile, std::string_view("background\ncow\n"));
  config_.classes.clear();
  config_.ignored.clear();
  config_.validation_share = 0.001;
  // A val without a test set is the test set.
  const MaskPictures test(config_, Split::kTest), train(config_, Split::kTrain);
  EXPECT_EQ(test.size(), 1);
  EXPECT_EQ(train.size(), 2);
  EXPECT_EQ(test.class_names(), (std::vector<std::string>{"background", "cow"}));
  EXPECT_NE(test.content_hash(), train.content_hash());
}

TEST_F(MaskFolder, WithoutSplitsAllAreSharedByName) {
  for (int i = 0; i < 40; ++i) {
    picture(concat("images/", i, ".png"));
    mask(concat("masks/", i, ".png"), {0, 0, 0, 0, 0, 0});
  }
  std::size_t all = 0;
  for (const auto split : {Split::kTrain, Split::kValidation, Split::kTest})
    all += list_masks(folder_, split).size();
  EXPECT_EQ(all, 40U);
}

TEST_F(MaskFolder, SaysWhatIsWrong) {
  EXPECT_NE(fault().find("must be a folder of pictures and masks"), std::string::npos);
  make_folders(folder_);
  EXPECT_NE(fault().find("must have SegmentationClass"), std::string::npos);
  camvid();
  mask("trainannot/a.png", {0, 1, 300 % 256, 0, 0, 0});
  EXPECT_NE(fault().find("a class must be in 0..2 or 255, got 44 at pixel (2, 0)"),
            std::string::npos);
  mask("trainannot/a.png", {0, 1, 2, 0}, 2, 2);
  EXPECT_NE(fault().find("must have the size of its picture, 3x2, got 2x2"), std::string::npos);
  picture("trainannot/a.png");
  EXPECT_NE(fault().find("got 3 channels; a mask of colours is to be saved with a palette"),
            std::string::npos);
  mask("trainannot/b.png", {0, 0, 0, 0, 0, 0});
  EXPECT_NE(fault().find("b.png' must have a picture of its name in"), std::string::npos);
  fs::remove(folder_ / "trainannot/b.png");
  picture("train/c.png");
  EXPECT_NE(fault().find("c.png' must have a mask of its name in"), std::string::npos);
}

TEST_F(MaskFolder, ClassesThatCannotBe) {
  camvid();
  config_.ignored = {"viod"};
  EXPECT_EQ(fault(),
            "data.ignored must be of data.classes (sky, void, road), got 'viod'; did you mean "
            "'void'?");
  config_.ignored = {"void", "sky"};
  EXPECT_EQ(fault(),
            "masks must have 2 to 255 classes that are counted, got 1 of 3 in data.classes");
  config_.classes = {"sky", "sky"};
  EXPECT_EQ(fault(), "data.classes must name each class once, got 'sky' again");
  config_.classes.clear();
  EXPECT_NE(fault().find("which has no labels.txt"), std::string::npos);
}

TEST(SceneMasks, HaveABackground) {
  const SceneMasks set({.size = 2, .width = 32, .height = 24});
  EXPECT_EQ(set.class_names().size(), 13U);
  const auto example = set.get(1, Key{});
  EXPECT_EQ(example["mask"].scalar_type(), torch::kUInt8);
  EXPECT_EQ(example["mask"].sizes(), torch::IntArrayRef({24, 32}));
  EXPECT_GT(example["mask"].max().item<int>(), 0);
}

}  // namespace mask_pictures_test
}  // namespace clew::data
