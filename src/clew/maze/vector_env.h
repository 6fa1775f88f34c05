// SPDX-License-Identifier: Apache-2.0
// N worlds stepped together into buffers of the caller: the one front door for training,
// evaluation, play and benches.
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

/// Outputs of one step, in memory of the caller. All optional: an empty span costs nothing. N worlds. Image buffers
/// are those of FrameBuffers with N in front. A span of another size than its shape: clew::Error naming it.
struct StepBuffers {
  // Observation.
  std::span<std::uint8_t> rgb = {};  // [N,3,H,W] (or [N,H,W,3]) u8
  std::span<float> depth = {};       // [N,H,W] f32, cells
  // [N,6] f32: forward, right, up in cells/s, then roll, pitch, yaw rates in turns/s
  std::span<float> velocity = {};
  std::span<float> reward = {};  // [N] f32: sum over the repeated frames
  // [N] u8: this step ended an episode; the observation is the next episode's first
  std::span<std::uint8_t> is_done = {};
  // [N] u8: the clock ended the episode, not what the player did (then 0); 0 where is_done is 0
  std::span<std::uint8_t> is_truncated = {};
  std::span<std::int32_t> last_action = {};  // [N] i32; -1 on the first observation of an episode
  // The last observation of an episode that ended in this step; untouched where is_done is 0.
  std::span<std::uint8_t> final_rgb = {};  // [N,3,H,W] (or [N,H,W,3]) u8
  std::span<float> final_depth = {};       // [N,H,W] f32
  std::span<float> final_velocity = {};    // [N,6] f32
  // Labels.
  std::span<float> position = {};            // [N,2] f32: x, y in cells
  std::span<float> heading = {};             // [N] f32: turns in [0,1)
  std::span<std::int32_t> cell = {};         // [N] i32: y * width + x
  std::span<std::uint8_t> depth_class = {};  // [N,4,16] u8 in 0..7 (labels.h)
  // [N] u8: loop closure (labels.h) among the observations since the player last
  // appeared, so never across a respawn's jump
  std::span<std::uint8_t> is_loop = {};
  std::span<std::uint8_t> semantic = {};   // [N,H,W] u8
  std::span<std::uint16_t> instance = {};  // [N,H,W] u16
  // [N,2,H,W] f32: since the observation before; 0 where the player has just appeared
  std::span<float> flow = {};
  std::span<std::int32_t> goal_distance =
      {};                              // [N] i32: cells' walk to the goal; -1 where there is none
  std::span<std::uint8_t> event = {};  // [N] u8: bits of Event that happened in this step
};

enum Event : std::uint8_t {
  kEventGoal = 1,
  kEventFruit = 2,
  kEventRespawn = 4,
  kEventEpisodeEnd = 8
};

struct VectorEnvOptions {
  int worlds = 1;  // 1..65536
  // World i here is world first_world + i of the key: an environment may be a share of a larger one.
  int first_world = 0;
  int threads = 1;  // worker threads, counting the caller
  RenderOptions render = {};
  bool is_planar = true;
  int action_repeat = 4;              // frames at 60 a second that one step lasts, 1..60
  float loop_near = 1, loop_far = 2;  // eta 1 and eta 2 of the loop label, cells
};

/// What a world is doing, for people, reports and scripted players. A copy; read it between steps.
struct WorldState {
  Camera camera;
  float velocity_x = 0, velocity_y = 0;  // cells/s, in the maze's frame
  float turn_rate = 0;                   // turns/s, clockwise
  std::int64_t episode = 0;              // counted from 0 in this world
  int frame = 0;                         // frames since the episode began
  float episode_reward = 0;
  int episode_goals = 0;
};

/// A world keeps a few hundred bytes, its layout, and 4 bytes for each step since the player last
/// appeared (the trail of the loop label, kept whether or not the label is asked for, so that
/// asking changes nothing). Worlds keep their own keys: the bytes of world i depend on (level, key,
/// i, its actions) alone, never on N, on threads or on what the instance did before the last reset.
class VectorEnv {
 public:
  VectorEnv(std::shared_ptr<const Level> level,
            const VectorEnvOptions& options);  // bad options: clew::Error
  ~VectorEnv();
  VectorEnv(const VectorEnv&) = delete;
  VectorEnv& operator=(const VectorEnv&) = delete;

  int worlds() const;
  const Level& level() const;
  const VectorEnvOptions& options() const;

  /// Starts episode 0 of every world: world i from fold_in(key, first_world + i), its episode e
  /// from fold_in(key, first_world + i, e). Blocks.
  void reset(Key key, const StepBuffers& out);
  /// Steps every world by one action each. actions [N] in 0..7, or clew::Error naming the world and
  /// nothing stepped. A world whose episode ends starts the next one at once. A fault in a worker
  /// is rethrown here. Before a reset or restore: clew::Error. Blocks.
  void step(std::span<const std::int32_t> actions, const StepBuffers& out);
  /// Writes the present observation and labels without stepping (reward, is_done and event are 0).
  void observe(const StepBuffers& out);

  WorldState state(int world) const;
  const Layout& layout(
      int world) const;  // valid until the next call that steps, resets or restores
  bool is_collected(int world, int thing) const;

  /// Everything that world needs to go on, as plain bytes: versioned, checksummed, bound to the
  /// level's contents.
  std::vector<std::byte> snapshot(int world) const;
  /// The same into a caller's buffer that is reused; does not allocate once it is large enough.
  void snapshot(int world, std::vector<std::byte>& out) const;
  /// Puts a snapshot of this level into `world`. Anything else: clew::Error, and the world is as it
  /// was.
  void restore(int world, std::span<const std::byte> snapshot);
  /// Makes world `to` continue exactly as world `from` would.
  void fork(int from, int to);

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace clew::maze
