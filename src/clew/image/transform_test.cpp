// SPDX-License-Identifier: Apache-2.0
#include "clew/image/transform.h"

#include <gtest/gtest.h>

#include <cmath>

#include "clew/core/error.h"
#include "tests/support/expect_error.h"

namespace clew::image {
namespace transform_test {

using Bytes = std::vector<std::uint8_t>;

/// 3 wide, 2 high, grey.
const Image kSix{.width = 3, .height = 2, .channels = 1, .pixels = {1, 2, 3, 4, 5, 6}};

TEST(Resize, ByHand) {
  const Image four{.width = 2, .height = 2, .channels = 1, .pixels = {0, 100, 200, 40}};
  EXPECT_EQ(resize(four, 1, 1).pixels, (Bytes{85}));
  EXPECT_EQ(resize(four, 4, 2, Interpolation::kNearest).pixels,
            (Bytes{0, 0, 100, 100, 200, 200, 40, 40}));
  // Pixel centres of 1x2 -> 1x4 lie at -0.25, 0.25, 0.75, 1.25 of the old ones; the ends repeat.
  const FloatImage two{.width = 2, .height = 1, .channels = 1, .pixels = {0, 1}};
  const auto wide = resize(two, 4, 1, Interpolation::kBilinear);
  EXPECT_FLOAT_EQ(wide.pixels[0], 0);
  EXPECT_FLOAT_EQ(wide.pixels[1], .25F);
  EXPECT_FLOAT_EQ(wide.pixels[2], .75F);
  EXPECT_FLOAT_EQ(wide.pixels[3], 1);
  // Area is bilinear where the picture grows, and both work on floats and three channels.
  EXPECT_EQ(resize(two, 4, 1).pixels, wide.pixels);
  const Image rgb{.width = 1, .height = 2, .channels = 3, .pixels = {0, 50, 100, 20, 70, 120}};
  EXPECT_EQ(resize(rgb, 1, 1).pixels, (Bytes{10, 60, 110}));
  EXPECT_EQ(resize(rgb, 1, 2).pixels, rgb.pixels);
}

TEST(Crop, ByHand) {
  EXPECT_EQ(crop(kSix, {1, 0, 2, 2}).pixels, (Bytes{2, 3, 5, 6}));
  EXPECT_EQ(crop(to_float(kSix), {2, 1, 1, 1}).pixels,
            to_float(Image{.width = 1, .height = 1, .channels = 1, .pixels = {6}}).pixels);
  EXPECT_EQ(error_of([] {
              (void)crop(kSix, {2, 0, 2, 1});
            }),
            "a crop must lie in its picture of 3x2, got 2x1 at 2,0");
  EXPECT_THROW((void)crop(kSix, {-1, 0, 2, 1}), Error);
  EXPECT_THROW((void)crop(kSix, {0, 0, 0, 1}), Error);
  EXPECT_THROW((void)crop(kSix, {2147483647, 0, 2, 1}), Error);
}

TEST(Crop, TheMiddleOfAShape) {
  const Box square = centre_box(10, 4);
  EXPECT_EQ(square.x, 3);
  EXPECT_EQ(square.width, 4);
  EXPECT_EQ(square.height, 4);
  const Box wide = centre_box(10, 10, 2);
  EXPECT_EQ(wide.y, 2);
  EXPECT_EQ(wide.width, 10);
  EXPECT_EQ(wide.height, 5);
  EXPECT_THROW((void)centre_box(10, 10, 0), Error);
}

TEST(Flip, ByHand) {
  EXPECT_EQ(flip_x(kSix).pixels, (Bytes{3, 2, 1, 6, 5, 4}));
  EXPECT_EQ(flip_y(kSix).pixels, (Bytes{4, 5, 6, 1, 2, 3}));
  const Image rgb{.width = 2, .height = 1, .channels = 3, .pixels = {1, 2, 3, 4, 5, 6}};
  EXPECT_EQ(flip_x(rgb).pixels, (Bytes{4, 5, 6, 1, 2, 3}));
  EXPECT_EQ(to_bytes(flip_x(to_float(kSix))).pixels, flip_x(kSix).pixels);
  EXPECT_EQ(to_bytes(flip_y(to_float(kSix))).pixels, flip_y(kSix).pixels);
}

TEST(Affine, ByHand) {
  EXPECT_EQ(affine(kSix, {1, 0, 0, 0, 1, 0}).pixels, kSix.pixels);
  // One to the right: pixel x shows x - 1; the first column is outside.
  EXPECT_EQ(affine(kSix, {1, 0, -1, 0, 1, 0}, {.fill = {9, 9, 9}}).pixels,
            (Bytes{9, 1, 2, 9, 4, 5}));
  // Half a pixel: the mean of two neighbours.
  const FloatImage two{.width = 2, .height = 1, .channels = 1, .pixels = {.2F, .6F}};
  EXPECT_NEAR(affine(two, {1, 0, .5, 0, 1, 0}).pixels[0], .4F, 1e-6);
  // A quarter turn to the left brings the top right corner to the top left.
  const Image square{.width = 2, .height = 2, .channels = 1, .pixels = {1, 2, 3, 4}};
  EXPECT_EQ(affine(square, turn_map(2, 2, 90), {.how = Interpolation::kNearest}).pixels,
            (Bytes{2, 4, 1, 3}));
  EXPECT_EQ(affine(to_float(kSix), {1, 0, -1, 0, 1, 0}, {.fill = {255, 255, 255}}).pixels[0], 1);
  EXPECT_EQ(affine(kSix, {1, 0, 0, 0, 1, 0}, {.width = 1, .height = 1}).pixels, (Bytes{1}));
}

TEST(Transforms, OneSentencePerError) {
  EXPECT_EQ(error_of([] { (void)resize(kSix, 0, 1); }),
            "the result must be 1..65535 pixels wide and high, got 0x1 (resize)");
  EXPECT_EQ(error_of([] {
              (void)affine(kSix, {1, 0, 0, 0, 1, NAN});
            }),
            "an affine map must be six finite numbers");
  EXPECT_EQ(error_of([] {
              (void)affine(kSix, {1, 0, 0, 0, 1, 0}, {.how = Interpolation::kArea});
            }),
            "an affine map interpolates by kNearest or kBilinear, got kArea");
  EXPECT_EQ(error_of([] { (void)turn_map(2, 2, 5, 0); }),
            "a turn needs a scale above 0 and a finite angle, got 0 and 5");
  EXPECT_THROW((void)flip_x(Image{}), Error);
}

TEST(Fits, EachKeepsWhatItSays) {
  // Eight wide, four high: columns 0..7, so that what was cut and where bars are can be seen.
  Image picture = blank(8, 4, 1);
  for (int y = 0; y < 4; ++y)
    for (int x = 0; x < 8; ++x)
      picture.pixels[static_cast<std::size_t>(8 * y + x)] = static_cast<std::uint8_t>(10 * x);
  const auto row = [](const Image& of, int y) {
    const auto begin = of.pixels.begin() + y * of.width;
    return std::vector<int>(begin, begin + of.width);
  };
  const auto stretched = resize(picture, 4, 4, Fit::kStretch);
  EXPECT_EQ(row(stretched, 0), (std::vector<int>{5, 25, 45, 65}));
  const auto inside = resize(picture, 4, 4, Fit::kInside);
  EXPECT_EQ(inside.height, 2);
  EXPECT_EQ(row(inside, 0), (std::vector<int>{5, 25, 45, 65}));
  const auto cropped = resize(picture, 4, 4, Fit::kCrop);
  EXPECT_EQ(row(cropped, 0), (std::vector<int>{20, 30, 40, 50}));
  const auto boxed = resize(picture, 4, 4, Fit::kLetterbox, {200, 200, 200});
  EXPECT_EQ(row(boxed, 0), std::vector<int>(4, 200));
  EXPECT_EQ(row(boxed, 1), (std::vector<int>{5, 25, 45, 65}));
  EXPECT_EQ(row(boxed, 3), std::vector<int>(4, 200));
  const auto floats = resize(to_float(picture), 4, 4, Fit::kLetterbox, {255, 0, 0});
  EXPECT_EQ(floats.pixels[0], 1);
  EXPECT_NEAR(floats.pixels[4], 5 / 255.0, 1e-6);
  // A line keeps at least one pixel.
  EXPECT_EQ(resize(blank(500, 1), 5, 5, Fit::kInside).height, 1);
}

}  // namespace transform_test
}  // namespace clew::image
