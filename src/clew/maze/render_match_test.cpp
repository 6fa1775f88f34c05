// SPDX-License-Identifier: Apache-2.0
// The fast renderer against the reference, byte by byte, with every instruction set this machine
// has.
#include <gtest/gtest.h>

#include <algorithm>
#include <cstring>
#include <span>
#include <string>
#include <vector>

#include "clew/core/error.h"
#include "clew/core/files.h"
#include "clew/core/key.h"
#include "clew/maze/render.h"
#include "clew/maze/render_reference.h"

namespace clew::maze {
namespace render_match_test {

struct Scene {
  RenderOptions options;
  Grid grid;
  std::vector<Sprite> sprites;
  Camera camera, previous;
};

// Any walls at all, as long as the border is closed: also rooms, pillars and cells without a door.
Grid random_grid(Stream& stream, int width, int height) {
  Grid grid;
  grid.width = width, grid.height = height;
  const auto cells = static_cast<std::size_t>(width * height);
  grid.walls.assign(cells, 0);
  for (std::size_t i = 0; i < cells * 4; ++i) {
    grid.faces.push_back(static_cast<std::uint8_t>(stream.below(kWallTextures)));
  }
  for (std::size_t i = 0; i < cells; ++i) {
    grid.floors.push_back(static_cast<std::uint8_t>(stream.below(kFloorTextures)));
  }
  const float density = 0.6F * stream.uniform();
  for (std::int16_t y = 0; y < height; ++y) {
    for (std::int16_t x = 0; x < width; ++x) {
      for (const Side side : {kNorth, kEast, kSouth, kWest}) {
        const Cell there = neighbour({x, y}, side);
        if (grid.contains(there) && stream.uniform() >= density) continue;
        grid.walls[static_cast<std::size_t>(grid.index({x, y}))] |=
            static_cast<std::uint8_t>(1 << side);
        if (grid.contains(there)) {
          grid.walls[static_cast<std::size_t>(grid.index(there))] |=
              static_cast<std::uint8_t>(1 << opposite(side));
        }
      }
    }
  }
  return grid;
}

Camera random_camera(Stream& stream, const Grid& grid) {
  Camera camera{stream.uniform() * static_cast<float>(grid.width),
                stream.uniform() * static_cast<float>(grid.height),
                static_cast<std::uint16_t>(stream.bits())};
  // Sometimes exactly along an axis, on a grid line or in a corner.
  if (stream.below(8) == 0) camera.heading &= 0xc000;
  if (stream.below(8) == 0) camera.x = static_cast<float>(static_cast<int>(camera.x));
  if (stream.below(16) == 0) camera.y = static_cast<float>(static_cast<int>(camera.y));
  return camera;
}

Scene random_scene(Stream& stream, int largest) {
  Scene scene;
  scene.options = {
      .width = 16 + static_cast<int>(stream.below(static_cast<std::uint32_t>(largest - 15))),
      .height = 16 + static_cast<int>(
                         stream.below(static_cast<std::uint32_t>(std::min(largest, 480) - 15))),
      .fov_degrees = 30 + 90 * stream.uniform()};
  if (stream.below(4) == 0) scene.options = {};
  const std::uint32_t most = stream.below(5) == 0 ? 60 : 16;
  // One statement each: compilers differ in the order of a call's arguments.
  const int grid_width = 1 + static_cast<int>(stream.below(most));
  const int grid_height = 1 + static_cast<int>(stream.below(most));
  scene.grid = random_grid(stream, grid_width, grid_height);
  scene.camera = random_camera(stream, scene.grid);
  scene.previous = stream.below(4) == 0 ? random_camera(stream, scene.grid) : scene.camera;
  scene.previous.x += 0.05F * stream.uniform();
  const std::uint32_t count = stream.below(20);
  for (std::uint32_t i = 0; i < count; ++i) {
    const bool is_near = stream.below(3) == 0;
    const float reach = is_near ? 2.0F : 12.0F;
    scene.sprites.push_back({scene.camera.x + reach * (stream.uniform() - 0.5F),
                             scene.camera.y + reach * (stream.uniform() - 0.5F),
                             static_cast<ThingKind>(stream.below(kThingKinds)),
                             static_cast<std::uint16_t>(kInstanceThing + i * 331)});
  }
  return scene;
}

struct Images {
  std::vector<std::uint8_t> rgb, semantic;
  std::vector<float> depth, flow;
  std::vector<std::uint16_t> instance;

