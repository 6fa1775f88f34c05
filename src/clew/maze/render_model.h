// SPDX-License-Identifier: Apache-2.0
// What a pixel is, in numbers: the view's tables, the light, and the shapes objects are made of.
// The fast renderer and the reference read the same numbers here; each has its own way of drawing.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "clew/maze/render.h"

namespace clew::maze {

/// Rays shorter than this are drawn as if this long, so that a wall in one's face stays finite.
constexpr float kNearest = 1.0F / 256;
/// Light falls as 1 / (1 + kFade * depth); walls that face north or south are a little darker.
constexpr float kFade = 0.16F;
constexpr float kLightEastWest = 255, kLightNorthSouth = 205;
/// A ray parallel to an axis is tilted by this much, so that every division is finite.
constexpr float kLeastSlope = 1e-6F;
/// Floor coordinates are integers of 1/8192 cell, counted anew every kSegment columns.
constexpr float kFloorUnit = 8192;
constexpr int kSegment = 64;
/// Wall rows are counted from the middle in steps of 1/2048 texel, 32 texels up and 32 down; a
/// little below 65536, so that rounding never steps over the edge.
constexpr float kTexelScale = 65500;
constexpr int kMaxHalfRows = 240;

/// Rows are handled in pairs that are mirror images: `pair` 0 is nearest the horizon. With an odd
/// height both rows of pair 0 are the middle row, where only walls are seen.
struct View {
  explicit View(const RenderOptions& options);

  int width, height;
  int pairs;                        // (height + 1) / 2
  bool is_odd;                      // height is odd
  float focal;                      // pixels
  std::vector<float> column_slope;  // [width, padded to kSegment] right per unit of depth
  std::vector<float> row_slope;     // [height] down per unit of depth
  std::vector<float>
      pair_depth;  // [pairs, padded to 64] depth of floor and ceiling there; 0 for the middle row
  std::vector<std::uint8_t> pair_light;  // [pairs]
  std::vector<std::uint8_t>
      pair_mip;  // [pairs] which version of the floor patterns: 0..kFloorMips-1

  int lower_row(int pair) const { return height / 2 + pair; }
  int upper_row(int pair) const { return (height + 1) / 2 - 1 - pair; }
};

/// A solid of revolution about a vertical axis, in cells; heights above the floor.
struct Solid {
  enum Form : std::uint8_t { kEllipsoid, kCylinder } form;
  float radius;
  float bottom, top;
  std::uint8_t colour[2];  // palette indices
  enum Pattern : std::uint8_t { kPlain, kBands, kDots } pattern;
};

/// The solids that make up one kind of object.
std::span<const Solid> solids_of(ThingKind kind);
/// Every solid of every kind lies within this distance of the object's axis, and below this height.
constexpr float kThingRadius = 0.32F, kThingHeight = 0.9F;

/// Direction of the light on objects, in the viewer's frame: right, down, forward.
constexpr float kLampRight = -0.48F, kLampDown = -0.64F, kLampForward = -0.60F;
constexpr float kAmbient = 0.42F, kDiffuse = 0.58F;

/// A solid as one viewer has it before him: the numbers that all its pixels share. Ellipsoids are
/// squeezed along the vertical into spheres: down * squeeze for every vertical coordinate.
struct PlacedSolid {
  /// `forward`, `right`: of its axis, from the eye along the view and across it.
  PlacedSolid(const Solid& solid, float forward, float right);

  float forward, right, down;  // its centre; down is squeezed, 0 for a cylinder
  float top, bottom;           // from the eye down, not squeezed
  float squeeze;               // 0 for a cylinder
  float clearance;             // squared distance of its centre less its squared radius
  float ambient, lid_light;    // light at a distance falls with that of its centre
  float lamp_right, lamp_down, lamp_forward,
      lamp_centre;                      // light above ambient: ray * depth - centre
  float pattern_height, pattern_right;  // units of its pattern in a cell
};

}  // namespace clew::maze
