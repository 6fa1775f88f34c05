// SPDX-License-Identifier: Apache-2.0
#include "clew/image/image.h"

#include <gtest/gtest.h>

#include <limits>

#include "clew/core/error.h"

namespace clew::image {
namespace image_test {

using Bytes = std::vector<std::uint8_t>;

TEST(ImageKinds, BytesAndFloats) {
  const Image picture{.width = 3, .height = 1, .channels = 1, .pixels = {0, 51, 255}};
  const FloatImage floats = to_float(picture);
  EXPECT_FLOAT_EQ(floats.pixels[1], .2F);
  EXPECT_EQ(floats.pixels[2], 1);
  EXPECT_EQ(to_bytes(floats).pixels, picture.pixels);
  const float nan = std::numeric_limits<float>::quiet_NaN();
  const FloatImage wild{.width = 2, .height = 2, .channels = 1, .pixels = {-3, 7, nan, .5F}};
  EXPECT_EQ(to_bytes(wild).pixels, (Bytes{0, 255, 0, 128}));
}

TEST(ImageKinds, GreyIsTheLumaOfRgb) {
  const Image picture{
      .width = 4, .height = 1, .channels = 3, .pixels = {255, 0, 0, 0, 255, 0, 0, 0, 255, 9, 9, 9}};
  EXPECT_EQ(to_grey(picture).pixels, (Bytes{76, 150, 29, 9}));
  EXPECT_EQ(to_grey(to_grey(picture)).pixels, to_grey(picture).pixels);
  EXPECT_EQ(to_rgb(to_grey(picture)).pixels,
            (Bytes{76, 76, 76, 150, 150, 150, 29, 29, 29, 9, 9, 9}));
  EXPECT_EQ(to_rgb(picture).pixels, picture.pixels);
  // Floats are not rounded.
  const FloatImage grey = to_grey(to_float(picture));
  EXPECT_EQ(grey.channels, 1);
  EXPECT_FLOAT_EQ(grey.pixels[0], .299F);
  EXPECT_FLOAT_EQ(grey.pixels[1], .587F);
  EXPECT_EQ(to_grey(grey).pixels, grey.pixels);
  EXPECT_EQ(to_rgb(grey).pixels[5], grey.pixels[1]);
  EXPECT_EQ(to_rgb(grey).pixels.size(), 12U);
}

TEST(ImageKinds, PlanesAndBack) {
  const FloatImage picture{.width = 2, .height = 1, .channels = 3, .pixels = {1, 2, 3, 4, 5, 6}};
  const auto planes = to_planes(picture);
  EXPECT_EQ(planes, (std::vector<float>{1, 4, 2, 5, 3, 6}));
  EXPECT_EQ(from_planes(planes, 2, 1, 3).pixels, picture.pixels);
  EXPECT_THROW((void)from_planes(planes, 2, 2, 3), Error);
}

TEST(ImageKinds, BlankHasOneColour) {
  EXPECT_EQ(blank(2, 1, 3, {1, 2, 3}).pixels, (Bytes{1, 2, 3, 1, 2, 3}));
  EXPECT_EQ(blank(1, 2, 1, {7, 2, 3}).pixels, (Bytes{7, 7}));
  EXPECT_THROW((void)blank(0, 1), Error);
  EXPECT_THROW((void)blank(1, 1, 2), Error);
}

TEST(ImageKinds, OneSentencePerError) {
  try {
    (void)to_float({.width = 2, .height = 1, .channels = 3, .pixels = {1}});
    FAIL();
  } catch (const Error& error) {
    EXPECT_STREQ(error.what(), "an image of 2x1x3 must have 6 bytes, got 1 (to_float)");
  }
}

}  // namespace image_test
}  // namespace clew::image
