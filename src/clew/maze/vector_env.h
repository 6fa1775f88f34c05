// SPDX-License-Identifier: Apache-2.0
// Vectorised environment: N worlds stepped together into the caller's buffers, for training,
// evaluation, play and benchmarks.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "clew/core/key.h"
#include "clew/maze/layout.h"
#include "clew/maze/level.h"
#include "clew/maze/physics.h"
#include "clew/maze/render.h"

namespace clew::maze {

/// Outputs of one step, in the caller's memory, all optional: an empty span costs nothing. Images
/// are those of FrameBuffers with N in front. A span of another size than its shape: clew::Error
/// naming it.
struct StepBuffers {
  // Observation.
  std::span<std::uint8_t> rgb = {};  // [N,3,H,W] (or [N,H,W,3]) u8
  std::span<float> depth = {};       // [N,H,W] f32, cells
  // [N,6] f32: forward, right, up in cells/s, then roll, pitch, yaw rates in turns/s
  std::span<float> velocity = {};
  std::span<float> reward = {};  // [N] f32: sum over the repeated frames
  // [N] u8: 1 if this step ended an episode; the observation is the next episode's first
  std::span<std::uint8_t> is_done = {};
  // [N] u8: 1 if the episode ended by its time limit
  std::span<std::uint8_t> is_truncated = {};
  std::span<std::int32_t> last_action = {};  // [N] i32; -1 on the first observation of an episode
  // Last observation of an episode that ended in this step; unchanged where is_done is 0.
  std::span<std::uint8_t> final_rgb = {};  // [N,3,H,W] (or [N,H,W,3]) u8
  std::span<float> final_depth = {};       // [N,H,W] f32
  std::span<float> final_velocity = {};    // [N,6] f32
  // Labels.
  std::span<float> position = {};            // [N,2] f32: x, y in cells
  std::span<float> heading = {};             // [N] f32: turns in [0,1)
  std::span<std::int32_t> cell = {};         // [N] i32: y * width + x
  std::span<std::uint8_t> depth_class = {};  // [N,4,16] u8 in 0..7 (labels.h)
  // [N] u8: loop closure (labels.h) over the observations since the last spawn
  std::span<std::uint8_t> is_loop = {};
  std::span<std::uint8_t> semantic = {};   // [N,H,W] u8
  std::span<std::uint16_t> instance = {};  // [N,H,W] u16
  // [N,2,H,W] f32: since the previous observation; 0 after a spawn
  std::span<float> flow = {};
  std::span<std::int32_t> goal_distance =
      {};                              // [N] i32: path length to the goal in cells; -1: no path
  std::span<std::uint8_t> event = {};  // [N] u8: bits of Event in this step
};

enum Event : std::uint8_t {
  kEventGoal = 1,
  kEventFruit = 2,
  kEventRespawn = 4,
  kEventEpisodeEnd = 8
};

struct VectorEnvOptions {
  int worlds = 1;  // 1..65536
  // Global index of world 0, for an environment that is part of a larger one.
  int first_world = 0;
  int threads = 1;  // worker threads, including the caller
  RenderOptions render = {};
  bool is_planar = true;
  int action_repeat = 4;              // frames per step, 1..60, at 60 per second
  float loop_near = 1, loop_far = 2;  // eta 1 and eta 2 of the loop label, cells
};

/// State of a world, for display, reports and scripted players.
struct WorldState {
  Camera camera;
  float velocity_x = 0, velocity_y = 0;  // cells/s, in the maze's frame
  float turn_rate = 0;                   // turns/s, clockwise
  std::int64_t episode = 0;              // of this world, from 0
  int frame = 0;                         // frames since the episode began
  float episode_reward = 0;
  int episode_goals = 0;
};

/// The outputs of world i depend only on (level, key, i, its actions), not on N, threads, requested
/// outputs or the time before the last reset. A world takes a few hundred bytes, its layout, and 4
/// bytes per step since the last spawn (the trail of the loop label, kept even if that is not
/// requested).
class VectorEnv {
 public:
  VectorEnv(std::shared_ptr<const Level> level,
            const VectorEnvOptions& options);  // invalid options: clew::Error
  ~VectorEnv();
  VectorEnv(const VectorEnv&) = delete;
  VectorEnv& operator=(const VectorEnv&) = delete;

  int worlds() const;
  const Level& level() const;
  const VectorEnvOptions& options() const;

  /// Starts episode 0 of every world: world i from fold_in(key, first_world + i), its episode e
  /// from fold_in(key, first_world + i, e). Blocks.
  void reset(Key key, const StepBuffers& out);
  /// Steps every world by one action, actions [N] in 0..7, with automatic reset at an episode's
  /// end. Errors of workers are rethrown. An invalid action: clew::Error naming the world, nothing
  /// stepped. Before a reset or restore: clew::Error. Blocks.
  void step(std::span<const std::int32_t> actions, const StepBuffers& out);
  /// Writes the current observation and labels without stepping (reward, is_done and event are 0).
  void observe(const StepBuffers& out);

  WorldState state(int world) const;
  const Layout& layout(
      int world) const;  // valid until the next call that steps, resets or restores
  bool is_collected(int world, int thing) const;

  /// Serialised state of a world: versioned, checksummed, tied to the level's contents.
  std::vector<std::byte> snapshot(int world) const;
  /// The same into the caller's buffer; does not allocate once it is large enough.
  void snapshot(int world, std::vector<std::byte>& out) const;
  /// Restores `world` from a snapshot of this level. Invalid: clew::Error, and the world is
  /// unchanged.
  void restore(int world, std::span<const std::byte> snapshot);
  /// Copies the state of world `from` to world `to`.
  void fork(int from, int to);

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace clew::maze
