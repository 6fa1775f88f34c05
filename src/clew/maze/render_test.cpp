// SPDX-License-Identifier: Apache-2.0
#include "clew/maze/render.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <numbers>
#include <vector>

#include "clew/core/error.h"
#include "clew/core/key.h"

namespace clew::maze {
namespace {

// A room without inner walls.
Grid open_room(int width, int height) {
  Grid grid;
  grid.width = width, grid.height = height;
  const auto cells = static_cast<std::size_t>(width * height);
  grid.walls.assign(cells, 0), grid.faces.assign(cells * 4, 3), grid.floors.assign(cells, 1);
  for (int y = 0; y < height; ++y) {
    for (int x = 0; x < width; ++x) {
      auto& walls = grid.walls[static_cast<std::size_t>(y * width + x)];
      if (y == 0) walls |= 1 << kNorth;
      if (x == width - 1) walls |= 1 << kEast;
      if (y == height - 1) walls |= 1 << kSouth;
      if (x == 0) walls |= 1 << kWest;
    }
  }
  return grid;
}

TEST(Renderer, RefusesWhatItCannotDraw) {
  EXPECT_THROW(Renderer({.width = 15}), Error);
  EXPECT_THROW(Renderer({.width = 641}), Error);
  EXPECT_THROW(Renderer({.height = 481}), Error);
  EXPECT_THROW(Renderer({.fov_degrees = 121}), Error);
  EXPECT_THROW(Renderer({.fov_degrees = std::numeric_limits<float>::quiet_NaN()}), Error);
  const Renderer renderer(RenderOptions{});
  const Grid grid = open_room(3, 3);
  EXPECT_THROW(renderer.render(grid, {}, {.x = -1}, {}, {}), Error);
  EXPECT_THROW(renderer.render(grid, {}, {.x = std::numeric_limits<float>::quiet_NaN()}, {}, {}),
               Error);
}

// Depth is what geometry says, for walls, floor and ceiling: ray against box in double precision.
TEST(Renderer, DepthIsExactInARoom) {
  const Grid grid = open_room(7, 4);
  Stream stream(Key{5});
  for (int trial = 0; trial < 50; ++trial) {
    const RenderOptions options{.width = 16 + static_cast<int>(stream.below(90)),
                                .height = 16 + static_cast<int>(stream.below(90)),
                                .fov_degrees = 40 + 70 * stream.uniform()};
    const Renderer renderer(options);
    const Camera camera{0.1F + 6.8F * stream.uniform(), 0.1F + 3.8F * stream.uniform(),
                        static_cast<std::uint16_t>(stream.bits())};
    std::vector<float> depth(static_cast<std::size_t>(options.width * options.height));
    renderer.render(grid, {}, camera, camera, {.depth = depth.data()});
    const double focal =
        options.width / 2.0 / std::tan(options.fov_degrees * std::numbers::pi / 360);
    const double angle = camera.heading * std::numbers::pi / 32768;
    for (int r = 0; r < options.height; ++r) {
      for (int c = 0; c < options.width; ++c) {
        const double u = (c + 0.5 - options.width / 2.0) / focal,
                     v = (r + 0.5 - options.height / 2.0) / focal;
        const double dx = std::cos(angle) - u * std::sin(angle),
                     dy = std::sin(angle) + u * std::cos(angle);
        double wanted = v == 0 ? 1e9 : 0.5 / std::fabs(v);
        wanted = std::min(wanted, ((dx > 0 ? 7 : 0) - camera.x) / dx);
        wanted = std::min(wanted, ((dy > 0 ? 4 : 0) - camera.y) / dy);
        EXPECT_NEAR(depth[static_cast<std::size_t>(r * options.width + c)], wanted,
                    2e-6 * (1 + wanted * wanted));
      }
    }
  }
}

}  // namespace
}  // namespace clew::maze
