// SPDX-License-Identifier: Apache-2.0
#include "clew/segment/class_drawing.h"

#include <gtest/gtest.h>
#include <torch/torch.h>

#include <vector>

#include "clew/core/error.h"
#include "tests/support/expect_error.h"

namespace clew::segment {
namespace class_drawing_test {

using Pixels = std::vector<std::uint8_t>;

torch::Tensor map_of_classes() {
  return torch::tensor({0, 1, 255, 2}).to(torch::kUInt8).view({2, 2});
}

TEST(ClassDrawing, ColoursAreVocs) {
  EXPECT_EQ(draw_classes(map_of_classes(), true).pixels,
            (Pixels{0, 0, 0, 128, 0, 0, 224, 224, 192, 0, 128, 0}));
  // Of road scenes the sky is the first class, which black would hide.
  EXPECT_EQ(draw_classes(map_of_classes(), false).pixels,
            (Pixels{90, 170, 250, 128, 0, 0, 224, 224, 192, 0, 128, 0}));
  EXPECT_TRUE(has_background({"background", "cat"}));
  EXPECT_FALSE(has_background({"sky", "road"}));
}

TEST(ClassDrawing, OverlaysMixHalfAndHalf) {
  const auto grey = image::blank(2, 2, 3, {100, 100, 100});
  const auto drawn = overlay(grey, map_of_classes(), true);
  EXPECT_EQ(Pixels(drawn.pixels.begin(), drawn.pixels.begin() + 6),
            (Pixels{100, 100, 100, 114, 50, 50}));
  EXPECT_EQ(overlay(grey, map_of_classes(), false).pixels[0], 95);
  expect_error([] { (void)overlay(image::blank(3, 2), map_of_classes(), true); },
               "a map of classes must have the size of its picture, 3x2, got 2x2");
}

TEST(ClassDrawing, WrongPixelsAreWhite) {
  const auto predicted = torch::tensor({0, 2, 1, 2}).to(torch::kUInt8).view({2, 2});
  const auto drawn = draw_wrong(map_of_classes(), predicted);
  EXPECT_EQ((Pixels{drawn.pixels[0], drawn.pixels[3], drawn.pixels[6], drawn.pixels[9]}),
            (Pixels{0, 255, 110, 0}));
}

TEST(ClassDrawing, ALegendBreaksItsLines) {
  const auto picture = image::blank(60, 40);
  const std::vector<std::string> classes = {"background", "aeroplane", "cow"};
  const std::vector<std::int64_t> one = {2}, all = {0, 1, 2};
  const auto small = with_legend(picture, one, classes), large = with_legend(picture, all, classes);
  EXPECT_EQ(small.width, 60);
  EXPECT_GT(small.height, 40);
  EXPECT_GT(large.height, small.height);
}

}  // namespace class_drawing_test
}  // namespace clew::segment
