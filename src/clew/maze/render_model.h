// SPDX-License-Identifier: Apache-2.0
// Constants and tables of view, light and object shapes, shared by the fast and the reference
// renderer.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "clew/maze/render.h"

namespace clew::maze {

/// Minimal ray length, in cells, so that near walls stay finite.
constexpr float kNearest = 1.0F / 256;
/// Light falls off as 1 / (1 + kFade * depth); walls that face north or south are a little darker.
constexpr float kFade = 0.16F;
constexpr float kLightEastWest = 255, kLightNorthSouth = 205;
/// Minimal slope of rays to an axis, so that every division is finite.
constexpr float kLeastSlope = 1e-6F;
/// Floor coordinates are integers of 1/8192 cell, restarted every kSegment columns.
constexpr float kFloorUnit = 8192;
constexpr int kSegment = 64;
/// Wall texture coordinates count from the middle in 1/2048 texel, 32 texels up and 32 down; a
/// little below 65536, so that rounding never exceeds the edge.
constexpr float kTexelScale = 65500;
constexpr int kMaxHalfRows = 240;

/// Rows are processed in mirrored pairs; pair 0 is nearest the horizon. With an odd height both
/// rows of pair 0 are the middle row, which shows walls only.
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
  std::vector<std::uint8_t> pair_mip;    // [pairs] mip level of the floor patterns: 0..kFloorMips-1

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

/// Solids of one kind of object.
std::span<const Solid> solids_of(ThingKind kind);
/// Bounding cylinder of all objects, cells.
constexpr float kThingRadius = 0.32F, kThingHeight = 0.9F;

/// Light direction on objects, in the camera's frame: right, down, forward.
constexpr float kLampRight = -0.48F, kLampDown = -0.64F, kLampForward = -0.60F;
constexpr float kAmbient = 0.42F, kDiffuse = 0.58F;

/// A solid in the camera's frame, with values shared by all its pixels. Ellipsoids are scaled
/// vertically into spheres: down * squeeze for every vertical coordinate.
struct PlacedSolid {
  /// `forward`, `right`: of its axis, from the eye along the view and across it.
  PlacedSolid(const Solid& solid, float forward, float right);

  float forward, right, down;  // centre; down is squeezed, 0 for a cylinder
  float top, bottom;           // from the eye down, not squeezed
  float squeeze;               // 0 for a cylinder
  float clearance;             // squared distance of its centre minus its squared radius
  float ambient, lid_light;    // light at a distance falls with that of its centre
  float lamp_right, lamp_down, lamp_forward,
      lamp_centre;                      // light above ambient: ray * depth - centre
  float pattern_height, pattern_right;  // pattern units per cell
};

}  // namespace clew::maze
