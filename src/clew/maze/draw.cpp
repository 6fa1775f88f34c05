// SPDX-License-Identifier: Apache-2.0
#include "clew/maze/draw.h"

#include <algorithm>
#include <array>
#include <string_view>

#include "clew/core/error.h"
#include "clew/maze/paths.h"
#include "clew/maze/render_model.h"
#include "clew/maze/textures.h"

namespace clew::maze {
namespace {

using Rgb = std::array<std::uint8_t, 3>;
constexpr Rgb kPost = {40, 40, 44}, kNoCell = {62, 62, 68}, kSpawn = {255, 255, 255};

Rgb palette(int index) {
  const Textures& drawn = textures();
  return {drawn.red[index], drawn.green[index], drawn.blue[index]};
}

/// Mean colour: the last mip level.
Rgb wall_colour(int texture) {
  return palette(textures().walls[Textures::wall_column(texture, kWallMips - 1, 0)]);
}

/// Floor colour, dimmed so that walls and things stand out.
Rgb floor_colour(int texture) {
  Rgb colour = palette(textures().floor_base[texture] + 2);
  for (std::uint8_t& channel : colour) channel = static_cast<std::uint8_t>(110 + channel / 2);
  return colour;
}

/// Colour of an object's widest solid.
Rgb thing_colour(ThingKind kind) {
  const auto solids = solids_of(kind);
  const auto widest =
      std::max_element(solids.begin(), solids.end(),
                       [](const Solid& a, const Solid& b) { return a.radius < b.radius; });
  return palette(widest->colour[0]);
}

class Canvas {
 public:
  explicit Canvas(MapImage& image) : image_(image) {}

  void fill(int x, int y, int width, int height, const Rgb& colour) {
    for (int row = y; row < y + height; ++row)
      for (int column = x; column < x + width; ++column) put(column, row, colour, 16);
  }
  /// Centre and radius in 1/16 pixel; antialiased with 4x4 samples.
  void disc(int x, int y, int radius, const Rgb& colour) {
    for (int row = (y - radius) / 16; row <= (y + radius) / 16; ++row)
      for (int column = (x - radius) / 16; column <= (x + radius) / 16; ++column) {
        int inside = 0;
        for (int i = 0; i < 16; ++i) {
          const int dx = column * 16 + i % 4 * 4 + 2 - x, dy = row * 16 + i / 4 * 4 + 2 - y;
          inside += int{dx * dx + dy * dy < radius * radius};
        }
        if (inside > 0) put(column, row, colour, inside);
      }
  }

