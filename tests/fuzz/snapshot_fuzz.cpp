// SPDX-License-Identifier: Apache-2.0
// The snapshot reader: any bytes are restored or refused, and what is refused changes nothing. The
// first byte chooses the door: 'r' gives the rest to restore as it is; anything else lays the rest
// over the lane and trail of a real snapshot and signs it anew, so that forged states come past the
// checksum. What is accepted must be able to go on: the player stays inside the maze.
#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <vector>

#include "clew/core/error.h"
#include "clew/maze/snapshot.h"
#include "clew/maze/vector_env.h"

namespace {

using namespace clew::maze;

void require(bool condition, const char* what) {
  if (condition) return;
  std::fprintf(stderr, "snapshot_fuzz: %s\n", what);
  std::abort();
}

std::shared_ptr<const Level> make_level() {
  auto level = std::make_shared<Level>();
  level->name = "fuzz";
  level->is_generated = true;
  level->generator = {.width = 6, .height = 5, .openings = 0.3F};
  level->rules.episode_frames = 100;
  level->rules.is_maze_random = level->rules.is_goal_random = level->rules.is_fruit_random = true;
  level->rules.fruit_density = 0.3F;
  finish_level(*level);
  return level;
}

std::vector<std::byte> forge(const Level& level, std::span<const std::byte> real,
                             std::span<const std::byte> patch) {
  Lane lane;
  std::memcpy(&lane, real.data() + sizeof(SnapshotHeader), sizeof lane);
  std::byte bytes[sizeof lane];
  std::memcpy(bytes, &lane, sizeof lane);
  const std::size_t laid_over = std::min(patch.size(), sizeof lane);
  for (std::size_t i = 0; i < laid_over; ++i) bytes[i] ^= patch[i];
  std::memcpy(&lane, bytes, sizeof lane);
  const auto trail = patch.subspan(laid_over);
  World forged;
  forged.prepare(level, lane);
  forged.resume(lane, trail.first(trail.size() / 4 * 4));
  std::vector<std::byte> snapshot;
  write_snapshot(forged, level_hash(level), snapshot);
  return snapshot;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static const std::shared_ptr<const Level> level = make_level();
  static VectorEnv batch(level, {.render = {.width = 16, .height = 16}});
  if (size == 0) return 0;
  batch.reset(clew::Key{3}, {});
  const std::int32_t look = 0;
  for (int step = 0; step < 5; ++step) batch.step({&look, 1}, {});
  const std::vector<std::byte> before = batch.snapshot(0);
  const auto rest = std::as_bytes(std::span(data, size)).subspan(1);
  const std::vector<std::byte> snapshot = data[0] == 'r'
                                              ? std::vector<std::byte>(rest.begin(), rest.end())
                                              : forge(*level, before, rest);
  try {
    batch.restore(0, snapshot);
  } catch (const clew::Error&) {
    require(batch.snapshot(0) == before, "a refused snapshot must change nothing");
    return 0;
  }
  require(batch.snapshot(0) == snapshot, "an accepted snapshot must be what the world is in");
  std::vector<std::uint8_t> rgb(3 * 16 * 16);
  std::uint8_t is_loop = 0, depth_class[64];
  float reward = 0;
  std::int32_t goal_distance = 0;
  const StepBuffers out{.rgb = rgb,
                        .reward = {&reward, 1},
                        .depth_class = depth_class,
                        .is_loop = {&is_loop, 1},
                        .goal_distance = {&goal_distance, 1}};
  batch.observe(out);
  for (std::int32_t step = 0; step < 40; ++step) {
    const std::int32_t action = step % kActions;
    batch.step({&action, 1}, out);
    const Camera camera = batch.state(0).camera;
    require(camera.x > 0 && camera.y > 0 && camera.x < 6 && camera.y < 5,
            "the player must stay inside the maze");
    require(std::isfinite(reward), "rewards must be numbers");
  }
  return 0;
}
