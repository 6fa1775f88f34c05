// SPDX-License-Identifier: Apache-2.0
// One ray, pixel and object at a time. Float operations are in the fast kernel's order, since
// results must be bit-identical.
#include "clew/maze/render_reference.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <limits>

#include "clew/core/turns.h"
#include "clew/maze/render_model.h"
#include "clew/maze/textures.h"

namespace clew::maze {
namespace {

struct Point {
  float x, y;
};

struct WallHit {
  float depth;
  std::uint32_t column;     // offset of the texture column in Textures::walls
  std::uint32_t half_step;  // texel rows per half pixel row, in units of 1/2048
  int pairs;                // row pairs with wall, from the horizon out
  int light;
};

struct Pixel {
  std::uint8_t colour;  // palette index
  int light;
  float depth;
  std::uint8_t semantic;
  std::uint16_t instance;
};

float away_from_zero(float slope) { return std::fabs(slope) < kLeastSlope ? kLeastSlope : slope; }

class Reference {
 public:
  Reference(const View& view, const Grid& grid, const Camera& camera)
      : view_(view),
        grid_(grid),
        eye_{camera.x, camera.y},
        forward_(direction_of(camera.heading)) {}

  WallHit cast(float slope) const {
    const float dx = away_from_zero(forward_.x - slope * forward_.y);
    const float dy = away_from_zero(forward_.y + slope * forward_.x);
    const float inverse_x = 1 / dx, inverse_y = 1 / dy;
    Cell cell = {
        static_cast<std::int16_t>(std::clamp(static_cast<int>(eye_.x), 0, grid_.width - 1)),
        static_cast<std::int16_t>(std::clamp(static_cast<int>(eye_.y), 0, grid_.height - 1))};
    while (true) {
      // Exit of the ray from the cell: east or west side, or north or south side.
      const float tx = (static_cast<float>(cell.x + (dx > 0 ? 1 : 0)) - eye_.x) * inverse_x;
      const float ty = (static_cast<float>(cell.y + (dy > 0 ? 1 : 0)) - eye_.y) * inverse_y;
      const bool is_x = tx < ty;
      const Side side = is_x ? (dx > 0 ? kEast : kWest) : (dy > 0 ? kSouth : kNorth);
      if (!grid_.has_wall(cell, side)) {
        cell = neighbour(cell, side);
        continue;
      }
      WallHit hit;
      hit.depth = std::max(is_x ? tx : ty, kNearest);
      const float along = is_x ? (eye_.y + hit.depth * dy) - static_cast<float>(cell.y)
                               : (eye_.x + hit.depth * dx) - static_cast<float>(cell.x);
      int texel = std::clamp(static_cast<int>(along * 64), 0, 63);
      if (side == kSouth || side == kWest) texel = 63 - texel;  // left to right in the view
      // Mip level by the mean of texels per pixel vertically and horizontally (more on a slanted
      // wall).
      const float texels = hit.depth * (64 / view_.focal);
      const float footprint = texels * (0.5F + 0.5F * std::fabs(is_x ? inverse_x : inverse_y));
      const int exponent = static_cast<int>(std::bit_cast<std::uint32_t>(footprint) >> 23) - 127;
      const int level = std::clamp(exponent, 0, kWallMips - 1);
      hit.column = Textures::wall_column(
          grid_.faces[static_cast<std::size_t>(grid_.index(cell) * 4 + side)],
          static_cast<std::uint32_t>(level), static_cast<std::uint32_t>(texel));
      hit.half_step =
          static_cast<std::uint32_t>(std::min(hit.depth * (kTexelScale / view_.focal), 65535.0F));
      const float half_rows = view_.focal * 0.5F / hit.depth;
      hit.pairs = std::min(static_cast<int>(half_rows + (view_.is_odd ? 1.0F : 0.5F)), view_.pairs);
      hit.light =
          static_cast<int>((is_x ? kLightEastWest : kLightNorthSouth) / (1 + kFade * hit.depth));
      return hit;
    }
  }

