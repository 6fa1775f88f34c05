// SPDX-License-Identifier: Apache-2.0
// One world of a VectorEnv: episode rules and physics, without rendering. Not part of the
// interface; callers use VectorEnv.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <type_traits>
#include <vector>

#include "clew/core/key.h"
#include "clew/maze/labels.h"
#include "clew/maze/layout.h"
#include "clew/maze/level.h"
#include "clew/maze/physics.h"
#include "clew/maze/render.h"

namespace clew::maze {

/// State of a world, apart from the trail and from what level and episode key determine. Plain data
/// without padding, compared and stored as bytes.
struct Lane {
  Key world;  // fold_in(key of reset, world)
  std::int64_t episode = 0;
  std::int32_t frame = 0;     // since the episode began
  std::int32_t respawns = 0;  // in this episode
  std::int32_t goals = 0;     // in this episode
  float episode_reward = 0;
  std::int32_t last_action = -1;
  Body body;
  float previous_x = 0,
        previous_y = 0;  // camera of the previous observation; the current one after a respawn
  std::uint16_t previous_heading = 0;
  std::uint16_t unused = 0;
  std::uint64_t collected[kMaxThings / 64] = {};  // one bit per thing

  Key episode_key() const { return fold_in(world, static_cast<std::uint64_t>(episode)); }
  bool is_collected(std::size_t thing) const {
    return (collected[thing / 64] >> thing % 64 & 1) != 0;
  }
};
static_assert(std::is_trivially_copyable_v<Lane> && sizeof(Lane) <= 2048);
static_assert(sizeof(Lane) == 16 + 5 * 4 + sizeof(Body) + 3 * 4 + kMaxThings / 8, "no padding");

/// Outcome of one step.
struct Outcome {
  float reward = 0;
  std::uint8_t event = 0;  // bits of Event
  bool is_episode_over = false;
  bool is_truncated = false;  // by the time limit
};

/// A lane with data derived from level and episode key.
class World {
 public:
  /// Starts episode `episode` of its key.
  void begin(const Level& level, Key world, std::int64_t episode);
  /// Advances by up to `frames` frames; stops at the episode's end, without starting the next one.
  Outcome step(const Level& level, Action action, int frames);
  /// Draws the layout of `lane`'s episode, unless current. Does not change the world's lane.
  void prepare(const Level& level, const Lane& lane);
  /// True if the state, with a trail of this many points, is valid for the level and the current
  /// layout.
  bool accepts(const Level& level, const Lane& lane, std::size_t trail_points) const;
  /// Restores `lane`, whose layout is the current one, and its trail's bytes.
  void resume(const Lane& lane, std::span<const std::byte> trail);

  const Lane& lane() const { return lane_; }
  const Layout& layout() const { return layout_; }
  const Trail& trail() const { return trail_; }
  Camera camera() const { return {lane_.body.x, lane_.body.y, lane_.body.heading16()}; }
  Camera previous() const { return {lane_.previous_x, lane_.previous_y, lane_.previous_heading}; }
  int cell() const;
  /// Overwrites `out` with the visible things.
  void sprites(std::vector<Sprite>& out) const;

 private:
  void draw(const Level& level, Key episode);
  void spawn();
  void remember_view();
  void touch(const Rules& rules, Outcome& outcome);

  Lane lane_;
  Trail trail_;
  // Derived from the level and drawn_.
  Key drawn_;
  bool is_drawn_ = false;
  Layout layout_;
  std::vector<Sprite> sprites_;            // of all things, in their order
  std::vector<std::uint16_t> thing_at_;    // [cells] first thing in a cell, or kNoThing
  std::vector<std::uint16_t> thing_next_;  // [things] next thing in the same cell, or kNoThing
  std::vector<std::uint8_t> solids_;       // [cells] 1 for a solid; empty without solids
};

}  // namespace clew::maze