 private:
  void put(int column, int row, const Rgb& colour, int sixteenths) {
    std::uint8_t* pixel = &image_.rgb[(static_cast<std::size_t>(row) * image_.width + column) * 3];
    for (int i = 0; i < 3; ++i)
      pixel[i] =
          static_cast<std::uint8_t>((pixel[i] * (16 - sixteenths) + colour[i] * sixteenths) / 16);
  }
  MapImage& image_;
};

void draw_cell(const Grid& grid, Cell cell, int scale, Canvas& canvas) {
  const int x = cell.x * scale, y = cell.y * scale, index = grid.index(cell);
  if (!is_open(grid, index)) {
    canvas.fill(x, y, scale, scale, kNoCell);
    return;
  }
  canvas.fill(x, y, scale, scale, floor_colour(grid.floors[index]));
  const int thick = std::max(1, scale / 8), far = scale - thick;
  // Posts at the ends of walls of this cell or a neighbour.
  for (const auto& [vertical, horizontal] :
       {std::pair{kNorth, kWest}, {kNorth, kEast}, {kSouth, kEast}, {kSouth, kWest}}) {
    const Cell beside = neighbour(cell, horizontal), above = neighbour(cell, vertical);
    const bool has_post = grid.has_wall(cell, vertical) || grid.has_wall(cell, horizontal) ||
                          (grid.contains(beside) && grid.has_wall(beside, vertical)) ||
                          (grid.contains(above) && grid.has_wall(above, horizontal));
    if (has_post)
      canvas.fill(x + (horizontal == kEast ? far : 0), y + (vertical == kSouth ? far : 0), thick,
                  thick, kPost);
  }
  const auto face = [&](Side side) { return wall_colour(grid.faces[index * 4 + side]); };
  if (grid.has_wall(cell, kNorth))
    canvas.fill(x + thick, y, scale - 2 * thick, thick, face(kNorth));
  if (grid.has_wall(cell, kSouth))
    canvas.fill(x + thick, y + far, scale - 2 * thick, thick, face(kSouth));
  if (grid.has_wall(cell, kWest)) canvas.fill(x, y + thick, thick, scale - 2 * thick, face(kWest));
  if (grid.has_wall(cell, kEast))
    canvas.fill(x + far, y + thick, thick, scale - 2 * thick, face(kEast));
}

int radius_of(ThingKind kind, int scale) {
  return kind == ThingKind::kGoal || kind == ThingKind::kSolid ? scale * 16 * 30 / 100
                                                               : scale * 16 * 20 / 100;
}

/// Character of a post by its adjacent walls (bits as in Grid::walls).
std::string_view post(int walls) {
  constexpr std::string_view kPosts[16] = {" ", "╵", "╶", "└", "╷", "│", "┌", "├",
                                           "╴", "┘", "─", "┴", "┐", "┤", "┬", "┼"};
  return kPosts[walls];
}

std::string_view symbol(ThingKind kind) {
  constexpr std::string_view kSymbols[kThingKinds] = {"★", "●", "♥", "◆", "♣", "■"};
  return kSymbols[static_cast<int>(kind)];
}

/// True for a wall on the north (or west) side of cell (x, y), which may be beyond the border.
bool has_north_wall(const Grid& grid, int x, int y) {
  if (x < 0 || x >= grid.width || y < 0 || y > grid.height) return false;
  const auto column = static_cast<std::int16_t>(x);
  return y < grid.height ? grid.has_wall({column, static_cast<std::int16_t>(y)}, kNorth)
                         : grid.has_wall({column, static_cast<std::int16_t>(y - 1)}, kSouth);
}
bool has_west_wall(const Grid& grid, int x, int y) {
  if (x < 0 || x > grid.width || y < 0 || y >= grid.height) return false;
  const auto row = static_cast<std::int16_t>(y);
  return x < grid.width ? grid.has_wall({static_cast<std::int16_t>(x), row}, kWest)
                        : grid.has_wall({static_cast<std::int16_t>(x - 1), row}, kEast);
}

}  // namespace

MapImage draw_map(const Layout& layout, const MapOptions& options) {
  CLEW_CHECK(options.scale >= 4 && options.scale <= 128, "map scale must be in 4..128, got ",
             options.scale);
  const Grid& grid = *layout.grid;
  MapImage image{.width = grid.width * options.scale, .height = grid.height * options.scale};
  const auto pixels = static_cast<std::size_t>(image.width) * image.height;
  CLEW_CHECK(pixels <= std::size_t{64} << 20, "a map must have at most 64 megapixels, got ",
             image.width, " by ", image.height, "; a smaller map scale helps");
  image.rgb.resize(pixels * 3);
  Canvas canvas(image);
  for (int y = 0; y < grid.height; ++y)
    for (int x = 0; x < grid.width; ++x)
      draw_cell(grid, {static_cast<std::int16_t>(x), static_cast<std::int16_t>(y)}, options.scale,
                canvas);
  const auto middle = [&](int cell) { return (2 * cell + 1) * options.scale * 8; };
  if (options.shows_spawns)
    for (const Cell cell : layout.spawns)
      canvas.disc(middle(cell.x), middle(cell.y), options.scale * 16 * 7 / 100, kSpawn);
  for (const Thing& thing : layout.things) {
    const int radius = radius_of(thing.kind, options.scale);
    canvas.disc(middle(thing.cell.x), middle(thing.cell.y), radius, kPost);
    canvas.disc(middle(thing.cell.x), middle(thing.cell.y), radius - options.scale,
                thing_colour(thing.kind));
    if (thing.kind == ThingKind::kGoal)
      canvas.disc(middle(thing.cell.x), middle(thing.cell.y), radius / 3, kSpawn);
  }
  return image;
}

std::string map_text(const Layout& layout, bool shows_spawns) {
  const Grid& grid = *layout.grid;
  std::vector<std::string_view> inside(static_cast<std::size_t>(grid.width) * grid.height, "   ");
  std::vector<std::string> symbols;
  symbols.reserve(layout.things.size());
  for (int index = 0; index < grid.width * grid.height; ++index)
    if (!is_open(grid, index)) inside[index] = "███";
  if (shows_spawns)
    for (const Cell cell : layout.spawns) inside[grid.index(cell)] = " · ";
  for (const Thing& thing : layout.things) {
    symbols.push_back(concat(' ', symbol(thing.kind), ' '));
    inside[grid.index(thing.cell)] = symbols.back();
  }
  std::string out;
  for (int y = 0; y <= grid.height; ++y) {
    for (int x = 0; x <= grid.width; ++x) {
      out += post(
          int{has_west_wall(grid, x, y - 1)} << kNorth | int{has_north_wall(grid, x, y)} << kEast |
          int{has_west_wall(grid, x, y)} << kSouth | int{has_north_wall(grid, x - 1, y)} << kWest);
      if (x < grid.width) out += has_north_wall(grid, x, y) ? "───" : "   ";
    }
    out += '\n';
    if (y == grid.height) break;
    for (int x = 0; x <= grid.width; ++x) {
      out += has_west_wall(grid, x, y) ? "│" : " ";
      if (x < grid.width) out += inside[static_cast<std::size_t>(y) * grid.width + x];
    }
    out += '\n';
  }
  return out;
}

}  // namespace clew::maze
