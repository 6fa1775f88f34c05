// SPDX-License-Identifier: Apache-2.0
#include "clew/maze/render.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <numbers>
#include <vector>

#include "clew/core/error.h"
#include "clew/core/key.h"
#include "clew/maze/render_model.h"

namespace clew::maze {
namespace render_test {

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

// Depth of walls, floor and ceiling by ray-box intersection in double precision.
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

// Signed distance-like residual of a point to a solid's surface, in cells, in double precision.
double distance_to_surface(const Solid& solid, double across, double height) {
  const double radius = solid.radius, low = solid.bottom, high = solid.top;
  if (solid.form == Solid::kEllipsoid) {
    const double half = (high - low) / 2, h = (height - (low + high) / 2) * radius / half;
    return std::hypot(across, h) - radius;
  }
  return std::max({across - radius, height - high, low - height});
}

// Every pixel of an object lies on the surface of one of its solids, and every pixel beside it sees
// past them all: rays are followed in small steps, in double precision.
TEST(Renderer, ObjectsHaveTheirShapeAndDepth) {
  const Grid grid = open_room(8, 8);
  const RenderOptions options{.width = 96, .height = 72, .fov_degrees = 80};
  const Renderer renderer(options);
  const double focal = options.width / 2.0 / std::tan(options.fov_degrees * std::numbers::pi / 360);
  Stream stream(Key{8});
  for (int trial = 0; trial < 12; ++trial) {
    const auto kind = static_cast<ThingKind>(trial % kThingKinds);
    const Camera camera{4, 4, static_cast<std::uint16_t>(stream.bits())};
    const double angle = camera.heading * std::numbers::pi / 32768,
                 away = 0.5 + 1.5 * stream.uniform();
    const double aside = 0.6 * (stream.uniform() - 0.5);
    const Sprite sprite{static_cast<float>(4 + away * std::cos(angle) - aside * std::sin(angle)),
                        static_cast<float>(4 + away * std::sin(angle) + aside * std::cos(angle)),
                        kind, 9};
    std::vector<float> depth(96 * 72);
    std::vector<std::uint8_t> semantic(96 * 72);
    std::vector<std::uint16_t> instance(96 * 72);
    renderer.render(
        grid, {&sprite, 1}, camera, camera,
        {.depth = depth.data(), .semantic = semantic.data(), .instance = instance.data()});
    int seen = 0;
    for (int r = 0; r < 72; ++r) {
      for (int c = 0; c < 96; ++c) {
        const double u = (c + 0.5 - 48) / focal, v = (r + 0.5 - 36) / focal;
        const auto residual = [&](double t) {
          double nearest = 1e9;
          for (const Solid& solid : solids_of(kind)) {
            nearest = std::min(
                nearest,
                distance_to_surface(solid, std::hypot(u * t - aside, t - away), 0.5 - v * t));
          }
          return nearest;
        };
        const auto at = static_cast<std::size_t>(r * 96 + c);
        const bool is_object = semantic[at] == kSemanticThing + static_cast<int>(kind);
        ASSERT_EQ(instance[at] == 9, is_object);
        if (is_object) {
          ++seen;
          ASSERT_NEAR(residual(depth[at]), 0, 1e-4)
              << "trial " << trial << " row " << r << " column " << c;
        }
        for (double t = 0.05; t < depth[at] - 0.001; t += 0.01) {
          ASSERT_GT(residual(t), -0.006)
              << "trial " << trial << " row " << r << " column " << c << " at " << t;
        }
      }
    }
    EXPECT_GT(seen, 20) << "trial " << trial;
  }
}

TEST(Renderer, WallsHideObjectsAndObjectsHideWalls) {
  Grid grid = open_room(5, 1);
  grid.walls[2] |= 1 << kEast, grid.walls[3] |= 1 << kWest;
  const Renderer renderer(RenderOptions{});
  const Camera camera{0.5F, 0.5F, 0};
  const Sprite before{2.5F, 0.5F, ThingKind::kSolid, 3}, behind{3.5F, 0.5F, ThingKind::kSolid, 4};
  for (const bool is_before_first : {false, true}) {
    const Sprite sprites[2] = {is_before_first ? before : behind,
                               is_before_first ? behind : before};
    std::vector<std::uint16_t> instance(84 * 84);
    std::vector<float> depth(84 * 84);
    renderer.render(grid, sprites, camera, camera,
                    {.depth = depth.data(), .instance = instance.data()});
    EXPECT_EQ(std::count(instance.begin(), instance.end(), 4), 0);
    EXPECT_GT(std::count(instance.begin(), instance.end(), 3), 40);
    EXPECT_EQ(instance[43 * 84 + 42], 3);
    EXPECT_NEAR(depth[43 * 84 + 42], 1.75F, 0.01F);
  }
  // Without the wall the farther one shows, but not through the nearer one.
  grid = open_room(5, 2);
  const Camera aside{0.5F, 1.2F, 0};
  const Sprite sprites[2] = {before, behind};
  std::vector<std::uint16_t> instance(84 * 84);
  std::vector<float> depth(84 * 84);
  renderer.render(grid, sprites, aside, aside,
                  {.depth = depth.data(), .instance = instance.data()});
  EXPECT_GT(std::count(instance.begin(), instance.end(), 4), 3);
  for (std::size_t i = 0; i < instance.size(); ++i) {
    if (instance[i] == 3) {
      EXPECT_LT(depth[i], 2.3F);
    } else if (instance[i] == 4) {
      EXPECT_GT(depth[i], 2.7F);
    }
  }
}

// Flow in double precision: the point of every pixel, projected to the previous camera.
TEST(Renderer, FlowLeadsToThePreviousView) {
  const Grid grid = open_room(6, 6);
  const RenderOptions options{.width = 60, .height = 40};
  const Renderer renderer(options);
  Stream stream(Key{15});
  for (int trial = 0; trial < 20; ++trial) {
    const Camera camera{1 + 4 * stream.uniform(), 1 + 4 * stream.uniform(),
                        static_cast<std::uint16_t>(stream.bits())};
    Camera previous = camera;
    previous.x += 0.2F * (stream.uniform() - 0.5F);
    previous.heading = static_cast<std::uint16_t>(previous.heading + stream.below(2000));
    std::vector<float> depth(60 * 40), flow(2 * 60 * 40);
    renderer.render(grid, {}, camera, previous, {.depth = depth.data(), .flow = flow.data()});
    const double focal = 30, now = camera.heading * std::numbers::pi / 32768,
                 then = previous.heading * std::numbers::pi / 32768;
    for (int r = 0; r < 40; ++r) {
      for (int c = 0; c < 60; ++c) {
        const auto at = static_cast<std::size_t>(r * 60 + c);
        const double t = depth[at], u = (c + 0.5 - 30) / focal, v = (r + 0.5 - 20) / focal;
        const double x = camera.x + t * (std::cos(now) - u * std::sin(now)) - previous.x;
        const double y = camera.y + t * (std::sin(now) + u * std::cos(now)) - previous.y;
        const double z = x * std::cos(then) + y * std::sin(then),
                     right = y * std::cos(then) - x * std::sin(then);
        if (z < 0.05) continue;  // beside or behind the eye: too near for a tolerance
        EXPECT_NEAR(flow[at], (right / z - u) * focal, 2e-4 / (z * z));
        EXPECT_NEAR(flow[60 * 40 + at], (v * t / z - v) * focal, 2e-4 / (z * z));
      }
    }
  }
  // Points behind the previous eye have no flow.
  std::vector<float> flow(2 * 60 * 40);
  renderer.render(grid, {}, {2, 3, 0}, {2, 3, 0x8000}, {.flow = flow.data()});
  EXPECT_TRUE(std::isnan(flow[20 * 60 + 30]));
}

}  // namespace render_test
}  // namespace clew::maze
