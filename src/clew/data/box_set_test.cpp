// SPDX-License-Identifier: Apache-2.0
#include "clew/data/box_set.h"

#include <gtest/gtest.h>

#include <cmath>
#include <filesystem>
#include <string>
#include <vector>

#include "clew/core/error.h"
#include "clew/core/files.h"
#include "clew/image/files.h"
#include "tests/support/expect_error.h"

namespace clew::data {
namespace box_set_test {

namespace fs = std::filesystem;

/// A folder, in which pictures have 20x10 pixels.
class BoxSetFolder : public testing::Test {
 protected:
  BoxSetFolder() : folder_(fs::path(testing::TempDir()) / "clew_box_set") {
    fs::remove_all(folder_);
    make_folders(folder_);
  }
  ~BoxSetFolder() override { fs::remove_all(folder_); }
  void write(const fs::path& name, const std::string& text) {
    make_folders((folder_ / name).parent_path());
    write_file_atomic(folder_ / name, text);
  }
  void picture(const fs::path& name) {
    make_folders((folder_ / name).parent_path());
    image::write(folder_ / name, image::blank(20, 10));
  }
  void coco(const std::string& split, const std::string& file, const std::string& categories,
            int category) {
    write("annotations/instances_" + split + ".json",
          concat(R"({"images": [{"id": 7, "file_name": ")", file,
                 R"(", "width": 20, "height": 10}], "categories": [)", categories,
                 R"(], "annotations": [{"id": 1, "image_id": 7, "category_id": )", category,
                 R"(, "bbox": [1, 2, 3, 4], "iscrowd": 1}]})"));
  }
  BoxSet read(Split split, const BoxSetOptions& options = {}) const {
    return read_box_set(folder_, split, options);
  }
  /// The error, with the folder as "DIR".
  std::string error(Split split = Split::kTrain, const BoxSetOptions& options = {}) const {
    std::string text = error_of([&] { (void)read(split, options); });
    for (std::size_t at = text.find(folder_.string()); at != std::string::npos;
         at = text.find(folder_.string()))
      text.replace(at, folder_.string().size(), "DIR");
    return text;
  }
  fs::path folder_;
};

const std::string kTwo = R"({"id": 90, "name": "cat"}, {"id": 3, "name": "dog"})";

TEST_F(BoxSetFolder, CocoHasItsUsualNames) {
  coco("train2017", "a.png", kTwo, 90);
  coco("val2017", "a.png", R"({"id": 1, "name": "cat"})", 1);
  picture("train2017/a.png");
  picture("images/val2017/a.png");
  EXPECT_EQ(box_format(folder_), BoxFormat::kCoco);
  const auto train = read(Split::kTrain, {.shares = {.validation = 1e-9}}),
             test = read(Split::kTest);
  EXPECT_EQ(train.classes, (std::vector<std::string>{"dog", "cat"}));  // by number
  EXPECT_EQ(test.classes, train.classes);
  EXPECT_EQ(train.pictures.at(0).file, folder_ / "train2017/a.png");
  EXPECT_EQ(test.pictures.at(0).file, folder_ / "images/val2017/a.png");
  const auto& object = test.pictures[0].objects.at(0);
  EXPECT_EQ(object.label, 1);
  EXPECT_EQ(object.box_xyxy_px, (std::array<double, 4>{1, 2, 4, 6}));
  EXPECT_EQ(object.area_px, 12);
  EXPECT_TRUE(object.is_crowd);
  EXPECT_EQ(read(Split::kTest, {.classes = {"cat", "dog"}}).pictures[0].objects[0].label, 0);
}

TEST_F(BoxSetFolder, CocoRefusesWhatCannotBe) {
  coco("train", "a.png", kTwo, 90);
  EXPECT_EQ(error(),
            "'DIR' has annotations/instances_train.json and must have val or test beside it");
  coco("val", "b.png", R"({"id": 1, "name": "cow"})", 1);
  picture("train/a.png");
  EXPECT_EQ(
      error(Split::kTest),
      "class 'cow' of 'DIR/annotations/instances_val.json' is not in the training data, which "
      "has dog, cat");
  EXPECT_EQ(
      error(Split::kTrain, {.classes = {"dog"}}),
      "class 'cat' of 'DIR/annotations/instances_train.json' is not one of the given classes, "
      "dog");
  EXPECT_EQ(error(Split::kTrain, {.classes = {"cat", "cat"}}),
            "each class must have a name of its own, got 'cat' twice");
  coco("val", "b.png", R"({"id": 1, "name": "cat"})", 1);
  EXPECT_EQ(error(Split::kTest), "1 picture is missing of 1, the first is 'DIR/val/b.png'");
  coco("val", "../b.png", R"({"id": 1, "name": "cat"})", 1);
  EXPECT_EQ(error(Split::kTest),
            "DIR/annotations/instances_val.json: a file_name must be a path below the pictures' "
            "folder, got '../b.png'");
  coco("val2014", "b.png", kTwo, 3);
  EXPECT_EQ(error(),
            "'DIR' has two files for one split, instances_val.json and instances_val2014.json");
  fs::remove_all(folder_);
  make_folders(folder_ / "images");
  picture("images/a.png");
  coco("train", "a.png", kTwo, 3);
  coco("val", "a.png", kTwo, 3);
  EXPECT_EQ(error(), "a picture must be in one split, got 'DIR/images/a.png' in train and in val");
}