  Pixel background(const WallHit& hit, int row, int column) const {
    const bool is_lower = row >= view_.height / 2;
    const int pair = is_lower ? row - view_.height / 2 : (view_.height + 1) / 2 - 1 - row;
    if (pair < hit.pairs) {
      const auto rows = static_cast<std::uint32_t>(2 * pair + (view_.is_odd ? 0 : 1));
      const std::uint32_t texel = (rows * hit.half_step & 0xffff) >> 11;
      return {textures().walls[hit.column + texel + (is_lower ? 0 : 32)], hit.light, hit.depth, 2,
              2};
    }
    const auto at = static_cast<std::size_t>(pair);
    const float scale = view_.pair_depth[at] * kFloorUnit;
    const int first = column / kSegment * kSegment;
    const float slope = view_.column_slope[static_cast<std::size_t>(first)];
    const int x = round_to_int(eye_.x * kFloorUnit + scale * (forward_.x - slope * forward_.y)) +
                  (column - first) * round_to_int(scale / view_.focal * (0.0F - forward_.y));
    const int y = round_to_int(eye_.y * kFloorUnit + scale * (forward_.y + slope * forward_.x)) +
                  (column - first) * round_to_int(scale / view_.focal * forward_.x);
    const auto texel = static_cast<std::size_t>((y >> 10 & 7) * 8 + (x >> 10 & 7));
    const Textures::FloorPattern& pattern = textures().floors[view_.pair_mip[at]];
    const int light = view_.pair_light[at];
    if (!is_lower) return {pattern.ceiling[texel], light, view_.pair_depth[at], 0, 0};
    const Cell cell = {static_cast<std::int16_t>(std::clamp(x >> 13, 0, grid_.width - 1)),
                       static_cast<std::int16_t>(std::clamp(y >> 13, 0, grid_.height - 1))};
    const std::size_t floor = grid_.floors[static_cast<std::size_t>(grid_.index(cell))];
    const int lightness =
        (pattern.low[texel] >> floor & 1) + 2 * (pattern.high[texel] >> floor & 1);
    return {static_cast<std::uint8_t>(textures().floor_base[floor] + lightness), light,
            view_.pair_depth[at], 1, 1};
  }

  // Draws the solid over the pixel, with a depth test.
  void draw(const Solid& solid, const Sprite& sprite, float slope_right, float slope_down,
            Pixel& pixel) const {
    const float rel_x = sprite.x - eye_.x, rel_y = sprite.y - eye_.y;
    const float centre_forward = rel_x * forward_.x + rel_y * forward_.y;
    const float centre_right = rel_y * forward_.x - rel_x * forward_.y;
    const PlacedSolid placed(solid, centre_forward, centre_right);
    // Intersection of the ray slope * depth with the sphere or cylinder: a quadratic equation.
    const float down = slope_down * placed.squeeze;
    const float a = (slope_right * slope_right + 1) + down * down;
    const float b = (slope_right * placed.right + placed.forward) + down * placed.down;
    const float discriminant = b * b - a * placed.clearance;
    if (!(discriminant > 0 && placed.clearance > 0)) return;
    const float root = std::sqrt(discriminant);
    float depth = (b - root) / a;
    const float lamp =
        (slope_right * placed.lamp_right + placed.lamp_forward) + down * placed.lamp_down;
    float light = placed.ambient + std::max(lamp * depth - placed.lamp_centre, 0.0F);
    const float at = slope_down * depth;
    float units = (placed.bottom - at) * placed.pattern_height;
    if (solid.form == Solid::kCylinder) {
      if (at > placed.bottom) return;
      if (at < placed.top) {
        // Above its edge: maybe its lid, if that is below the eye.
        if (!(placed.top > 0)) return;
        depth = placed.top / slope_down;
        if (!(slope_down > 0 && depth * a < b + root)) return;
        light = placed.lid_light;
        units = 4;
      }
    }
    if (!(depth > kNearest && depth < pixel.depth)) return;
    bool is_second = false;
    if (solid.pattern == Solid::kBands) {
      is_second = (static_cast<int>(units) & 1) != 0;
    } else if (solid.pattern == Solid::kDots) {
      const int u =
          static_cast<int>((slope_right * depth - placed.right) * placed.pattern_right + 8);
      const int v = static_cast<int>(units);
      is_second = ((u + v) & 3) == 0 && (v & 1) != 0;
    }
    pixel = {solid.colour[is_second ? 1 : 0], static_cast<int>(light), depth,
             static_cast<std::uint8_t>(kSemanticThing + static_cast<int>(sprite.kind)),
             sprite.instance};
  }

