// SPDX-License-Identifier: Apache-2.0
// How a player moves: one frame of 1/60 s at a time, through a grid with thin walls and round
// solids. Plain float adds, multiplies, divisions and square roots, so that every machine gives the
// same bits.
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
constexpr float kTouchDistance = 0.4F;  // centre to centre, cells: what is nearer is collected
static_assert(kPlayerRadius + kSolidRadius < 0.5F && kTouchDistance < 0.5F,
              "only things of the player's own cell can matter");

/// Where the player is and how it moves. Plain data.
struct Body {
  float x = 0, y = 0;                    // cells
  float velocity_x = 0, velocity_y = 0;  // cells/s, in the maze's frame
  std::uint32_t heading = 0;             // turns of 2^32
  std::int32_t turn = 0;                 // turns of 2^32 a frame, clockwise
  std::uint16_t heading16() const { return static_cast<std::uint16_t>(heading >> 16); }
  float turn_rate() const {
    return static_cast<float>(turn) * (kFramesPerSecond * 0x1p-32F);
  }  // turns/s
  friend bool operator==(const Body&, const Body&) = default;
};

/// Moves the body by one frame. solids [height*width] u8, 1 where a solid stands; empty: none
/// anywhere. The body must be clear of walls and solids, and is clear of them afterwards: its
/// circle never crosses a wall.
void move(const Grid& grid, std::span<const std::uint8_t> solids, Action action, Body& body);

/// Is a player at (x, y) inside the maze and clear of every wall and solid? Forgives rounding: 1e-4
/// cells.
bool is_clear(const Grid& grid, std::span<const std::uint8_t> solids, float x, float y);

}  // namespace clew::maze