TEST_F(BoxSetFolder, YoloHasFoldersOfBothForms) {
  for (const bool is_first : {true, false}) {
    const auto place = [&](const std::string& kind, const std::string& split) {
      return is_first ? fs::path(kind) / split : fs::path(split) / kind;
    };
    fs::remove_all(folder_);
    picture(place("images", "train") / "a.png");
    write(place("labels", "train") / "a.txt", "2 0.5 0.5 0.5 1\n");
    picture(place("images", "train") / "b.png");  // without objects
    picture(place("images", "valid") / "deep/a.png");
    write(place("labels", "valid") / "deep/a.txt", "0 0 0 1 0 1 1\n");
    write("data.yaml", "names: {0: dog, 2: cat}\n");
    const auto train = read(Split::kTrain, {.shares = {.validation = 1e-9}}),
               test = read(Split::kTest);
    EXPECT_EQ(train.classes, (std::vector<std::string>{"dog", "cat"}));
    ASSERT_EQ(train.pictures.size(), 2U);
    EXPECT_TRUE(train.pictures[1].objects.empty());
    EXPECT_EQ(train.pictures[0].width, 20);
    EXPECT_EQ(train.pictures[0].objects.at(0).label, 1);
    EXPECT_EQ(train.pictures[0].objects[0].box_xyxy_px, (std::array<double, 4>{5, 0, 15, 10}));
    const auto& polygon = test.pictures.at(0).objects.at(0);
    EXPECT_EQ(polygon.polygons.at(0), (std::vector<double>{0, 0, 20, 0, 20, 10}));
    EXPECT_EQ(polygon.area_px, 100);
  }
}

TEST_F(BoxSetFolder, YoloRefusesWhatCannotBe) {
  picture("images/train/a.png");
  write("labels/train/a.txt", "3 0.5 0.5 0.5 1\n");
  EXPECT_EQ(error(),
            "'DIR' must have the names of its classes in data.yaml or classes.txt, got neither");
  write("classes.txt", "dog\ncat\n");
  EXPECT_EQ(error(), "'DIR' has images/train and must have val or test beside it");
  picture("images/val/b.png");
  write("labels/val/b.txt", "");
  EXPECT_EQ(error(), "DIR/labels/train/a.txt: class 3 has no name, there are 2: dog, cat");
  write("labels/train/a.txt", "1 0.5 0.5 0.5\n");
  EXPECT_EQ(error(),
            "DIR/labels/train/a.txt:1: an object must be class, cx, cy, w and h, or class and "
            "three or more points, got 4 values");
  write("labels/train/a.txt", "");
  write("labels/train/c.txt", "0 0.5 0.5 1 1\n");
  EXPECT_EQ(error(Split::kTrain, {.shares = {.validation = 1e-9}}),
            "1 picture is missing of 2, the first is 'DIR/images/train/c.jpg'");
  fs::remove(folder_ / "labels/train/c.txt");
  fs::remove(folder_ / "images/val/b.png");
  fs::create_symlink(folder_ / "images/train/a.png", folder_ / "images/val/b.png");
  EXPECT_EQ(error(),
            "a picture must be in one split, got 'DIR/images/val/b.png' in train and in val");
}

TEST_F(BoxSetFolder, FoldersWithoutSplitsAreDividedByNames) {
  write("classes.txt", "dog\n");
  for (int i = 0; i < 40; ++i) {
    picture(concat("images/", i, ".png"));
    write(concat("labels/", i, ".txt"), "0 0.5 0.5 1 1\n");
  }
  const BoxSetOptions options = {.shares = {.test = 0.3, .validation = 0.2}};
  std::size_t count = 0;
  for (const Split split : {Split::kTrain, Split::kValidation, Split::kTest}) {
    const auto set = read(split, options);
    EXPECT_GE(set.pictures.size(), 1U);
    count += set.pictures.size();
  }
  EXPECT_EQ(count, 40U);
}

