// SPDX-License-Identifier: Apache-2.0
#include "clew/detect/predictions_file.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <string>

#include "clew/core/files.h"
#include "clew/core/text.h"
#include "clew/data/formats/coco.h"
#include "tests/support/expect_error.h"

namespace clew::detect {
namespace predictions_file_test {

class PredictionsFile : public testing::Test {
 protected:
  std::filesystem::path folder_ =
      std::filesystem::temp_directory_path() / (std::to_string(::getpid()) + "clew_predictions");
  std::filesystem::path truth_ = folder_ / "truth.json", found_ = folder_ / "found.json";

  void TearDown() override { std::filesystem::remove_all(folder_); }
  void SetUp() override {
    std::filesystem::create_directories(folder_);
    write_file_atomic(truth_,
                      R"({"images": [{"id": 7, "file_name": "a.jpg", "width": 100, "height": 80},
      {"id": 9, "file_name": "b.jpg", "width": 100, "height": 80}],
      "categories": [{"id": 3, "name": "cat"}, {"id": 1, "name": "dog"}],
      "annotations": [{"id": 1, "image_id": 7, "category_id": 1, "bbox": [10, 10, 20, 20], "area": 400,
        "iscrowd": 0}]})");
  }
  JudgedBoxes read(const std::string& text) {
    write_file_atomic(found_, text);
    return read_judged_boxes(found_, truth_);
  }
  void refused(const std::string& text, const std::string& error) {
    expect_error([&] { (void)read(text); }, found_.string() + ": " + error);
  }
};

TEST_F(PredictionsFile, ResultsOfCoco) {
  const auto boxes = read(
      R"([{"image_id": 7, "category_id": 1, "bbox": [10, 11, 20, 19.5], "score": 0.75, "segmentation": [[1, [2]]]}])");
  EXPECT_EQ(boxes.pictures, 2);
  EXPECT_EQ(boxes.classes, (std::vector<std::string>{"cat", "dog"}));
  ASSERT_EQ(boxes.detections.size(), 1U);
  EXPECT_EQ(boxes.detections[0].category, boxes.truths[0].category);
  EXPECT_EQ(boxes.detections[0].box, (BoxXywh{10, 11, 20, 19.5}));
  EXPECT_TRUE(read("[]").detections.empty());
}

TEST_F(PredictionsFile, Masks) {
  // Of 100x80: the whole object, whose polygon is a square of 20, and half of it; mask alone, and with a box.
  write_file_atomic(truth_,
                    R"({"images": [{"id": 7, "file_name": "a.jpg", "width": 100, "height": 80}],
      "categories": [{"id": 3, "name": "cat"}],
      "annotations": [{"id": 1, "image_id": 7, "category_id": 3, "bbox": [10, 10, 20, 20], "area": 400, "iscrowd": 0,
        "segmentation": [[10, 10, 30, 10, 30, 30, 10, 30]]}]})");
  const auto element = [](int columns, const char* more) {
    std::vector<std::uint8_t> mask(8000);
    for (int y = 10; y < 30; ++y)
      for (int x = 10; x < 10 + columns; ++x) mask[static_cast<std::size_t>(100 * y + x)] = 1;
    return concat(R"({"image_id": 7, "category_id": 3, "score": 0.5, )", more,
                  R"("segmentation": {"size": [80, 100], "counts": ")",
                  data::compressed(data::runs_of(mask, 100, 80)), R"("}})");
  };
  const auto whole = read(concat("[", element(20, ""), "]"));
  ASSERT_EQ(whole.detection_masks.size(), 1U);
  EXPECT_EQ(whole.detections[0].box, (BoxXywh{10, 10, 20, 20}));
  EXPECT_NEAR(evaluate_masks(whole).average_precision(), 1, 1e-12);
  const auto half = read(concat("[", element(11, R"("bbox": [1, 2, 3, 4], )"), "]"));
  EXPECT_EQ(half.detections[0].box, (BoxXywh{1, 2, 3, 4}));
  EXPECT_NEAR(evaluate_masks(half).average_precision(), 0.2, 1e-12);  // at 0.5 and 0.55

  const auto box =
      std::string(R"({"image_id": 7, "category_id": 3, "bbox": [1, 2, 3, 4], "score": 1})");
  refused(concat("[", box, ",", element(20, ""), "]"),
          "[1] must not have 'segmentation', for all detections have masks or none, and those "
          "before it have none");
  refused(concat("[", element(20, ""), ",", box, "]"),
          "[1] must have 'segmentation', for all detections have masks or none, and those before "
          "it have one");
  refused(
      R"([{"image_id": 7, "category_id": 3, "score": 1, "segmentation": {"size": [100, 80], "counts": "0"}}])",
      "[0].segmentation.size must be [80, 100], the picture's, got [100,80]");
  refused(
      R"([{"image_id": 7, "category_id": 3, "score": 1, "segmentation": {"size": [80, 100], "counts": "0"}}])",
      "[0].segmentation.counts must add up to 100x80 pixels, got 0");
}

TEST_F(PredictionsFile, AnswersOfPredict) {
  const auto boxes =
      read(R"([{"image": "x/b.jpg", "objects": []}, {"image": "a.jpg", "width": 100, "objects":
      [{"class": "cat", "score": 0.5, "box": [1, 2, 11, 22]}]}])");
  ASSERT_EQ(boxes.detections.size(), 1U);
  EXPECT_EQ(boxes.detections[0].image, 7);
  EXPECT_EQ(boxes.detections[0].category, 0);
  EXPECT_EQ(boxes.detections[0].box, (BoxXywh{1, 2, 10, 20}));
}

TEST_F(PredictionsFile, OthersAreRefused) {
  refused("{}", "must be a list of detections");
  refused("7", "must be a list of detections");
  refused("[1]", "[0] must be an object, got 1");
  refused("[{\"image_id\": 7,", "is not JSON from its byte 17 on");
  refused(R"([{"image_id": 8, "category_id": 1, "bbox": [1, 2, 3, 4], "score": 1}])",
          "[0].image_id must name an image of " + truth_.string() + ", got 8");
  refused(R"([{"image_id": 7, "category_id": 2, "bbox": [1, 2, 3, 4], "score": 1}])",
          "[0].category_id must name a category of " + truth_.string() + ", got 2");
  refused(R"([{"image_id": 7, "category_id": 1, "bbox": "1 2 3 4", "score": 1}])",
          "[0].bbox must be a list of 4 numbers, got \"1 2 3 4\"");
  refused(R"([{"image_id": 7, "category_id": 1, "bbox": [1, 2, 3, "4"], "score": 1}])",
          "[0].bbox[3] must be a number in -1e+06..1e+06, got \"4\"");
  refused(R"([{"image_id": 7, "category_id": 1, "bbox": [1, 2, 3, 4]}])", "[0] must have 'score'");
  refused(R"([{"image": "c.jpg", "objects": []}])",
          "[0]: 'c.jpg' is no picture of " + truth_.string());
  refused(R"([{"image": "a.jpg", "objects": []}, {"image": "a.jpg", "objects": []}])",
          "[1]: 'a.jpg' is there twice");
  refused(R"([{"image": "a.jpg", "objects": []}])",
          "has no answer for 1 of 2 pictures of " + truth_.string());
  refused(R"([{"image": "a.jpg", "objects": [{"class": "cow", "score": 1, "box": [1, 2, 3, 4]}]}])",
          "[0].objects[0]: 'cow' is no class of " + truth_.string() + " (cat, dog)");
  refused(std::string(100, '['), "holds values nested more than 64 deep");
}

}  // namespace predictions_file_test
}  // namespace clew::detect