  // Image buffers, filled with a mark, with one more value that must not change.
  explicit Images(const RenderOptions& options) {
    const auto pixels = static_cast<std::size_t>(options.width * options.height);
    rgb.assign(pixels * 3 + 1, 77), semantic.assign(pixels + 1, 77);
    depth.assign(pixels + 1, -7), flow.assign(2 * pixels + 1, -7), instance.assign(pixels + 1, 777);
  }
  FrameBuffers buffers(bool is_planar) {
    return {rgb.data(), is_planar, depth.data(), semantic.data(), instance.data(), flow.data()};
  }
};

// First difference of two images, or "".
template <class T>
std::string difference(const char* name, const std::vector<T>& a, const std::vector<T>& b,
                       const Scene& scene) {
  if (std::memcmp(a.data(), b.data(), a.size() * sizeof(T)) == 0) return "";
  std::size_t first = a.size(), count = 0;
  for (std::size_t i = 0; i < a.size(); ++i) {
    if (std::memcmp(&a[i], &b[i], sizeof(T)) != 0) first = std::min(first, i), ++count;
  }
  const auto pixels = static_cast<std::size_t>(scene.options.width * scene.options.height);
  return std::string(name) + ": " + std::to_string(count) + " differ, first at row " +
         std::to_string(first % pixels / static_cast<std::size_t>(scene.options.width)) +
         " column " +
         std::to_string(first % pixels % static_cast<std::size_t>(scene.options.width)) + ", " +
         std::to_string(a[first]) + " instead of " + std::to_string(b[first]) + "; view " +
         std::to_string(scene.options.width) + "x" + std::to_string(scene.options.height) + "\n";
}

std::string differences(const Images& a, const Images& b, const Scene& scene) {
  return difference("rgb", a.rgb, b.rgb, scene) + difference("depth", a.depth, b.depth, scene) +
         difference("semantic", a.semantic, b.semantic, scene) +
         difference("instance", a.instance, b.instance, scene) +
         difference("flow", a.flow, b.flow, scene);
}

class EveryTarget : public testing::TestWithParam<std::string> {
 protected:
  void SetUp() override { use_simd_target(GetParam()); }
  void TearDown() override { use_simd_target(""); }
};

TEST_P(EveryTarget, DrawsWhatTheReferenceDraws) {
  Stream stream(Key{2024});
  for (int trial = 0; trial < 300; ++trial) {
    const Scene scene = random_scene(stream, trial % 50 == 0 ? 640 : 130);
    const bool is_planar = stream.below(2) == 0;
    Images wanted(scene.options), got(scene.options);
    render_reference(scene.options, scene.grid, scene.sprites, scene.camera, scene.previous,
                     wanted.buffers(is_planar));
    const Renderer renderer(scene.options);
    renderer.render(scene.grid, scene.sprites, scene.camera, scene.previous,
                    got.buffers(is_planar));
    ASSERT_EQ(differences(got, wanted, scene), "")
        << "trial " << trial << ", " << simd_target_name();
  }
}

// Each image alone is the same as with the others, and nothing else is written.
TEST_P(EveryTarget, ImagesDoNotDependOnEachOther) {
  Stream stream(Key{77});
  for (int trial = 0; trial < 40; ++trial) {
    const Scene scene = random_scene(stream, 100);
    Images all(scene.options), alone(scene.options);
    const Renderer renderer(scene.options);
    renderer.render(scene.grid, scene.sprites, scene.camera, scene.previous, all.buffers(true));
    renderer.render(scene.grid, scene.sprites, scene.camera, scene.previous,
                    {.rgb = alone.rgb.data()});
    renderer.render(scene.grid, scene.sprites, scene.camera, scene.previous,
                    {.depth = alone.depth.data()});
    renderer.render(scene.grid, scene.sprites, scene.camera, scene.previous,
                    {.semantic = alone.semantic.data()});
    renderer.render(scene.grid, scene.sprites, scene.camera, scene.previous,
                    {.instance = alone.instance.data()});
    renderer.render(scene.grid, scene.sprites, scene.camera, scene.previous,
                    {.flow = alone.flow.data()});
    ASSERT_EQ(differences(alone, all, scene), "") << "trial " << trial;
  }
}

// Every byte of a hundred scenes, the same for every compiler, optimisation and instruction set. A new number
// means new pixels: look at frames before it is written here.
TEST_P(EveryTarget, SignatureIsTheOneOnRecord) {
  Stream stream(Key{31});
  std::uint64_t signature = 0;
  const auto add = [&signature](const auto& image) {
    signature = hash64(std::as_bytes(std::span(image)), signature);
  };
  for (int trial = 0; trial < 100; ++trial) {
    const Scene scene = random_scene(stream, 90);
    Images images(scene.options);
    const Renderer renderer(scene.options);
    renderer.render(scene.grid, scene.sprites, scene.camera, scene.previous, images.buffers(true));
    add(images.rgb), add(images.depth), add(images.semantic), add(images.instance),
        add(images.flow);
  }
  EXPECT_EQ(signature, 0x893751aebc570703ULL);
}

INSTANTIATE_TEST_SUITE_P(Renderer, EveryTarget, testing::ValuesIn(simd_target_names()),
                         [](const auto& target) { return target.param; });

TEST(SimdTarget, IsTheBestUnlessChosen) {
  const std::vector<std::string> names = simd_target_names();
  EXPECT_EQ(simd_target_name(), names.front());
  use_simd_target(names.back());
  EXPECT_EQ(simd_target_name(), names.back());
  use_simd_target("");
  EXPECT_EQ(simd_target_name(), names.front());
  EXPECT_THROW(use_simd_target("Z80"), Error);
  EXPECT_EQ(simd_target_name(), names.front());
}

}  // namespace render_match_test
}  // namespace clew::maze
