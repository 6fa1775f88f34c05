// SPDX-License-Identifier: Apache-2.0
#include "clew/segment/judged_masks.h"

#include <gtest/gtest.h>

#include <cstdint>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "clew/core/error.h"
#include "clew/core/files.h"
#include "clew/data/formats/masks.h"
#include "clew/image/files.h"
#include "tests/support/expect_error.h"

namespace clew::segment {
namespace judged_masks_test {

namespace fs = std::filesystem;

class JudgedMasks : public testing::Test {
 protected:
  JudgedMasks() : folder_(fs::path(testing::TempDir()) / "clew_judged_masks") {
    fs::remove_all(folder_);
    files_ = {.predictions = folder_ / "found",
              .truth = folder_ / "truth",
              .classes = {"sky", "void", "road"},
              .ignored = {"void"}};
    mask("truth/a.png", {0, 0, 1, 2, 2, 255});
    mask("found/a.png", {0, 2, 1, 2, 2, 255});
    mask("truth/b.png", {2, 2, 2, 2, 2, 2});
    mask("found/b.png", {2, 2, 2, 2, 2, 2});
  }
  ~JudgedMasks() override { fs::remove_all(folder_); }

  void mask(const std::string& file, const std::vector<std::uint16_t>& values,
            int width = 3) const {
    make_folders((folder_ / file).parent_path());
    const auto png = image::encode_values(
        {.width = width, .height = static_cast<int>(std::ssize(values)) / width, .values = values},
        data::voc_palette());
    write_file_atomic(folder_ / file, std::as_bytes(std::span(png)));
  }
  std::string at(const char* file) const { return (folder_ / file).string(); }
  std::string fault() const {
    return error_of([&] { (void)judge_masks(files_); });
  }

  fs::path folder_;
  MaskFiles files_;
};

TEST_F(JudgedMasks, CountsByHand) {
  const auto evaluation = judge_masks(files_);
  const auto value = [&](const char* name) {
    return runs::find_measure(evaluation.measures, name)->value;
  };
  // 10 counted pixels: of sky 1 of 2 is right, 8 of road are.
  EXPECT_DOUBLE_EQ(value("pixel_accuracy"), 9.0 / 10);
  EXPECT_DOUBLE_EQ(value("mean_accuracy"), (1.0 / 2 + 1) / 2);
  EXPECT_DOUBLE_EQ(value("miou"), (1.0 / 2 + 8.0 / 9) / 2);
  EXPECT_DOUBLE_EQ(value("fw_iou"), (2 * 1.0 / 2 + 8 * 8.0 / 9) / 10);
  const auto details = nlohmann::json::parse(evaluation.details);
  EXPECT_EQ(details["pictures"], 2);
  ASSERT_EQ(details["worst"].size(), 1U);  // b is all right
  EXPECT_EQ(details["worst"][0]["file"], at("found/a.png"));
  EXPECT_EQ(details["worst"][0]["wrong"], 0.25);
  EXPECT_TRUE(evaluation.summary.starts_with("2 masks with 10 counted pixels of 2 classes: "))
      << evaluation.summary;
}

TEST_F(JudgedMasks, LabelsAndDataFolders) {
  files_.classes.clear();
  write_file_atomic(folder_ / "truth/labels.txt", std::string_view("sky\nvoid\nroad\n"));
  EXPECT_EQ(judge_masks(files_).tables[0].rows.size(), 2U);
  // A folder of CamVid's layout, of which the test set counts.
  for (const char* split : {"train", "test"}) {
    for (const char* name : {"a", "b"}) {
      make_folders(folder_ / "set" / split);
      image::write(folder_ / "set" / split / (std::string(name) + ".png"), image::blank(3, 2));
      mask(concat("set/", split, "annot/", name, ".png"), {0, 0, 0, 2, 2, 2});
    }
  }
  files_.truth = folder_ / "set";
  files_.classes = {"sky", "void", "road"};
  mask("found/a.png", {0, 0, 0, 2, 2, 2});
  mask("found/b.png", {0, 0, 0, 2, 2, 2});
  EXPECT_EQ(judge_masks(files_).measures[0].value, 1);
}

TEST_F(JudgedMasks, FilesThatDoNotPair) {
  mask("truth/c.png", {0, 0, 0});
  EXPECT_EQ(fault(), concat("'", at("truth/c.png"), "' must have a prediction of its name in '",
                            at("found"), "', got none"));
  fs::remove(folder_ / "truth/c.png");
  mask("found/d.png", {0, 0, 0});
  EXPECT_EQ(fault(), concat("prediction '", at("found/d.png"),
                            "' must have a mask of its name in '", at("truth"), "', got none"));
  files_.truth = folder_ / "none";
  EXPECT_EQ(fault(), concat("cannot read '", at("none"), "': No such file or directory"));
}

TEST_F(JudgedMasks, MasksThatCannotBe) {
  mask("found/a.png", {0, 0, 0, 0}, 2);
  EXPECT_EQ(fault(), concat("mask '", at("found/a.png"), "' must have the size of '",
                            at("truth/a.png"), "', 3x2, got 2x2"));
  mask("found/a.png", {0, 2, 1, 2, 3, 255});
  EXPECT_EQ(fault(),
            concat(at("found/a.png"), ": a class must be in 0..2 or 255, got 3 at pixel (1, 1)"));
  mask("found/a.png", {0, 1, 1, 2, 2, 2});
  EXPECT_EQ(fault(), concat(at("found/a.png"),
                            ": a counted pixel must be of a counted class, got void at pixel (1, "
                            "0)"));
  mask("found/a.png", {255, 2, 1, 2, 2, 2});
  EXPECT_EQ(fault(),
            concat(at("found/a.png"),
                   ": a counted pixel must be of a counted class, got 255 at pixel (0, 0)"));
  image::write(folder_ / "found/a.png", image::blank(3, 2, 3));
  EXPECT_EQ(fault(), concat(at("found/a.png"),
                            ": must have one value a pixel, a palette's index or a grey, got 3 "
                            "channels; a mask of colours is to be saved with a palette that has "
                            "each class at its number"));
}

TEST_F(JudgedMasks, WordsThatCannotBe) {
  files_.ignored = {"tree"};
  EXPECT_EQ(fault(), "ignored must be of classes (sky, void, road), got 'tree'");
  files_.classes.clear();
  EXPECT_EQ(fault(), concat("classes must name the classes of the masks of '", at("truth"),
                            "', which has no labels.txt"));
}

}  // namespace judged_masks_test
}  // namespace clew::segment
