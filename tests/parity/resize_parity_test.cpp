// SPDX-License-Identifier: Apache-2.0
// Antialiased resizing beside Pillow's, on noise, which shows every weight.
#include <gtest/gtest.h>

#include <cstdlib>
#include <string>

#include "clew/core/key.h"
#include "clew/image/antialias.h"
#include "clew/image/files.h"
#include "tests/parity/python.h"

namespace clew::parity {
namespace resize_parity_test {

TEST(ResizeParity, PillowGivesTheSameToOneGreyLevel) {
  const auto python = python_with({"PIL.Image"});
  if (!python) GTEST_SKIP() << no_python_with("pillow");
  const TestFolder folder;
  image::Image picture{.width = 101, .height = 67, .channels = 3};
  Stream stream(Key{7});
  for (int i = 0; i < 101 * 67 * 3; ++i)
    picture.pixels.push_back(static_cast<std::uint8_t>(stream.below(256)));
  image::write(folder / "in.png", picture);
  for (const auto& [width, height] : {std::pair{40, 31}, {224, 224}, {7, 200}, {101, 20}}) {
    for (const auto kernel : {image::Kernel::kBilinear, image::Kernel::kBicubic}) {
      const bool is_bilinear = kernel == image::Kernel::kBilinear;
      run_python(*python, "resize.py",
                 {folder / "in.png", std::to_string(width), std::to_string(height),
                  is_bilinear ? "bilinear" : "bicubic", folder / "out.png"});
      const auto theirs = image::read(folder / "out.png");
      const auto ours = image::resize_antialiased(picture, width, height, kernel);
      ASSERT_EQ(ours.pixels.size(), theirs.pixels.size());
      int largest = 0;
      for (std::size_t i = 0; i < ours.pixels.size(); ++i)
        largest = std::max(largest, std::abs(int{ours.pixels[i]} - int{theirs.pixels[i]}));
      EXPECT_LE(largest, 1) << width << "x" << height << (is_bilinear ? "" : " bicubic");
    }
  }
}

}  // namespace resize_parity_test
}  // namespace clew::parity
