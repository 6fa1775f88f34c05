// SPDX-License-Identifier: Apache-2.0
#include "clew/maze/textures.h"

#include <gtest/gtest.h>

#include <array>
#include <cstdlib>
#include <set>
#include <tuple>
#include <vector>

namespace clew::maze {
namespace textures_test {

struct Rgb {
  int r, g, b;
};

// Texel (x, y) of a wall as the viewer sees it, y down, at a level.
Rgb wall_texel(int texture, int level, int x, int y) {
  const Textures& all = textures();
  const std::uint32_t column =
      Textures::wall_column(static_cast<std::uint32_t>(texture), static_cast<std::uint32_t>(level),
                            static_cast<std::uint32_t>(x));
  const std::size_t colour =
      all.walls[column + static_cast<std::uint32_t>(y >= 32 ? y - 32 : 63 - y)];
  return {all.red[colour], all.green[colour], all.blue[colour]};
}

TEST(Textures, ColoursOfThePaletteDiffer) {
  std::set<std::tuple<int, int, int>> colours;
  for (std::size_t i = 0; i < kPalette; ++i)
    colours.insert({textures().red[i], textures().green[i], textures().blue[i]});
  EXPECT_EQ(colours.size(), static_cast<std::size_t>(kPalette));
}

// Any two walls differ even at a quarter of the resolution.
TEST(Textures, NoTwoWallsLookAlike) {
  std::vector<std::vector<Rgb>> walls;
  for (int texture = 0; texture < kWallTextures; ++texture) {
    walls.emplace_back();
    for (int i = 0; i < 256; ++i)
      walls.back().push_back(wall_texel(texture, 2, i % 16 * 4, i / 16 * 4));
  }
  for (std::size_t a = 0; a < walls.size(); ++a) {
    for (std::size_t b = 0; b < a; ++b) {
      int difference = 0;
      for (std::size_t i = 0; i < 256; ++i) {
        difference += std::abs(walls[a][i].r - walls[b][i].r) +
                      std::abs(walls[a][i].g - walls[b][i].g) +
                      std::abs(walls[a][i].b - walls[b][i].b);
      }
      EXPECT_GT(difference / 256, 30) << "walls " << a << " and " << b;
    }
  }
}

TEST(Textures, SmallVersionsAreMeansOfTheFullOne) {
  for (int texture = 0; texture < kWallTextures; ++texture) {
    for (int level = 1; level < kWallMips; ++level) {
      const int block = 1 << level;
      for (int y = 0; y < 64; y += block) {
        for (int x = 0; x < 64; x += block) {
          Rgb sum{};
          for (int i = 0; i < block * block; ++i) {
            const Rgb texel = wall_texel(texture, 0, x + i % block, y + i / block);
            sum.r += texel.r, sum.g += texel.g, sum.b += texel.b;
          }
          const Rgb small = wall_texel(texture, level, x, y);
          // The palette is coarse: a mean of two hues may lie between its colours.
          const int n = block * block;
          EXPECT_LT(std::abs(sum.r / n - small.r) + std::abs(sum.g / n - small.g) +
                        std::abs(sum.b / n - small.b),
                    130)
              << "wall " << texture << " level " << level << " at " << x << ", " << y;
        }
      }
    }
  }
}

TEST(Textures, FloorsDiffer) {
  const Textures& all = textures();
  std::set<std::vector<int>> floors;
  for (int k = 0; k < kFloorTextures; ++k) {
    std::vector<int> texels;
    for (std::size_t i = 0; i < 64; ++i) {
      const int lightness = (all.floors[0].low[i] >> k & 1) + 2 * (all.floors[0].high[i] >> k & 1);
      texels.push_back(all.floor_base[static_cast<std::size_t>(k)] + lightness);
    }
    EXPECT_GT(std::set<int>(texels.begin(), texels.end()).size(), 1U)
        << "floor " << k << " has no pattern";
    floors.insert(texels);
  }
  EXPECT_EQ(floors.size(), static_cast<std::size_t>(kFloorTextures));
}

}  // namespace textures_test
}  // namespace clew::maze
