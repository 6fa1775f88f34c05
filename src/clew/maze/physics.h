// SPDX-License-Identifier: Apache-2.0
// Player physics in frames of 1/60 s, with thin walls and round solids. Only float additions,
// multiplications, divisions and square roots, so bit-identical on every machine.
#pragma once

#include <cstdint>
#include <span>

#include "clew/maze/grid.h"

namespace clew::maze {

/// The eight actions of the paper (Mirowski et al. 2016, section 5).
enum class Action : std::int32_t {
  kLookLeft,
  kLookRight,
  kStrafeLeft,
  kStrafeRight,
  kForward,
  kBackward,
  kLookLeftForward,
  kLookRightForward
};
constexpr int kActions = 8;

constexpr int kFramesPerSecond = 60;
constexpr float kTopSpeed =
    3.2F;  // cells/s (Quake III's 320 units/s, of DeepMind Lab's 100 a cell)
constexpr float kTopTurnRate = 0.35F;   // turns/s: 126 degrees/s (DeepMind Lab: 20 pixels a frame)
constexpr float kPlayerRadius = 0.18F;  // cells
constexpr float kSolidRadius = 0.25F;   // cells; with the player's it stays below half a cell
constexpr float kTouchDistance = 0.4F;  // cells, between centres, for collecting
static_assert(kPlayerRadius + kSolidRadius < 0.5F && kTouchDistance < 0.5F,
              "only things of the player's own cell can matter");

/// Pose and velocity of the player. Plain data.
struct Body {
  float x = 0, y = 0;                    // cells
  float velocity_x = 0, velocity_y = 0;  // cells/s, in the maze's frame
  std::uint32_t heading = 0;             // 2^32 is a full turn
  std::int32_t turn = 0;                 // per frame, clockwise; 2^32 is a full turn
  std::uint16_t heading16() const { return static_cast<std::uint16_t>(heading >> 16); }
  float turn_rate() const {
    return static_cast<float>(turn) * (kFramesPerSecond * 0x1p-32F);
  }  // turns/s
  friend bool operator==(const Body&, const Body&) = default;
};

/// One frame. solids [height*width] u8, 1 for cells with a solid; empty: none. The body must not
/// overlap walls or solids, and does not afterwards.
void move(const Grid& grid, std::span<const std::uint8_t> solids, Action action, Body& body);

/// True if a player at (x, y) is inside the maze and overlaps no wall or solid, with a tolerance of
/// 1e-4 cells.
bool is_clear(const Grid& grid, std::span<const std::uint8_t> solids, float x, float y);

}  // namespace clew::maze