 private:
  // Half to even.
  static int round_to_int(float x) { return static_cast<int>(std::nearbyint(x)); }

  const View& view_;
  const Grid& grid_;
  Point eye_;
  Direction forward_;
};

// Backward optical flow: previous minus current position of the pixel's point.
Point flow_of(const View& view, const Camera& camera, const Camera& previous, float slope_right,
              float slope_down, float depth) {
  const Direction now = direction_of(camera.heading), then = direction_of(previous.heading);
  const float right = slope_right * depth;
  const float x = (camera.x + now.x * depth) - now.y * right;
  const float y = (camera.y + now.y * depth) + now.x * right;
  const float rel_x = x - previous.x, rel_y = y - previous.y;
  const float old_depth = rel_x * then.x + rel_y * then.y;
  const float old_right = rel_y * then.x - rel_x * then.y;
  if (!(old_depth > 0)) {
    return {std::numeric_limits<float>::quiet_NaN(), std::numeric_limits<float>::quiet_NaN()};
  }
  const float down = slope_down * depth;
  return {(old_right / old_depth - slope_right) * view.focal,
          (down / old_depth - slope_down) * view.focal};
}

}  // namespace

void render_reference(const RenderOptions& options, const Grid& grid,
                      std::span<const Sprite> sprites, const Camera& camera, const Camera& previous,
                      const FrameBuffers& out) {
  render_reference(View(options), grid, sprites, camera, previous, out);
}

void render_reference(const View& view, const Grid& grid, std::span<const Sprite> sprites,
                      const Camera& camera, const Camera& previous, const FrameBuffers& out) {
  const Textures& looks = textures();
  const Reference reference(view, grid, camera);
  const auto pixels = static_cast<std::size_t>(view.width) * static_cast<std::size_t>(view.height);
  for (int column = 0; column < view.width; ++column) {
    const float slope_right = view.column_slope[static_cast<std::size_t>(column)];
    const WallHit hit = reference.cast(slope_right);
    for (int row = 0; row < view.height; ++row) {
      const float slope_down = view.row_slope[static_cast<std::size_t>(row)];
      Pixel pixel = reference.background(hit, row, column);
      for (const Sprite& sprite : sprites) {
        for (const Solid& solid : solids_of(sprite.kind)) {
          reference.draw(solid, sprite, slope_right, slope_down, pixel);
        }
      }
      const auto at = static_cast<std::size_t>(row * view.width + column);
      if (out.rgb != nullptr) {
        const std::size_t step = out.is_planar ? pixels : 1, start = out.is_planar ? at : 3 * at;
        out.rgb[start] = static_cast<std::uint8_t>(looks.red[pixel.colour] * pixel.light >> 8);
        out.rgb[start + step] =
            static_cast<std::uint8_t>(looks.green[pixel.colour] * pixel.light >> 8);
        out.rgb[start + 2 * step] =
            static_cast<std::uint8_t>(looks.blue[pixel.colour] * pixel.light >> 8);
      }
      if (out.depth != nullptr) out.depth[at] = pixel.depth;
      if (out.semantic != nullptr) out.semantic[at] = pixel.semantic;
      if (out.instance != nullptr) out.instance[at] = pixel.instance;
      if (out.flow != nullptr) {
        const Point flow = flow_of(view, camera, previous, slope_right, slope_down, pixel.depth);
        out.flow[at] = flow.x;
        out.flow[pixels + at] = flow.y;
      }
    }
  }
}

}  // namespace clew::maze
