// SPDX-License-Identifier: Apache-2.0
#include "clew/image/draw.h"

#include <gtest/gtest.h>

#include <cmath>

#include "clew/core/error.h"
#include "tests/support/expect_error.h"

namespace clew::image {
namespace draw_test {

TEST(ContactSheet, PutsTilesInRowMajorOrder) {
  // Three tiles of 2x1 pixels, two columns.
  const std::vector<std::uint8_t> frames = {1,  2,  3,  4,  5,  6,  11, 12, 13,
                                            14, 15, 16, 21, 22, 23, 24, 25, 26};
  const Image sheet = contact_sheet(frames, {.width = 2, .height = 1, .columns = 2});
  EXPECT_EQ(sheet.width, 4);
  EXPECT_EQ(sheet.height, 2);
  EXPECT_EQ(sheet.pixels,
            (std::vector<std::uint8_t>{1,  2,  3,  4,  5,  6,  11, 12, 13, 14, 15, 16,
                                       21, 22, 23, 24, 25, 26, 0,  0,  0,  0,  0,  0}));
}

TEST(ContactSheet, ReadsPlanarFrames) {
  // One tile of 2x2: red plane, green plane, blue plane.
  const std::vector<std::uint8_t> frames = {1, 2, 3, 4, 11, 12, 13, 14, 21, 22, 23, 24};
  const Image sheet =
      contact_sheet(frames, {.width = 2, .height = 2, .columns = 1, .planar = true});
  EXPECT_EQ(sheet.width, 2);
  EXPECT_EQ(sheet.pixels, (std::vector<std::uint8_t>{1, 11, 21, 2, 12, 22, 3, 13, 23, 4, 14, 24}));
}

TEST(ContactSheet, RefusesPartsOfATile) {
  const std::vector<std::uint8_t> frames(13);
  EXPECT_THROW((void)contact_sheet(frames, {.width = 2, .height = 2}), Error);
  EXPECT_THROW((void)contact_sheet({}, {}), Error);
  EXPECT_THROW((void)contact_sheet(frames, {.width = 0, .height = 2}), Error);
}

using Bytes = std::vector<std::uint8_t>;

int lit(const Image& picture) {
  int count = 0;
  for (const auto value : picture.pixels) count += value > 0;
  return count;
}

TEST(Draw, TintMixesWhereTheMaskIs) {
  Image picture = blank(2, 1, 3);
  tint(picture, Bytes{0, 1}, {200, 100, 0}, 0.5F);
  EXPECT_EQ(picture.pixels, (Bytes{0, 0, 0, 100, 50, 0}));
  expect_error([&] { tint(picture, Bytes{1}, {}); },
               "the mask of a picture of 2x1 must have as many pixels, got 1");
}

TEST(Draw, RectanglesByHand) {
  Image picture = blank(5, 4, 1);
  draw_rectangle(picture, 1, 0, 3, 2, {.colour = {7, 0, 0}});
  EXPECT_EQ(picture.pixels, (Bytes{0, 7, 7, 7, 0, 0, 7, 0, 7, 0, 0, 7, 7, 7, 0, 0, 0, 0, 0, 0}));
  picture = blank(3, 2, 3);
  fill_rectangle(picture, 1, 0, 99, 1, {1, 2, 3});
  EXPECT_EQ(picture.pixels, (Bytes{0, 0, 0, 1, 2, 3, 1, 2, 3, 0, 0, 0, 0, 0, 0, 0, 0, 0}));
  const auto before = picture.pixels;
  fill_rectangle(picture, 2, 1, 1, 2, {9, 9, 9});
  fill_rectangle(picture, -9, -9, 0, 5, {9, 9, 9});
  EXPECT_EQ(picture.pixels, before);
}

TEST(Draw, LinesGoWhereTheyAreTold) {
  Image picture = blank(9, 9, 1);
  draw_line(picture, 1, 4, 7, 4, {.colour = {200, 0, 0}});
  EXPECT_GT(picture.pixels[4 * 9 + 4], 150);  // antialiasing gives some to the rows beside
  EXPECT_EQ(picture.pixels[9 + 4], 0);
  EXPECT_EQ(picture.pixels[7 * 9 + 4], 0);
  Image outside = blank(9, 9, 1);
  draw_line(outside, -50, -50, -40, 60);
  EXPECT_EQ(lit(outside), 0);
  draw_line(outside, -1000, 4, 1000, 4);
  EXPECT_GE(lit(outside), 9);
}

TEST(Draw, TextIsAsLargeAsItSays) {
  for (const int height : {8, 20}) {
    const TextStyle style{.height = height};
    const TextSize size = text_size("Hg8", style);
    EXPECT_NEAR(size.height - size.below, height, 2);
    Image picture = blank(size.width + 20, size.height + 20, 1);
    draw_text(picture, "Hg8", 10, 10, style);
    EXPECT_GT(lit(picture), 20);
    // Nothing beyond the box that text_size gives, but a pixel of antialiasing.
    for (int y = 0; y < picture.height; ++y)
      for (int x = 0; x < picture.width; ++x) {
        if (x >= 9 && x <= 10 + size.width && y >= 9 && y <= 10 + size.height) continue;
        EXPECT_EQ(picture.pixels[static_cast<std::size_t>(y * picture.width + x)], 0)
            << x << ' ' << y;
      }
  }
  EXPECT_EQ(text_size("\xc3\xa4x").width, text_size("?x").width);  // one letter of two bytes
  Image small = blank(4, 4, 1);
  draw_text(small, "far too long", -3, -3);
  EXPECT_EQ(error_of([&] { draw_text(small, "x", 0, 0, {.height = 2}); }),
            "text must be 5..1000 pixels high, got 2");
}

// On floats the same as on bytes, but for the rounding of bytes, which OpenCV does anew with every stroke over
// a pixel; what nothing is drawn on keeps its bits.
TEST(Draw, FloatsAreDrawnOnAsBytesAre) {
  for (const int channels : {1, 3}) {
    const Colour colour = {250, 60, 128};
    Image bytes = blank(60, 40, channels, {90, 200, 20});
    FloatImage floats = to_float(bytes);
    floats.pixels.back() = 1.5F;
    const auto draw = [&](auto& picture) {
      draw_line(picture, 3.3F, 2.1F, 55, 30.7F, {.colour = colour, .width = 2});
      draw_rectangle(picture, 5, 20, 30, 38, {.colour = colour});
      fill_rectangle(picture, 40, 2, 50, 8, colour);
      draw_text(picture, "0.25", 8, 22, {.colour = colour, .height = 9});
    };
    draw(bytes);
    draw(floats);
    const FloatImage wanted = to_float(bytes);
    int changed = 0;
    for (std::size_t i = 0; i + 1 < wanted.pixels.size(); ++i) {
      EXPECT_NEAR(floats.pixels[i], wanted.pixels[i], 4.F / 255) << i;
      changed += floats.pixels[i] != floats.pixels[static_cast<std::size_t>(i % channels)];
    }
    EXPECT_GT(changed, 200 * channels);
    EXPECT_EQ(floats.pixels.back(), 1.5F);
  }
  FloatImage none;
  EXPECT_THROW(draw_line(none, 0, 0, 1, 1), Error);
}

TEST(Grid, PutsTilesInRows) {
  const std::vector<Tile> tiles = {
      {blank(2, 1, 1, {10})}, {blank(1, 2, 3, {1, 2, 3})}, {blank(2, 2, 1, {30})}};
  const Image sheet = grid(tiles, {.columns = 2, .gap = 1, .background = {5, 5, 5}});
  EXPECT_EQ(sheet.width, 7);
  EXPECT_EQ(sheet.height, 7);
  EXPECT_EQ(sheet.channels, 3);
  const auto at = [&](int x, int y) {
    return sheet.pixels[static_cast<std::size_t>(3 * (7 * y + x) + 1)];
  };
  EXPECT_EQ(at(0, 0), 5);
  EXPECT_EQ(at(1, 1), 10);
  EXPECT_EQ(at(2, 1), 10);
  EXPECT_EQ(at(1, 2), 5);
  EXPECT_EQ(at(4, 1), 2);
  EXPECT_EQ(at(4, 2), 2);
  EXPECT_EQ(at(5, 2), 5);
  EXPECT_EQ(at(2, 5), 30);
  EXPECT_EQ(at(5, 5), 5);
}

TEST(Grid, ScalesShrinksAndLabels) {
  const std::vector<Tile> tiles = {{blank(4, 4, 1, {200}), "seven"},
                                   {blank(40, 10, 1, {100}), "8"}};
  const Image sheet = grid(
      tiles, {.columns = 5, .width = 20, .height = 20, .scale = 2, .gap = 0, .background = {}});
  EXPECT_EQ(sheet.width, 80);
  EXPECT_GT(sheet.height, 49);
  const auto at = [&](int x, int y) {
    return sheet.pixels[static_cast<std::size_t>(3 * (80 * y + x))];
  };
  EXPECT_EQ(at(19, 19), 200);  // 4x4 grown to 8x8 in the middle of 40x40
  EXPECT_EQ(at(15, 19), 0);
  EXPECT_EQ(at(60, 20), 100);  // 40x10 shrunk to 20x5, grown to 40x10
  EXPECT_EQ(at(60, 10), 0);
  int below = 0;
  for (int y = 41; y < sheet.height; ++y)
    for (int x = 0; x < 80; ++x) below += at(x, y) > 0;
  EXPECT_GT(below, 20);
  EXPECT_EQ(grid(tiles, {.gap = 0, .label_height = 0}).height, 10);
}

TEST(Grid, OneSentencePerError) {
  EXPECT_EQ(error_of([] { (void)grid({}); }), "a grid needs at least one picture");
  const std::vector<Tile> tiles = {{blank(4, 4, 1)}}, bad = {{Image{}}};
  EXPECT_THROW((void)grid(tiles, {.columns = 0}), Error);
  EXPECT_THROW((void)grid(tiles, {.scale = 0}), Error);
  EXPECT_THROW((void)grid(bad), Error);
  EXPECT_EQ(error_of([&] { (void)grid(tiles, {.width = 60000, .scale = 2}); }),
            "a grid must be at most 65535 pixels wide and high, got 120008x16");
  EXPECT_EQ(error_of([&] { (void)grid(tiles, {.width = 20000, .height = 20000, .gap = 0}); }),
            "a grid must have at most 268435456 pixels, got 20000x20000");
  Image picture = blank(2, 2);
  EXPECT_EQ(error_of([&] { draw_line(picture, 0, 0, NAN, 1); }),
            "a point to draw must lie within 1e+06 pixels, got nan (draw_line)");
  EXPECT_EQ(error_of([&] { draw_rectangle(picture, 0, 0, 1, 1, {.width = 0}); }),
            "a pen must be 1..255 pixels wide, got 0 (draw_rectangle)");
}

}  // namespace draw_test
}  // namespace clew::image
