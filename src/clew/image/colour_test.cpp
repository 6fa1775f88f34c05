// SPDX-License-Identifier: Apache-2.0
#include "clew/image/colour.h"

#include <gtest/gtest.h>

#include <cmath>

#include "clew/core/error.h"

namespace clew::image {
namespace colour_test {

using Bytes = std::vector<std::uint8_t>;

const Image kTwo{.width = 2, .height = 1, .channels = 3, .pixels = {200, 100, 0, 50, 50, 50}};

TEST(Colour, Brightness) {
  EXPECT_EQ(adjust_brightness(kTwo, 1.5F).pixels, (Bytes{255, 150, 0, 75, 75, 75}));
  EXPECT_EQ(adjust_brightness(kTwo, 1).pixels, kTwo.pixels);
  EXPECT_EQ(adjust_brightness(kTwo, 0).pixels, (Bytes{0, 0, 0, 0, 0, 0}));
}

TEST(Colour, ContrastIsAboutTheMeanGrey) {
  // Greys 118.5 and 50: mean 84.25.
  EXPECT_EQ(adjust_contrast(kTwo, 0).pixels, (Bytes{84, 84, 84, 84, 84, 84}));
  EXPECT_EQ(adjust_contrast(kTwo, .5F).pixels, (Bytes{142, 92, 42, 67, 67, 67}));
  EXPECT_EQ(adjust_contrast(kTwo, 1).pixels, kTwo.pixels);
  const Image grey{.width = 2, .height = 1, .channels = 1, .pixels = {10, 30}};
  EXPECT_EQ(adjust_contrast(grey, 2).pixels, (Bytes{0, 40}));
}

TEST(Colour, SaturationIsAboutEachPixelsGrey) {
  EXPECT_EQ(adjust_saturation(kTwo, 0).pixels, (Bytes{119, 119, 119, 50, 50, 50}));
  EXPECT_EQ(adjust_saturation(kTwo, 1).pixels, kTwo.pixels);
  EXPECT_EQ(adjust_saturation(kTwo, .5F).pixels, (Bytes{159, 109, 59, 50, 50, 50}));
}

TEST(Colour, HueTurnsRedToGreenToBlue) {
  const Image red{.width = 1, .height = 1, .channels = 3, .pixels = {250, 0, 0}};
  EXPECT_EQ(adjust_hue(red, 1 / 3.F).pixels, (Bytes{0, 250, 0}));
  EXPECT_EQ(adjust_hue(red, -1 / 3.F).pixels, (Bytes{0, 0, 250}));
  EXPECT_EQ(adjust_hue(red, .5F).pixels, (Bytes{0, 250, 250}));
  EXPECT_EQ(adjust_hue(red, 0).pixels, red.pixels);
  EXPECT_EQ(adjust_hue(kTwo, .25F).pixels[3], 50);  // grey has no hue
}

TEST(Colour, JitterComesFromItsKeyAndStaysInItsRange) {
  const ColourJitter jitter = {.brightness = .4F, .contrast = .4F, .saturation = .4F, .hue = .1F};
  EXPECT_EQ(jitter_colour(kTwo, jitter, {1}).pixels, jitter_colour(kTwo, jitter, {1}).pixels);
  EXPECT_NE(jitter_colour(kTwo, jitter, {1}).pixels, jitter_colour(kTwo, jitter, {2}).pixels);
  EXPECT_EQ(jitter_colour(kTwo, {}, {1}).pixels, kTwo.pixels);
  int low = 255, high = 0, grey = 0;
  for (std::uint64_t key = 0; key < 300; ++key) {
    const auto bright = jitter_colour(kTwo, {.brightness = .5F}, {key});
    low = std::min(low, int{bright.pixels[1]}), high = std::max(high, int{bright.pixels[1]});
    const auto maybe = jitter_colour(kTwo, {.grey_share = .3F}, {key});
    if (maybe.pixels[0] == maybe.pixels[2]) ++grey;
  }
  EXPECT_GE(low, 50);
  EXPECT_LT(low, 55);
  EXPECT_LE(high, 150);
  EXPECT_GT(high, 145);
  EXPECT_NEAR(grey, 90, 30);  // four standard deviations of a coin of 0.3
}

TEST(Colour, FloatsAreAsBytesWithoutRounding) {
  const FloatImage floats = to_float(kTwo);
  const ColourJitter jitter = {.brightness = .3F, .contrast = .3F, .saturation = .3F, .hue = .2F};
  const auto near = [](const FloatImage& a, const Image& b) {
    const auto bytes = to_bytes(a).pixels;
    for (std::size_t i = 0; i < bytes.size(); ++i) EXPECT_NEAR(bytes[i], b.pixels[i], 1) << i;
  };
  near(adjust_brightness(floats, 1.5F), adjust_brightness(kTwo, 1.5F));
  near(adjust_contrast(floats, .5F), adjust_contrast(kTwo, .5F));
  near(adjust_saturation(floats, .5F), adjust_saturation(kTwo, .5F));
  near(adjust_hue(floats, .2F), adjust_hue(kTwo, .2F));
  EXPECT_FLOAT_EQ(adjust_brightness(floats, 1.5F).pixels[1], 150 / 255.F);
  EXPECT_EQ(adjust_brightness(floats, 9).pixels[0], 1);
  // The same key draws the same numbers; bytes are rounded after each of up to four steps.
  const auto a = to_bytes(jitter_colour(floats, jitter, {5})).pixels,
             b = jitter_colour(kTwo, jitter, {5}).pixels;
  for (std::size_t i = 0; i < a.size(); ++i) EXPECT_NEAR(a[i], b[i], 4) << i;
}

TEST(Colour, GreyPicturesStayGrey) {
  const Image grey{.width = 2, .height = 1, .channels = 1, .pixels = {10, 30}};
  EXPECT_EQ(adjust_hue(grey, .3F).pixels, grey.pixels);
  EXPECT_EQ(adjust_saturation(grey, 0).pixels, grey.pixels);
  EXPECT_EQ(jitter_colour(grey, {.brightness = 1, .hue = .5F}, {3}).channels, 1);
}

TEST(Colour, OneSentencePerError) {
  EXPECT_THROW((void)adjust_brightness(kTwo, -1), Error);
  EXPECT_THROW((void)adjust_contrast(kTwo, NAN), Error);
  EXPECT_THROW((void)adjust_hue(kTwo, .6F), Error);
  EXPECT_THROW((void)jitter_colour(kTwo, {.hue = .6F}, {}), Error);
  EXPECT_THROW((void)jitter_colour(kTwo, {.contrast = -.1F}, {}), Error);
  EXPECT_THROW((void)adjust_saturation(Image{}, 1), Error);
}

}  // namespace colour_test
}  // namespace clew::image
