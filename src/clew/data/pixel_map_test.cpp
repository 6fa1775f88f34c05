// SPDX-License-Identifier: Apache-2.0
#include "clew/data/pixel_map.h"

#include <gtest/gtest.h>

#include <cmath>

#include "clew/core/error.h"

namespace clew::data {
namespace pixel_map_test {

using Pixels = std::array<std::uint8_t, kDigitPixels>;

/// Every pixel another number.
Pixels pattern() {
  Pixels pixels;
  for (std::size_t i = 0; i < pixels.size(); ++i)
    pixels[i] = static_cast<std::uint8_t>(i * 37 + i / 28);
  return pixels;
}

std::vector<float> warped(const Pixels& digit, const PixelMap& map, int side,
                          const float* shift = nullptr) {
  std::vector<float> out(static_cast<std::size_t>(side * side), -1);
  warp_digit(digit, map, side, shift, out.data());
  return out;
}

float expected(const Pixels& digit, int x, int y) {
  if (x < 0 || x >= kDigitSide || y < 0 || y >= kDigitSide) return 0;
  return static_cast<float>(digit[static_cast<std::size_t>(y * kDigitSide + x)]) / 255;
}

TEST(AffineMap, IdentityCopiesTheDigitExactlyIntoTheMiddle) {
  const Pixels digit = pattern();
  const auto out = warped(digit, affine_map({}, 1, {20.5F, 20.5F}), 42);
  for (int y = 0; y < 42; ++y)
    for (int x = 0; x < 42; ++x)
      ASSERT_EQ(out[static_cast<std::size_t>(y * 42 + x)], expected(digit, x - 7, y - 7));
}

TEST(AffineMap, AQuarterTurnIsCounterClockwiseAndExact) {
  const Pixels digit = pattern();
  const auto out = warped(digit, affine_map({0, 1}, 1, {13.5F, 13.5F}), 28);
  // The top right corner goes to the top left.
  for (int y = 0; y < 28; ++y)
    for (int x = 0; x < 28; ++x)
      ASSERT_EQ(out[static_cast<std::size_t>(y * 28 + x)], expected(digit, 27 - y, x));
}

TEST(AffineMap, HalfAPixelIsTheMeanAndHalfTheSizeTakesEverySecondPoint) {
  Pixels digit = {};
  digit[10 * 28 + 10] = 200, digit[10 * 28 + 11] = 100;
  const auto moved = warped(digit, affine_map({}, 1, {13, 13.5F}), 28);
  EXPECT_FLOAT_EQ(moved[10 * 28 + 9], 100 / 255.F);
  EXPECT_FLOAT_EQ(moved[10 * 28 + 10], 150 / 255.F);
  EXPECT_FLOAT_EQ(moved[10 * 28 + 11], 50 / 255.F);
  // Pixel (x, y) of a half-sized digit shows the point (2x - 13.5, 2y - 13.5) when both middles are
  // at 13.5.
  const auto small = warped(pattern(), affine_map({}, .5F, {13.5F, 13.5F}), 28);
  const Pixels full = pattern();
  EXPECT_NEAR(small[13 * 28 + 13],
              (expected(full, 12, 12) + expected(full, 13, 12) + expected(full, 12, 13) +
               expected(full, 13, 13)) /
                  4,
              1e-6);
  EXPECT_EQ(small[0], 0);
}

TEST(QuadMap, TheSquareItselfIsTheIdentity) {
  const Pixels digit = pattern();
  const auto out =
      warped(digit, quad_map({{{6.5F, 6.5F}, {34.5F, 6.5F}, {34.5F, 34.5F}, {6.5F, 34.5F}}}), 42);
  // The map is solved in double and kept in float: off by 1e-6 pixels, of steps up to 1.
  for (int y = 0; y < 42; ++y)
    for (int x = 0; x < 42; ++x)
      ASSERT_NEAR(out[static_cast<std::size_t>(y * 42 + x)], expected(digit, x - 7, y - 7), 1e-4);
}

TEST(PixelMap, ZoomedShrinksTheDigitAroundTheMiddleOfItsSquare) {
  // A square of 42 pixels shrunk by 42/28 is the digit itself in the middle, also where it is skewed.
  const std::array<PointF, 4> whole = {
      {{-.5F, -.5F}, {41.5F, -.5F}, {41.5F, 41.5F}, {-.5F, 41.5F}}};
  const auto plain = zoomed(quad_map(whole), 1.5F);
  EXPECT_NEAR(plain.xx, 1, 1e-6);
  EXPECT_NEAR(plain.xy, 0, 1e-6);
  EXPECT_NEAR(plain.x0, -7, 1e-5);
  EXPECT_NEAR(plain.y0, -7, 1e-5);
  EXPECT_FALSE(plain.is_projective());
  const auto skewed = quad_map({{{2, -3}, {44, 1}, {38, 40}, {-1, 45}}}), small = zoomed(skewed, 2);
  for (const auto& [x, y] : {std::pair{3.F, 30.F}, std::pair{20.F, 21.F}, std::pair{40.F, 5.F}}) {
    const auto at = [&](const PixelMap& m) {
      const float w = m.wx * x + m.wy * y + m.w0;
      return std::pair{(m.xx * x + m.xy * y + m.x0) / w, (m.yx * x + m.yy * y + m.y0) / w};
    };
    const auto [u, v] = at(skewed);
    const auto [small_u, small_v] = at(small);
    EXPECT_NEAR(small_u, 13.5F + 2 * (u - 13.5F), 1e-4);
    EXPECT_NEAR(small_v, 13.5F + 2 * (v - 13.5F), 1e-4);
  }
}

TEST(QuadMap, CornersAndDiagonalsGoWhereTheyAreTold) {
  const std::array<PointF, 4> corners = {{{3, 5}, {36, 2}, {33, 38}, {8, 30}}};
  const PixelMap map = quad_map(corners);
  const auto at = [&](PointF p) {
    const float w = map.wx * p.x + map.wy * p.y + map.w0;
    return PointF{(map.xx * p.x + map.xy * p.y + map.x0) / w,
                  (map.yx * p.x + map.yy * p.y + map.y0) / w};
  };
  const std::array<PointF, 4> square = {
      {{-.5F, -.5F}, {27.5F, -.5F}, {27.5F, 27.5F}, {-.5F, 27.5F}}};
  for (std::size_t i = 0; i < 4; ++i) {
    EXPECT_NEAR(at(corners[i]).x, square[i].x, 1e-4) << i;
    EXPECT_NEAR(at(corners[i]).y, square[i].y, 1e-4) << i;
  }
  // A projection keeps straight lines: where the diagonals cross is the middle of the digit.
  const PointF a = corners[0], b = corners[1], c = corners[2], d = corners[3];
  const float t = ((b.x - a.x) * (d.y - b.y) - (b.y - a.y) * (d.x - b.x)) /
                  ((c.x - a.x) * (d.y - b.y) - (c.y - a.y) * (d.x - b.x));
  const PointF cross = at({a.x + t * (c.x - a.x), a.y + t * (c.y - a.y)});
  EXPECT_NEAR(cross.x, 13.5, 1e-3);
  EXPECT_NEAR(cross.y, 13.5, 1e-3);
  EXPECT_TRUE(map.is_projective());
}

TEST(QuadMap, KnowsFoldedSquares) {
  EXPECT_TRUE(is_convex({{{0, 0}, {10, 0}, {10, 10}, {0, 10}}}));
  EXPECT_FALSE(is_convex({{{0, 0}, {10, 0}, {2, 2}, {0, 10}}}));    // dented
  EXPECT_FALSE(is_convex({{{0, 0}, {10, 10}, {10, 0}, {0, 10}}}));  // crossed
  EXPECT_FALSE(is_convex({{{0, 0}, {0, 10}, {10, 10}, {10, 0}}}));  // mirrored
}

TEST(QuadMap, BeyondTheHorizonIsNothing) {
  const Pixels digit = [] {
    Pixels full;
    full.fill(255);
    return full;
  }();
  // Strong perspective: the horizon crosses the picture.
  const std::array<PointF, 4> corners = {{{18, 10}, {22, 10}, {41, 30}, {0, 30}}};
  const auto out = warped(digit, quad_map(corners), 42);
  for (int x = 0; x < 42; ++x) EXPECT_EQ(out[static_cast<std::size_t>(x)], 0);
  EXPECT_NEAR(out[20 * 42 + 20], 1, 1e-6);
}

TEST(ControlGrid, MovesItsPointsAsToldAndKeepsAffineMoves) {
  const ControlGrid grid(42);
  EXPECT_EQ(grid.point(0).x, 7);
  EXPECT_EQ(grid.point(15).y, 34);
  std::array<PointF, 16> moves;
  for (std::size_t i = 0; i < 16; ++i)
    moves[i] = {static_cast<float>(i % 5) - 2, static_cast<float>(i % 3) - 1};
  std::vector<float> shift;
  grid.shift_of(moves, shift);
  const auto at = [&](int x, int y, int axis) {
    return shift[static_cast<std::size_t>(axis * 42 * 42 + y * 42 + x)];
  };
  for (int i = 0; i < 16; ++i) {
    const PointF p = grid.point(i);
    EXPECT_NEAR(at(static_cast<int>(p.x), static_cast<int>(p.y), 0),
                moves[static_cast<std::size_t>(i)].x, 1e-4);
    EXPECT_NEAR(at(static_cast<int>(p.x), static_cast<int>(p.y), 1),
                moves[static_cast<std::size_t>(i)].y, 1e-4);
  }
  // Moves that are affine in the points bend nothing: the spline is that affine field everywhere.
  for (int i = 0; i < 16; ++i) {
    const PointF p = grid.point(i);
    moves[static_cast<std::size_t>(i)] = {2 + .1F * p.x - .05F * p.y, -1 + .2F * p.y};
  }
  grid.shift_of(moves, shift);
  for (const auto& [x, y] : {std::pair{0, 0}, {41, 3}, {20, 33}, {5, 41}}) {
    EXPECT_NEAR(at(x, y, 0), 2 + .1 * x - .05 * y, 1e-4);
    EXPECT_NEAR(at(x, y, 1), -1 + .2 * y, 1e-4);
  }
  EXPECT_THROW(ControlGrid(27), Error);
  EXPECT_THROW(ControlGrid(43), Error);
}

TEST(WarpDigit, AShiftMovesWhatAPixelShows) {
  const Pixels digit = pattern();
  std::vector<float> shift(2 * 28 * 28, 0);
  std::fill(shift.begin(), shift.begin() + 28 * 28, 3.F);  // x
  std::fill(shift.begin() + 28 * 28, shift.end(), -2.F);   // y
  const auto out = warped(digit, affine_map({}, 1, {13.5F, 13.5F}), 28, shift.data());
  for (int y = 0; y < 28; ++y)
    for (int x = 0; x < 28; ++x)
      ASSERT_EQ(out[static_cast<std::size_t>(y * 28 + x)], expected(digit, x + 3, y - 2));
}

}  // namespace pixel_map_test
}  // namespace clew::data
