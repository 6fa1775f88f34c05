// SPDX-License-Identifier: Apache-2.0
// Procedural textures. Integers only, so that they are the same everywhere.
#include "clew/maze/textures.h"

#include <cstdlib>

#include "clew/core/key.h"

namespace clew::maze {
namespace {

struct RgbColour {
  int r, g, b;
};

// The brightest colour of each ramp, in the order of Ramp.
constexpr RgbColour kBright[16] = {
    {190, 190, 190}, {186, 122, 70},  {222, 66, 48},  {255, 146, 38},
    {255, 222, 60},  {74, 204, 72},   {44, 206, 190}, {96, 184, 255},
    {70, 96, 244},   {164, 92, 236},  {255, 92, 190}, {255, 255, 250},
    {74, 70, 80},    {232, 206, 156}, {150, 160, 80}, {134, 150, 180}};

// Dark colours shift to blue, as shadows do.
RgbColour palette_colour(int index) {
  const RgbColour bright = kBright[index >> 3];
  const int light = 80 + (index & 7) * 25;  // of 255
  const int shadow = (255 - light) / 14;
  return {bright.r * light / 255, bright.g * light / 255 + shadow / 3,
          bright.b * light / 255 + shadow};
}

// Uniform noise in 0..n-1 for a texel.
int noise(int id, int x, int y, int n) {
  const auto seed = static_cast<std::uint64_t>(id) << 32 |
                    static_cast<std::uint64_t>(y & 0xffff) << 16 |
                    static_cast<std::uint64_t>(x & 0xffff);
  return static_cast<int>((mix64(seed + 0x51ed2701) >> 33) % static_cast<std::uint64_t>(n));
}

struct Scheme {
  Ramp main, second;
};

// 32 base styles: eight patterns in four colours each. Consecutive ids differ in hue.
constexpr Scheme kSchemes[32] = {
    {kBrick, kSand},  {kGrey, kBlack},  {kWood, kBlack},   {kSky, kWhite},     {kGreen, kMoss},
    {kGold, kWood},   {kPurple, kGrey}, {kTeal, kSlate},   {kSand, kGrey},     {kSlate, kBlack},
    {kOrange, kWood}, {kMoss, kSand},   {kBlue, kSky},     {kMagenta, kWhite}, {kGrey, kWhite},
    {kWood, kGold},   {kMoss, kBlack},  {kBrick, kBlack},  {kTeal, kBlack},    {kMagenta, kPurple},
    {kGrey, kBrick},  {kSky, kBlue},    {kSand, kWood},    {kGreen, kWhite},   {kBlue, kSlate},
    {kOrange, kSand}, {kGreen, kBlack}, {kPurple, kSlate}, {kGold, kWhite},    {kTeal, kWhite},
    {kBrick, kGold},  {kWhite, kSlate}};

std::uint8_t shade(Ramp ramp, int lightness) {
  return colour(ramp, lightness < 0 ? 0 : lightness > 7 ? 7 : lightness);
}

std::uint8_t plain_wall(int id, int x, int y) {
  const auto [main, second] = kSchemes[id];
  const int grain = noise(id, x, y, 5) == 0 ? 1 : 0;
  switch (id % 8) {
    case 0: {  // bricks
      const int row = y / 8, shifted = (x + (row % 2) * 8) & 63;
      if (y % 8 == 7 || shifted % 16 == 15) return shade(second, 4 - grain);
      return shade(main, 4 + noise(id, shifted / 16, row + 99, 3) - grain + (y % 8 == 0 ? 1 : 0));
    }
    case 1: {  // stone blocks
      const int row = y / 16, shifted = (x + (row % 2) * 16) & 63;
      const int u = shifted % 32, v = y % 16;
      if (u == 31 || v == 15) return shade(second, 2);
      const int bevel = (u == 0 || v == 0) ? 1 : (u == 30 || v == 14) ? -1 : 0;
      return shade(main, 4 + noise(id, shifted / 32, row + 99, 3) + bevel - grain);
    }
    case 2: {  // upright planks
      const int plank = x / 8;
      if (x % 8 == 7) return shade(second, 1);
      const bool is_nail = x % 8 == 3 && (y == 5 || y == 58);
      const int vein = noise(id, x, (y + noise(id, plank, 7, 64)) / 12, 4) == 0 ? 1 : 0;
      return is_nail ? shade(second, 0) : shade(main, 4 + noise(id, plank, 99, 3) - vein);
    }
    case 3:  // broad level stripes
      return (y / 11) % 2 == 0 ? shade(main, 6 - grain) : shade(second, 5 - grain);
    case 4: {  // diamonds
      const int u = std::abs((x & 31) - 16) + std::abs((y & 31) - 16);
      return u < 13 ? shade(main, 6 - grain) : u < 16 ? shade(main, 3) : shade(second, 4 - grain);
    }
    case 5: {  // square tiles in two colours
      if (x % 16 == 15 || y % 16 == 15) return shade(kBlack, 3);
      return (x / 16 + y / 16) % 2 == 0 ? shade(main, 6 - grain) : shade(second, 4 - grain);
    }
    case 6: {  // rough plaster over a dark skirting
      if (y >= 48) return shade(second, y == 48 ? 6 : 2 + grain);
      return shade(main, 4 + (noise(id, x / 4, y / 4, 4) + noise(id, x / 2, y / 2, 3)) / 2);
    }
    default: {  // framed panels
      const int u = x & 31, edge = std::min(std::min(u, 31 - u), std::min(y, 63 - y));
      if (edge < 2) return shade(second, 2);
      if (edge < 6) return shade(second, 5 - grain);
      return shade(main, 5 + (edge == 6 ? 1 : 0) - grain);
    }
  }
}

// True if the texel is inside the symbol. u and v run from -47 to 47 in odd steps, v down.
bool is_symbol(int shape, int u, int v) {
  const int au = std::abs(u), av = std::abs(v), r2 = u * u + v * v;
  switch (shape) {
    case 0:
      return r2 < 38 * 38;  // disc
    case 1:
      return r2 < 42 * 42 && r2 > 24 * 24;  // ring
    case 2:
      return au < 33 && av < 33;  // square
    case 3:
      return au + av < 44;  // diamond
    case 4:
      return v < 34 && 2 * au < v + 46;  // triangle, up
    case 5:
      return v > -34 && 2 * au < 46 - v;  // triangle, down
    case 6:
      return (au < 13 && av < 42) || (av < 13 && au < 42);  // plus
    case 7:
      return std::abs(au - av) < 15 && au < 40 && av < 40;  // cross
    case 8:
      return av < 42 && (av < 9 || av > 25);  // three bars
    case 9:
      return au < 42 && (au < 9 || au > 25);  // three columns
    case 10:
      return ((u + 48) / 24 + (v + 48) / 24) % 2 == 0;  // chequers
    case 11:
      return u > 6 ? (u < 44 && av < 44 - u) : (u > -42 && av < 14);  // arrow, right
    case 12:
      return u < -6 ? (u > -44 && av < 44 + u) : (u < 42 && av < 14);  // arrow, left
    case 13:                                                           // heart
      return v < 0 ? (au - 20) * (au - 20) + (v + 8) * (v + 8) < 22 * 22 : au + v < 42;
    case 14:
      return r2 < 42 * 42 && u < 0;  // half disc
    default:                         // four-pointed star
      return au * av < 130 && au < 44 && av < 44;
  }
}

struct Poster {
  Ramp paper;
  int paper_light;
  Ramp ink;
  int ink_light;
};

std::uint8_t poster_wall(int id, int x, int y) {
  static constexpr Poster kPosters[32] = {
      {kGold, 7, kBlue, 4},     {kWhite, 7, kBrick, 6},   {kBlue, 4, kWhite, 7},
      {kBlack, 3, kGold, 7},    {kGreen, 6, kBlack, 2},   {kWhite, 7, kPurple, 5},
      {kBrick, 6, kWhite, 7},   {kSky, 7, kBlack, 2},     {kMagenta, 7, kBlack, 2},
      {kTeal, 7, kBrick, 5},    {kWhite, 7, kBlack, 2},   {kOrange, 7, kBlue, 4},
      {kPurple, 5, kGold, 7},   {kWhite, 7, kMagenta, 6}, {kBlack, 3, kTeal, 7},
      {kBlue, 5, kOrange, 7},   {kBrick, 5, kSky, 7},     {kBlack, 3, kWhite, 7},
      {kOrange, 7, kPurple, 4}, {kTeal, 6, kBlack, 2},    {kWhite, 7, kGreen, 5},
      {kBlue, 4, kMagenta, 7},  {kGold, 7, kBrick, 5},    {kBlack, 3, kGreen, 7},
      {kSky, 7, kBrick, 6},     {kPurple, 5, kWhite, 7},  {kGreen, 6, kMagenta, 7},
      {kWhite, 7, kBlue, 5},    {kBlack, 3, kMagenta, 7}, {kGreen, 5, kGold, 7},
      {kWhite, 7, kTeal, 5},    {kMagenta, 6, kGold, 7}};
  const Poster& poster = kPosters[id - 32];
  const int edge = std::min(std::min(x, 63 - x), std::min(y, 63 - y));
  if (edge < 4) return shade(kSand, 4 + noise(id, x / 2, y / 2, 2));
  if (edge < 7) return shade(kWood, edge == 4 ? 5 : 2);
  // The second sixteen show the same shapes in other colours, with a bar above.
  const bool has_bar = id >= 48 && y >= 9 && y < 14;
  const int u = 2 * x - 63, v = 2 * y - (id >= 48 ? 69 : 63);
  const bool is_ink = has_bar || is_symbol((id - 32) % 16, u, v);
  return is_ink ? shade(poster.ink, poster.ink_light) : shade(poster.paper, poster.paper_light);
}

// Lightness 0..3 of a floor texel.
int floor_texel(int floor, int x, int y) {
  switch (floor) {
    case 0:
      return (x / 4 + y / 4) % 2 == 0 ? 3 : 1;  // chequers
    case 1:
      return x == 0 || y == 0 ? 0 : 2 + (x == 1 || y == 1 ? 1 : 0);  // tiles
    case 2:
      return y % 4 == 0 ? 0 : 1 + (x / 2 + y / 4 * 3) % 3;  // boards
    case 3:
      return noise(700, x, y, 4);  // gravel
    case 4:
      return ((x + y) / 2) % 4;  // slanted stripes
    case 5:
      return std::min(std::min(x, 7 - x), std::min(y, 7 - y));  // squares in squares
    case 6:
      return (x % 4 == 1 || x % 4 == 2) && (y % 4 == 1 || y % 4 == 2) ? 3 : 1;  // dots
    default:
      return x % 4 == (y / 2 % 2) * 2 || y % 2 == 0 ? 1 : 3;  // setts
  }
}

// A panel with a lamp in the middle of every cell.
std::uint8_t ceiling_texel(int x, int y) {
  if (x >= 3 && x <= 4 && y >= 3 && y <= 4) return colour(kWhite, 7);
  if (x == 0 || y == 0) return colour(kSlate, 1);
  return colour(kSlate, (x + y) % 2 == 0 ? 4 : 3);
}

std::uint8_t nearest_colour(const Textures& out, int r, int g, int b) {
  int best = 0, best_error = 1 << 30;
  for (int i = 0; i < kPalette; ++i) {
    const auto at = static_cast<std::size_t>(i);
    const int dr = out.red[at] - r, dg = out.green[at] - g, db = out.blue[at] - b;
    const int error = 3 * dr * dr + 4 * dg * dg + 2 * db * db;
    if (error < best_error) best = i, best_error = error;
  }
  return static_cast<std::uint8_t>(best);
}

void draw_wall(int id, Textures& out) {
  std::array<std::uint8_t, 64 * 64> full;  // [y][x]
  for (int y = 0; y < 64; ++y) {
    for (int x = 0; x < 64; ++x) {
      full[static_cast<std::size_t>(y * 64 + x)] =
          id < 32 ? plain_wall(id, x, y) : poster_wall(id, x, y);
    }
  }
  for (int level = 0; level < kWallMips; ++level) {
    const int size = 64 >> level, block = 1 << level;
    for (int column = 0; column < size; ++column) {
      const std::uint32_t start =
          Textures::wall_column(static_cast<std::uint32_t>(id), static_cast<std::uint32_t>(level),
                                static_cast<std::uint32_t>(column * block));
      for (int row = 0; row < size; ++row) {
        int r = 0, g = 0, b = 0;
        for (int y = row * block; y < (row + 1) * block; ++y) {
          for (int x = column * block; x < (column + 1) * block; ++x) {
            const std::size_t texel = full[static_cast<std::size_t>(y * 64 + x)];
            r += out.red[texel], g += out.green[texel], b += out.blue[texel];
          }
        }
        const int n = block * block;
        const std::uint8_t texel =
            level == 0 ? full[static_cast<std::size_t>(row * 64 + column)]
                       : nearest_colour(out, (r + n / 2) / n, (g + n / 2) / n, (b + n / 2) / n);
        for (int y = row * block; y < (row + 1) * block; ++y) {
          out.walls[start + static_cast<std::uint32_t>(y >= 32 ? y - 32 : 63 - y)] = texel;
        }
      }
    }
  }
}

void draw_floors(Textures& out) {
  constexpr Ramp kRamps[kFloorTextures] = {kGrey, kSand,   kWood, kMoss,
                                           kTeal, kPurple, kBlue, kBrick};
  for (int k = 0; k < kFloorTextures; ++k) {
    out.floor_base[static_cast<std::size_t>(k)] = colour(kRamps[k], 1);
  }
  for (int mip = 0; mip < kFloorMips; ++mip) {
    const int block = mip == 0 ? 1 : mip == 1 ? 2 : 8;
    Textures::FloorPattern& pattern = out.floors[static_cast<std::size_t>(mip)];
    for (int y = 0; y < 8; ++y) {
      for (int x = 0; x < 8; ++x) {
        const int x0 = x / block * block, y0 = y / block * block, n = block * block;
        int low = 0, high = 0, r = 0, g = 0, b = 0;
        for (int k = 0; k < kFloorTextures; ++k) {
          int sum = 0;
          for (int i = 0; i < n; ++i) sum += floor_texel(k, x0 + i % block, y0 + i / block);
          const int level = (sum + n / 2) / n;
          low |= (level & 1) << k, high |= (level >> 1) << k;
        }
        for (int i = 0; i < n; ++i) {
          const std::size_t texel = ceiling_texel(x0 + i % block, y0 + i / block);
          r += out.red[texel], g += out.green[texel], b += out.blue[texel];
        }
        const auto at = static_cast<std::size_t>(y * 8 + x);
        pattern.low[at] = static_cast<std::uint8_t>(low);
        pattern.high[at] = static_cast<std::uint8_t>(high);
        pattern.ceiling[at] =
            nearest_colour(out, (r + n / 2) / n, (g + n / 2) / n, (b + n / 2) / n);
      }
    }
  }
}

std::unique_ptr<const Textures> draw() {
  auto out = std::make_unique<Textures>();
  for (int i = 0; i < kPalette; ++i) {
    const RgbColour rgb = palette_colour(i);
    const auto at = static_cast<std::size_t>(i);
    out->red[at] = static_cast<std::uint8_t>(rgb.r);
    out->green[at] = static_cast<std::uint8_t>(rgb.g);
    out->blue[at] = static_cast<std::uint8_t>(rgb.b);
  }
  for (int id = 0; id < kWallTextures; ++id) draw_wall(id, *out);
  draw_floors(*out);
  return out;
}

}  // namespace

const Textures& textures() {
  static const std::unique_ptr<const Textures> kTextures = draw();
  return *kTextures;
}

}  // namespace clew::maze
