// SPDX-License-Identifier: Apache-2.0
// Time per rendered frame, by image, size and instruction set. Physics, rules and worker threads:
// maze_bench.cpp.
#include <algorithm>
#include <chrono>
#include <ctime>
#include <string>
#include <utility>
#include <vector>

#include "bench.h"
#include "clew/core/key.h"
#include "clew/maze/layout.h"
#include "clew/maze/level_text.h"
#include "clew/maze/physics.h"
#include "clew/maze/render.h"

namespace clew::bench {
namespace {

struct Wanted {
  const char* what;
  bool has_rgb = true, has_depth = true, has_objects = true, is_planar = true, has_ids = false,
       has_flow = false;
};

/// Random valid poses in one episode, and buffers for the frames of 64 worlds.
class Views {
 public:
  explicit Views(maze::Level level) : level_(std::move(level)) {
    maze::draw_layout(level_, Key{1}, layout_);
    for (std::size_t i = 0; i < layout_.things.size(); ++i) {
      const maze::Thing& thing = layout_.things[i];
      sprites_.push_back({static_cast<float>(thing.cell.x) + 0.5F,
                          static_cast<float>(thing.cell.y) + 0.5F, thing.kind,
                          static_cast<std::uint16_t>(maze::kInstanceThing + i)});
    }
    const maze::Grid& grid = *layout_.grid;
    Stream stream(Key{2});
    while (cameras_.size() < 4096) {
      const maze::Camera camera{stream.uniform() * static_cast<float>(grid.width),
                                stream.uniform() * static_cast<float>(grid.height),
                                static_cast<std::uint16_t>(stream.bits())};
      const bool touches = std::ranges::any_of(sprites_, [&](const maze::Sprite& sprite) {
        const float dx = sprite.x - camera.x, dy = sprite.y - camera.y;
        return dx * dx + dy * dy < maze::kTouchDistance * maze::kTouchDistance;
      });
      if (!touches && maze::is_clear(grid, {}, camera.x, camera.y)) cameras_.push_back(camera);
    }
  }

  /// Median and best seconds per frame.
  std::pair<double, double> measure(const maze::RenderOptions& options, const Wanted& wanted,
                                    double seconds) {
    using Clock = std::chrono::steady_clock;
    const maze::Renderer renderer(options);
    const std::size_t pixels =
        static_cast<std::size_t>(options.width) * static_cast<std::size_t>(options.height);
    constexpr std::size_t kWorlds = 64;
    std::vector<std::uint8_t> rgb(wanted.has_rgb ? 3 * pixels * kWorlds : 0),
        semantic(wanted.has_ids ? pixels : 0);
    std::vector<std::uint16_t> instance(wanted.has_ids ? pixels : 0);
    std::vector<float> depth(wanted.has_depth ? pixels * kWorlds : 0),
        flow(wanted.has_flow ? 2 * pixels : 0);
    const auto draw = [&](std::size_t frames) {
      for (std::size_t i = 0; i < frames; ++i, ++count_) {
        const std::size_t world = i % kWorlds;
        renderer.render(*layout_.grid,
                        wanted.has_objects ? std::span<const maze::Sprite>(sprites_)
                                           : std::span<const maze::Sprite>(),
                        cameras_[count_ % cameras_.size()],
                        cameras_[(count_ + 1) % cameras_.size()],
                        {.rgb = wanted.has_rgb ? &rgb[3 * pixels * world] : nullptr,
                         .is_planar = wanted.is_planar,
                         .depth = wanted.has_depth ? &depth[pixels * world] : nullptr,
                         .semantic = wanted.has_ids ? semantic.data() : nullptr,
                         .instance = wanted.has_ids ? instance.data() : nullptr,
                         .flow = wanted.has_flow ? flow.data() : nullptr});
      }
    };
    draw(kWorlds);  // warm-up: pages, tables, clocks
    std::vector<double> times;
    const auto start = Clock::now();
    while (times.size() < 3 ||
           std::chrono::duration<double>(Clock::now() - start).count() < seconds) {
      // CPU time, not wall-clock time, against other programs' load.
      const std::clock_t before = std::clock();
      draw(kWorlds);
      times.push_back(static_cast<double>(std::clock() - before) / CLOCKS_PER_SEC / kWorlds);
    }
    std::ranges::sort(times);
    return {times[times.size() / 2], times.front()};
  }

 private:
  const maze::Level level_;  // owns the layout's grid
  maze::Layout layout_;
  std::vector<maze::Sprite> sprites_;
  std::vector<maze::Camera> cameras_;
  std::size_t count_ = 0;
};

}  // namespace

Json render_rows(const RenderBenchOptions& options) {
  Views views(maze::load_builtin("static_large"));
  Json rows = Json::array();
  const auto add = [&](int width, int height, const Wanted& wanted) {
    const auto [median, best] =
        views.measure({.width = width, .height = height}, wanted, options.seconds);
    rows.push_back({{"what", wanted.what},
                    {"width", width},
                    {"height", height},
                    {"instruction_set", maze::simd_target_name()},
                    {"microseconds", median * 1e6},
                    {"best_microseconds", best * 1e6},
                    {"frames_per_second", 1 / median}});
  };
  for (const Wanted& wanted :
       {Wanted{"rgb + depth"}, Wanted{"rgb + depth, no objects", true, true, false},
        Wanted{"rgb", true, false}, Wanted{"depth", false},
        Wanted{"interleaved rgb + depth", true, true, true, false},
        Wanted{"rgb + depth + ids", true, true, true, true, true},
        Wanted{"rgb + depth + flow", true, true, true, true, false, true}}) {
    add(84, 84, wanted);
  }
  for (const auto& [width, height] :
       {std::pair{32, 32}, {64, 64}, {160, 120}, {320, 240}, {640, 480}}) {
    add(width, height, {"rgb + depth"});
  }
  for (const std::string& name : maze::simd_target_names()) {
    maze::use_simd_target(name);
    add(84, 84, {"rgb + depth"});
  }
  maze::use_simd_target("");
  return rows;
}

}  // namespace clew::bench
