// SPDX-License-Identifier: Apache-2.0
#include "clew/data/formats/masks.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include "clew/core/error.h"
#include "clew/core/files.h"
#include "tests/support/expect_error.h"

namespace clew::data {
namespace masks_test {

namespace fs = std::filesystem;

TEST(Masks, PaletteIsVocs) {
  const auto palette = voc_palette();
  const auto rgb = [&](std::size_t i) {
    return std::vector<int>{palette[i].r, palette[i].g, palette[i].b};
  };
  EXPECT_EQ(rgb(0), (std::vector<int>{0, 0, 0}));
  EXPECT_EQ(rgb(1), (std::vector<int>{128, 0, 0}));        // aeroplane
  EXPECT_EQ(rgb(8), (std::vector<int>{64, 0, 0}));         // cat
  EXPECT_EQ(rgb(15), (std::vector<int>{192, 128, 128}));   // person
  EXPECT_EQ(rgb(20), (std::vector<int>{0, 64, 128}));      // tv monitor
  EXPECT_EQ(rgb(255), (std::vector<int>{224, 224, 192}));  // void
}

TEST(Masks, HoldClassesAndVoid) {
  const fs::path path = fs::temp_directory_path() / (std::to_string(::getpid()) + "clew_mask.png");
  const image::Values values{.width = 2, .height = 2, .values = {0, 2, 255, 1}};
  const auto file = image::encode_values(values, voc_palette());
  write_file_atomic(path, std::as_bytes(std::span(file)));
  EXPECT_EQ(read_class_mask(path, 3).values, values.values);
  expect_error([&] { (void)read_class_mask(path, 2); },
               path.string() + ": a class must be in 0..1 or 255, got 2 at pixel (1, 0)");
  fs::remove(path);
}

TEST(Masks, LabelsAreLines) {
  EXPECT_EQ(parse_labels("background\r\nball\nice cream", "labels.txt"),
            (std::vector<std::string>{"background", "ball", "ice cream"}));
  const auto fault = [](const std::string& text) {
    return error_of([&] { (void)parse_labels(text, "l.txt"); });
  };
  EXPECT_EQ(fault(""), "l.txt: must hold the name of a class in each line, got none");
  EXPECT_EQ(fault("a\n\nb\n"), "l.txt:2: a line must be the name of a class");
  EXPECT_EQ(fault("a\nb\na\n"), "l.txt:3: a class must be there once, got 'a' again");
  std::string many;
  for (int i = 0; i < 256; ++i) many += std::to_string(i) + '\n';
  EXPECT_EQ(fault(many), "l.txt: a mask has at most 255 classes");
  EXPECT_EQ(class_mask("7"), "SegmentationClass/7.png");
  EXPECT_EQ(object_mask("7"), "SegmentationObject/7.png");
  EXPECT_EQ(mask_split("val"), "ImageSets/Segmentation/val.txt");
}

}  // namespace masks_test
}  // namespace clew::data
