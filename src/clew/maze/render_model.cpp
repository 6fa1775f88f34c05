// SPDX-License-Identifier: Apache-2.0
#include "clew/maze/render_model.h"

#include <algorithm>
#include <array>

#include "clew/core/error.h"
#include "clew/maze/textures.h"

namespace clew::maze {
namespace {

// No libm: its last digits differ between machines. |x| <= pi/3, where both series converge below
// 1e-16.
double tangent_of_degrees(double degrees) {
  const double x = degrees * (3.14159265358979323846 / 180), x2 = x * x;
  double sine = 1, cosine = 1;
  for (int k = 12; k >= 1; --k) {
    sine = 1 - sine * x2 / (2 * k * (2 * k + 1));
    cosine = 1 - cosine * x2 / (2 * k * (2 * k - 1));
  }
  return x * sine / cosine;
}

// Height of a floor texel (1/8 cell) in pixels at a depth.
float floor_texel_rows(float focal, float depth) { return focal * 0.0625F / (depth * depth); }

}  // namespace

View::View(const RenderOptions& options)
    : width(options.width),
      height(options.height),
      pairs((options.height + 1) / 2),
      is_odd(options.height % 2 != 0) {
  CLEW_CHECK(width >= 16 && width <= 640, "render width must be 16..640 pixels, got ", width);
  CLEW_CHECK(height >= 16 && height <= 480, "render height must be 16..480 pixels, got ", height);
  CLEW_CHECK(options.fov_degrees >= 30 && options.fov_degrees <= 120,
             "field of view must be 30..120 degrees, got ", options.fov_degrees);
  focal = static_cast<float>(width * 0.5 / tangent_of_degrees(options.fov_degrees * 0.5));
  column_slope.resize(static_cast<std::size_t>((width + kSegment - 1) / kSegment * kSegment));
  for (std::size_t c = 0; c < column_slope.size(); ++c) {
    column_slope[c] = (static_cast<float>(c) + 0.5F - static_cast<float>(width) * 0.5F) / focal;
  }
  row_slope.resize(static_cast<std::size_t>(height));
  for (std::size_t r = 0; r < row_slope.size(); ++r) {
    row_slope[r] = (static_cast<float>(r) + 0.5F - static_cast<float>(height) * 0.5F) / focal;
  }
  for (int pair = 0; pair < pairs; ++pair) {
    const float slope = row_slope[static_cast<std::size_t>(lower_row(pair))];
    const float depth = slope > 0 ? 0.5F / slope : 0;
    pair_depth.push_back(depth);
    pair_light.push_back(
        static_cast<std::uint8_t>(static_cast<int>(kLightEastWest / (1 + kFade * depth))));
    const float rows = slope > 0 ? floor_texel_rows(focal, depth) : 0;
    pair_mip.push_back(rows >= 0.7F ? 0 : rows >= 0.25F ? 1 : 2);
  }
  pair_depth.resize(static_cast<std::size_t>(pairs + 63) / 64 * 64);
}

std::span<const Solid> solids_of(ThingKind kind) {
  using enum Solid::Form;
  using enum Solid::Pattern;
  static constexpr std::array kGoal = {
      Solid{kCylinder, 0.16F, 0.0F, 0.10F, {colour(kSlate, 4), colour(kSlate, 6)}, kPlain},
      Solid{kCylinder, 0.05F, 0.10F, 0.42F, {colour(kWhite, 6), colour(kWhite, 3)}, kPlain},
      Solid{kEllipsoid, 0.24F, 0.38F, 0.86F, {colour(kGold, 7), colour(kMagenta, 6)}, kBands}};
  static constexpr std::array kApple = {
      Solid{kEllipsoid, 0.17F, 0.02F, 0.34F, {colour(kBrick, 7), colour(kBrick, 7)}, kPlain},
      Solid{kCylinder, 0.015F, 0.32F, 0.40F, {colour(kWood, 4), colour(kWood, 4)}, kPlain},
      Solid{kEllipsoid, 0.07F, 0.36F, 0.40F, {colour(kGreen, 7), colour(kGreen, 7)}, kPlain}};
  static constexpr std::array kStrawberry = {
      Solid{kEllipsoid, 0.15F, 0.02F, 0.42F, {colour(kMagenta, 7), colour(kGold, 7)}, kDots},
      Solid{kEllipsoid, 0.12F, 0.37F, 0.44F, {colour(kGreen, 6), colour(kGreen, 6)}, kPlain}};
  static constexpr std::array kLemon = {
      Solid{kEllipsoid, 0.20F, 0.02F, 0.28F, {colour(kGold, 7), colour(kGold, 7)}, kPlain}};
  static constexpr std::array kFungi = {
      Solid{kCylinder, 0.06F, 0.0F, 0.26F, {colour(kSand, 7), colour(kSand, 7)}, kPlain},
      Solid{kEllipsoid, 0.21F, 0.18F, 0.42F, {colour(kPurple, 6), colour(kWhite, 7)}, kDots}};
  static constexpr std::array kSolid = {
      Solid{kCylinder, 0.25F, 0.0F, 0.75F, {colour(kBlue, 5), colour(kWhite, 4)}, kBands}};
  switch (kind) {
    case ThingKind::kGoal:
      return kGoal;
    case ThingKind::kApple:
      return kApple;
    case ThingKind::kStrawberry:
      return kStrawberry;
    case ThingKind::kLemon:
      return kLemon;
    case ThingKind::kFungi:
      return kFungi;
    case ThingKind::kSolid:
      return kSolid;
  }
  return {};
}

PlacedSolid::PlacedSolid(const Solid& solid, float forward_of_eye, float right_of_eye)
    : forward(forward_of_eye),
      right(right_of_eye),
      top(0.5F - solid.top),
      bottom(0.5F - solid.bottom) {
  const bool is_ellipsoid = solid.form == Solid::kEllipsoid;
  squeeze = is_ellipsoid ? 2 * solid.radius / (bottom - top) : 0;
  down = 0.5F * (top + bottom) * squeeze;
  clearance = (right * right + forward * forward) - solid.radius * solid.radius;
  clearance = clearance + down * down;
  const float fade = kLightEastWest / (1 + kFade * std::max(forward, 0.0F));
  ambient = kAmbient * fade;
  const float diffuse = kDiffuse * fade;
  lid_light = ambient - diffuse * kLampDown;
  const float over_radius = diffuse / solid.radius;
  lamp_right = kLampRight * over_radius;
  lamp_down = kLampDown * over_radius;
  lamp_forward = kLampForward * over_radius;
  lamp_centre = (right * lamp_right + forward * lamp_forward) + down * lamp_down;
  pattern_height = (solid.pattern == Solid::kDots ? 7.0F : 5.0F) / (bottom - top);
  pattern_right = 5 / solid.radius;
}

}  // namespace clew::maze