TEST_F(BoxSetFolder, UnknownAndAmbiguousFoldersAreRefused) {
  const std::string wanted =
      "'DIR' must hold one of Pascal VOC's Annotations, COCO's annotations/instances_SPLIT.json, "
      "and "
      "YOLO's images and labels, got ";
  EXPECT_EQ(error(), wanted + "none");
  coco("train", "a.png", kTwo, 90);
  make_folders(folder_ / "images/train");
  make_folders(folder_ / "labels/train");
  EXPECT_EQ(error(),
            wanted + "COCO's annotations/instances_train.json and YOLO's images and labels");
  fs::remove_all(folder_);
  EXPECT_EQ(error(), "'DIR' must be a folder of pictures with boxes, there is no such folder");
  make_folders(folder_ / "Annotations");
  make_folders(folder_ / "ImageSets/Main");
  EXPECT_EQ(error(), "'DIR' must have ImageSets/Main/train.txt, got ImageSets/Main without it");
  write("ImageSets/Main/train.txt", "../a\n");
  write("ImageSets/Main/val.txt", "b\n");
  EXPECT_EQ(error(),
            "DIR/ImageSets/Main/train.txt: an ID must be a path below Annotations, got '../a'");
  write("ImageSets/Main/train.txt", "b\n");
  EXPECT_EQ(error(),
            "a picture must be in one split, got 'DIR/JPEGImages/b.jpg' in train and in val");
  write("ImageSets/Main/train.txt", "a\na\n");
  EXPECT_EQ(error(), "DIR/ImageSets/Main/train.txt: an ID must be there once, got 'a' again");
}

TEST_F(BoxSetFolder, VocTakesItsClassesFromTheTrainingData) {
  const auto annotate = [&](const std::string& id, const std::string& name) {
    picture("JPEGImages/" + id + ".jpg");
    write("Annotations/" + id + ".xml",
          concat("<annotation><filename>", id,
                 ".jpg</filename><size><width>20</width><height>10"
                 "</height></size><object><name>",
                 name,
                 "</name><difficult>1</difficult><bndbox><xmin>2</xmin><ymin>3</ymin><xmax>9"
                 "</xmax><ymax>8</ymax></bndbox></object></annotation>"));
  };
  annotate("a", "dog");
  annotate("b", "cat");
  annotate("c", "dog");
  write("ImageSets/Main/train.txt", "a\nb\n");
  write("ImageSets/Main/test.txt", "c\n");
  const auto test = read(Split::kTest);
  EXPECT_EQ(test.classes, (std::vector<std::string>{"cat", "dog"}));
  EXPECT_EQ(test.pictures.at(0).objects.at(0).label, 1);
  EXPECT_TRUE(test.pictures[0].objects[0].is_difficult);
  EXPECT_EQ(test.pictures[0].objects[0].box_xyxy_px, (std::array<double, 4>{1, 2, 9, 8}));
  write("ImageSets/Main/train.txt", "b\n");
  EXPECT_EQ(error(Split::kTest),
            "class 'dog' of 'DIR/Annotations/c.xml' is not in the training data, which has cat");
  fs::remove(folder_ / "Annotations/b.xml");
  EXPECT_NE(error().find("DIR/Annotations/b.xml"), std::string::npos);
}

TEST(Degenerate, HaveNoAreaInThePicture) {
  const BoxPicture picture{.width = 20, .height = 10};
  const auto is_bad = [&](double left, double top, double right, double bottom) {
    return is_degenerate({.box_xyxy_px = {left, top, right, bottom}}, picture);
  };
  EXPECT_FALSE(is_bad(0, 0, 20, 10));
  EXPECT_FALSE(is_bad(-5, -5, 0.5, 0.5));
  EXPECT_TRUE(is_bad(3, 3, 3, 5));
  EXPECT_TRUE(is_bad(5, 3, 3, 5));
  EXPECT_TRUE(is_bad(-5, 0, 0, 5));
  EXPECT_TRUE(is_bad(0, 10, 5, 12));
  EXPECT_TRUE(is_bad(0, 0, std::nan(""), 5));
  EXPECT_TRUE(is_bad(0, 0, HUGE_VAL, 5));
}

}  // namespace box_set_test
}  // namespace clew::data
