// SPDX-License-Identifier: Apache-2.0
#include "clew/maze/draw.h"

#include <gtest/gtest.h>

#include <array>
#include <set>
#include <string>

#include "clew/core/error.h"
#include "clew/maze/level_text.h"

namespace clew::maze {
namespace draw_test {

const Level& hairpin() {
  static const Level level = parse_level(
      "reading = \"thin_walls\"\nmap = \"\"\"\n"
      "*******\n"
      "*P   A*\n"
      "***** *\n"
      "*G    *\n"
      "*******\n\"\"\"\n",
      "hairpin.toml");
  return level;
}

std::array<int, 3> pixel(const MapImage& image, int x, int y) {
  const std::uint8_t* p = &image.rgb[(static_cast<std::size_t>(y) * image.width + x) * 3];
  return {p[0], p[1], p[2]};
}

TEST(DrawMap, WallsFloorsAndThingsAreWhereTheyShouldBe) {
  Layout layout;
  draw_layout(hairpin(), Key{1}, layout);
  const MapImage image = draw_map(layout, {.scale = 24, .shows_spawns = true});
  EXPECT_EQ(image.width, 72);
  EXPECT_EQ(image.height, 48);
  ASSERT_EQ(image.rgb.size(), 72U * 48 * 3);
  const auto floor = pixel(image, 30, 8), post = pixel(image, 0, 0);
  EXPECT_NE(pixel(image, 36, 1), floor) << "the wall in the north";
  EXPECT_NE(pixel(image, 36, 22), floor) << "the wall between the rows";
  EXPECT_EQ(pixel(image, 25, 12), floor) << "the opening between the first cells";
  EXPECT_EQ(pixel(image, 60, 24), pixel(image, 60, 26)) << "the opening between the rows";
  EXPECT_EQ(pixel(image, 71, 47), post);
  EXPECT_EQ(pixel(image, 12, 12), (std::array{255, 255, 255})) << "the spawn";
  EXPECT_EQ(pixel(image, 12, 36), (std::array{255, 255, 255})) << "the middle of the goal";
  EXPECT_NE(pixel(image, 60, 12), pixel(image, 60, 4)) << "the apple";
  EXPECT_NE(draw_map(layout, {.scale = 24}).rgb, image.rgb) << "without spawns";
}

TEST(DrawMap, KindsOfThingsDiffer) {
  const Level level =
      parse_level("map = \"\"\"\n*********\n*GASLFO *\n*********\n\"\"\"\n[rules]\n", "a");
  Layout layout;
  draw_layout(level, Key{1}, layout);
  const MapImage image = draw_map(layout, {.scale = 32});
  std::set<std::array<int, 3>> colours;
  for (int x = 1; x <= 7; ++x) colours.insert(pixel(image, x * 32 + 16, 32 + 16 - 5));
  EXPECT_EQ(colours.size(), 7U) << "six kinds and the floor";
}

TEST(DrawMap, EveryScaleOfEveryLevel) {
  for (const std::string& name : builtin_level_names()) {
    const Level level = load_builtin(name);
    Layout layout;
    draw_layout(level, Key{1}, layout);
    for (const int scale : {4, 7, 24, 128}) {
      const MapImage image = draw_map(layout, {.scale = scale, .shows_spawns = true});
      EXPECT_EQ(image.rgb.size(), static_cast<std::size_t>(image.width) * image.height * 3);
    }
  }
}

TEST(DrawMap, SaysWhatIsOutOfRange) {
  Layout layout;
  draw_layout(hairpin(), Key{1}, layout);
  const auto error_of = [&](int scale) -> std::string {
    try {
      draw_map(layout, {.scale = scale});
    } catch (const Error& error) {
      return error.what();
    }
    return "";
  };
  EXPECT_EQ(error_of(3), "map scale must be in 4..128, got 3");
  EXPECT_EQ(error_of(129), "map scale must be in 4..128, got 129");
  const Level large = parse_level("[generator]\nwidth = 255\nheight = 255\n", "large.toml");
  draw_layout(large, Key{1}, layout);
  EXPECT_EQ(error_of(128),
            "a map must have at most 64 megapixels, got 32640 by 32640; a smaller map scale helps");
}

TEST(MapText, BoxDrawing) {
  Layout layout;
  draw_layout(hairpin(), Key{1}, layout);
  EXPECT_EQ(map_text(layout, true),
            "┌───────────┐\n"
            "│ ·       ● │\n"
            "├───────╴   │\n"
            "│ ★         │\n"
            "└───────────┘\n");
  const Level level = parse_level("map = \"\"\"\n*****\n*G P*\n*****\n\"\"\"\n", "a");
  draw_layout(level, Key{1}, layout);
  EXPECT_EQ(map_text(layout),
            "┌───┬───┬───┬───┬───┐\n"
            "│███│███│███│███│███│\n"
            "├───┼───┴───┴───┼───┤\n"
            "│███│ ★         │███│\n"
            "├───┼───┬───┬───┼───┤\n"
            "│███│███│███│███│███│\n"
            "└───┴───┴───┴───┴───┘\n");
}

}  // namespace draw_test
}  // namespace clew::maze
