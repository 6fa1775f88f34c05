// SPDX-License-Identifier: Apache-2.0
// Procedural textures, in integer arithmetic: a palette of 128 colours, 64 wall textures with mip
// levels, 8 floor patterns and a ceiling. Laid out for the renderer's table look-ups.
#pragma once

#include <array>
#include <cstdint>
#include <memory>

#include "clew/maze/grid.h"

namespace clew::maze {

/// Sixteen ramps of eight lightnesses each.
enum Ramp : std::uint8_t {
  kGrey,
  kWood,
  kBrick,
  kOrange,
  kGold,
  kGreen,
  kTeal,
  kSky,
  kBlue,
  kPurple,
  kMagenta,
  kWhite,
  kBlack,
  kSand,
  kMoss,
  kSlate
};
constexpr std::uint8_t colour(Ramp ramp, int lightness) {
  return static_cast<std::uint8_t>(ramp * 8 + lightness);
}

constexpr int kPalette = 128;
constexpr int kWallMips = 7;  // 64x64 texels, 32x32, ... 1x1
constexpr int kFloorMips = 3;

struct Textures {
  // Planar, for the look-up.
  alignas(64) std::array<std::uint8_t, kPalette> red, green, blue;

  // [64 textures][128 columns][64 bytes] palette indices. Columns 0..63 are mip level 0, 64..95
  // level 1, and so on: level l starts at 128 - (128 >> l). Every column has 64 bytes, repeated
  // texels in higher levels: 0..31 go from the middle of the wall down, 32..63 from the middle up.
  alignas(64) std::array<std::uint8_t, kWallTextures * 128 * 64> walls;

  // Floors: 8x8 texels per cell, four lightnesses. Bit k of a byte is floor texture k's; the colour
  // of a texel is floor_base[k] + its bit of floor_low + 2 * its bit of floor_high.
  struct FloorPattern {
    alignas(64) std::array<std::uint8_t, 64> low, high, ceiling;  // [8 rows y][8 texels x]
  };
  std::array<FloorPattern, kFloorMips> floors;
  std::array<std::uint8_t, kFloorTextures> floor_base;

  /// Offset of the 64 bytes of texel column 0..63 at a mip level.
  static constexpr std::uint32_t wall_column(std::uint32_t texture, std::uint32_t level,
                                             std::uint32_t texel) {
    return (texture * 128 + 128 - (128U >> level) + (texel >> level)) * 64;
  }
};

/// Made once, on first use; the same bytes in every process.
const Textures& textures();

}  // namespace clew::maze
