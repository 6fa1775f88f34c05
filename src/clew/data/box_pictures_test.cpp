// SPDX-License-Identifier: Apache-2.0
#include "clew/data/box_pictures.h"

#include <gtest/gtest.h>
#include <torch/torch.h>

#include <cstdlib>
#include <filesystem>
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
