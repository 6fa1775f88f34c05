// SPDX-License-Identifier: Apache-2.0
#include "clew/data/labelled_pictures.h"

#include <gtest/gtest.h>
#include <torch/torch.h>

#include <cmath>
#include <filesystem>
#include <set>
#include <string>

#include "clew/core/files.h"
#include "clew/image/files.h"
#include "tests/support/expect_error.h"

namespace clew::data {
namespace {

namespace fs = std::filesystem;

class LabelledFolder : public testing::Test {
 protected:
  LabelledFolder() : folder_(fs::path(testing::TempDir()) / "clew_labelled") {
    fs::remove_all(folder_);
    make_folders(folder_);
    config_.dir = folder_.string();
    config_.test_share = config_.validation_share = 0.3;
  }
  ~LabelledFolder() override { fs::remove_all(folder_); }
  void write(const std::string& name, int first, int last) {
    std::string text = "file,odd,large\n";
    for (int i = first; i < last; ++i)
      text += concat("p", i, ".png,", i % 2, ",", i >= 20 ? 1 : 0, "\n");
    write_file_atomic(folder_ / name, text);
  }
  fs::path folder_;
  FolderConfig config_;
};

TEST_F(LabelledFolder, IsSharedAmongTheSplits) {
  write("labels.csv", 0, 40);
  for (int i = 0; i < 40; ++i) {
    const auto byte = static_cast<std::uint8_t>(i);
    image::write(folder_ / concat("p", i, ".png"),
                 {.width = 1, .height = 1, .pixels = {byte, byte, byte}});
  }
  std::set<std::string> files;
  for (const Split part : {Split::kTrain, Split::kValidation, Split::kTest}) {
    const LabelledPictures set(config_, part);
    EXPECT_GT(set.size(), 3);
    for (std::int64_t i = 0; i < set.size(); ++i) {
      EXPECT_TRUE(files.insert(set.origin(i)).second);
      const auto example = set.get(i, Key{});
      const auto number = std::lround(255 * example["image"][0][0][0].item<double>());
      EXPECT_EQ(example["labels"][0].item<float>(), static_cast<float>(number % 2));
      EXPECT_EQ(example["labels"][1].item<float>(), number >= 20 ? 1.0F : 0.0F);
    }
  }
  EXPECT_EQ(files.size(), 40U);
}

TEST_F(LabelledFolder, HasATableForEachSplit) {
  const std::string folder = folder_.string();
  expect_error([&] { LabelledPictures(config_, Split::kTrain); },
               "'" + folder + "' must hold either labels.csv or train.csv, got neither");
  write("train.csv", 0, 20);
  write("test.csv", 20, 30);
  EXPECT_EQ(LabelledPictures(config_, Split::kTest).size(), 10);
  EXPECT_EQ(LabelledPictures(config_, Split::kTrain).size() +
                LabelledPictures(config_, Split::kValidation).size(),
            20);
  write("val.csv", 30, 35);
  EXPECT_EQ(LabelledPictures(config_, Split::kTrain).size(), 20);
  EXPECT_EQ(LabelledPictures(config_, Split::kValidation).size(), 5);
  write_file_atomic(folder_ / "val.csv", std::string_view("file,odd\nx.png,1\n"));
  expect_error([&] { LabelledPictures(config_, Split::kValidation); },
               folder + "/val.csv: must have the classes of train.csv, odd, large, got odd");
}

}  // namespace
}  // namespace clew::data
