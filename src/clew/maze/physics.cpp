// SPDX-License-Identifier: Apache-2.0
#include "clew/maze/physics.h"

#include <algorithm>
#include <cmath>

#include "clew/core/error.h"
#include "clew/core/turns.h"

namespace clew::maze {
namespace {

constexpr float kFrame = 1.0F / kFramesPerSecond;  // s
// Ground movement as in DeepMind Lab's Quake engine: friction, then acceleration of up to kGain in
// the wished direction, up to the top speed. 0 to 3.2 cells/s in 7 frames, 3.2 to 0.6 in 16.
constexpr float kFriction = 0.1F;          // share of the speed per frame
constexpr float kGain = 0.2F * kTopSpeed;  // cells/s per frame
constexpr float kStopSpeed = 0.02F;        // cells/s; below this without a push, the player stops
constexpr std::int32_t kTurnTop = 25'053'976;  // 0.35 turns/s / 60, in units of 2^-32 turns; even
constexpr std::int32_t kTurnGain = kTurnTop / 2;

struct Push {
  int turn, forward, right;  // each -1, 0 or 1
};
constexpr Push kPushes[kActions] = {{-1, 0, 0}, {1, 0, 0},  {0, 0, -1}, {0, 0, 1},
                                    {0, 1, 0},  {0, -1, 0}, {-1, 1, 0}, {1, 1, 0}};

void accelerate(const Push& push, Body& body) {
  body.turn += std::clamp(push.turn * kTurnTop - body.turn, -kTurnGain, kTurnGain);
  body.heading += static_cast<std::uint32_t>(body.turn);

  float vx = body.velocity_x * (1 - kFriction), vy = body.velocity_y * (1 - kFriction);
  if (push.forward != 0 || push.right != 0) {
    const Direction ahead = direction_of(body.heading16());
    // y points south: the right of (x, y) is (-y, x).
    const auto forward = static_cast<float>(push.forward), right = static_cast<float>(push.right);
    const float wish_x = forward * ahead.x - right * ahead.y;
    const float wish_y = forward * ahead.y + right * ahead.x;
    const float gain = std::min(kTopSpeed - (vx * wish_x + vy * wish_y), kGain);
    if (gain > 0) {
      vx += gain * wish_x;
      vy += gain * wish_y;
    }
    const float speed2 = vx * vx + vy * vy;
    if (speed2 > kTopSpeed * kTopSpeed) {
      const float scale = kTopSpeed / std::sqrt(speed2);
      vx *= scale;
      vy *= scale;
    }
  } else if (vx * vx + vy * vy < kStopSpeed * kStopSpeed) {
    vx = vy = 0;
  }
  body.velocity_x = vx;
  body.velocity_y = vy;
}

// Pushes the body out along (dx, dy), away from a point at `distance` < radius, and removes its
// velocity towards it.
void push_from_point(float dx, float dy, float radius, Body& body) {
  const float distance2 = dx * dx + dy * dy;
  float nx = 1, ny = 0;
  if (distance2 > 0) {
    const float inverse = 1 / std::sqrt(distance2);
    nx = dx * inverse;
    ny = dy * inverse;
  }
  body.x += nx * radius - dx;
  body.y += ny * radius - dy;
  const float towards = body.velocity_x * nx + body.velocity_y * ny;
  if (towards < 0) {
    body.velocity_x -= towards * nx;
    body.velocity_y -= towards * ny;
  }
}

// Pushes the body out of the walls of its cell. The radius is below half a cell, so the two axes
// are independent and at most one corner is near; pushing out of it cannot reach another wall. One
// pass is exact.
void push_from_walls(const Grid& grid, Cell cell, Body& body) {
  constexpr float r = kPlayerRadius;
  const auto left = static_cast<float>(cell.x), top = static_cast<float>(cell.y);
  const int walls = grid.walls[static_cast<std::size_t>(grid.index(cell))];
  if ((walls >> kWest & 1) != 0 && body.x < left + r) {
    body.x = left + r;
    body.velocity_x = std::max(body.velocity_x, 0.0F);
  }
  if ((walls >> kEast & 1) != 0 && body.x > left + (1 - r)) {
    body.x = left + (1 - r);
    body.velocity_x = std::min(body.velocity_x, 0.0F);
  }
  if ((walls >> kNorth & 1) != 0 && body.y < top + r) {
    body.y = top + r;
    body.velocity_y = std::max(body.velocity_y, 0.0F);
  }
  if ((walls >> kSouth & 1) != 0 && body.y > top + (1 - r)) {
    body.y = top + (1 - r);
    body.velocity_y = std::min(body.velocity_y, 0.0F);
  }
  // Wall ends of other cells; a wall of this cell at the corner has already pushed the body away.
  const bool is_east = body.x - left > 0.5F, is_south = body.y - top > 0.5F;
  const float dx = body.x - (is_east ? left + 1 : left), dy = body.y - (is_south ? top + 1 : top);
  if (dx * dx + dy * dy >= r * r) return;
  const Side across = is_east ? kEast : kWest, along = is_south ? kSouth : kNorth;
  if ((walls >> across & 1) != 0 || (walls >> along & 1) != 0) return;
  if (grid.has_wall(neighbour(cell, across), along) ||
      grid.has_wall(neighbour(cell, along), across)) {
    push_from_point(dx, dy, r, body);
  }
}

}  // namespace

void move(const Grid& grid, std::span<const std::uint8_t> solids, Action action, Body& body) {
  accelerate(kPushes[static_cast<int>(action)], body);
  const float old_x = body.x, old_y = body.y;
  // At most 0.054 cells per frame, below the radius: no tunnelling through walls.
  body.x += body.velocity_x * kFrame;
  body.y += body.velocity_y * kFrame;
  // Between a solid and a wall pushes may conflict; after a few iterations the body otherwise stays
  // where it was.
  for (int round = 0; round < 4; ++round) {
    const Cell cell{static_cast<std::int16_t>(body.x), static_cast<std::int16_t>(body.y)};
    CLEW_ASSERT(grid.contains(cell));
    push_from_walls(grid, cell, body);
    if (solids.empty() || solids[static_cast<std::size_t>(grid.index(cell))] == 0) return;
    constexpr float reach = kPlayerRadius + kSolidRadius;
    const float dx = body.x - (static_cast<float>(cell.x) + 0.5F),
                dy = body.y - (static_cast<float>(cell.y) + 0.5F);
    // Tolerance, or rounding would push for ever.
    if (dx * dx + dy * dy >= reach * reach - 1e-5F) return;
    push_from_point(dx, dy, reach, body);
  }
  body.x = old_x;
  body.y = old_y;
  body.velocity_x = body.velocity_y = 0;
}

bool is_clear(const Grid& grid, std::span<const std::uint8_t> solids, float x, float y) {
  if (!(x >= 0 && y >= 0 && x < static_cast<float>(grid.width) &&
        y < static_cast<float>(grid.height)))
    return false;
  const Cell centre{static_cast<std::int16_t>(x), static_cast<std::int16_t>(y)};
  const auto is_near = [&](float left, float top, float right, float bottom, float radius) {
    const float dx = x - std::clamp(x, left, right), dy = y - std::clamp(y, top, bottom);
    return dx * dx + dy * dy < (radius - 1e-4F) * (radius - 1e-4F);
  };
  for (int v = centre.y - 1; v <= centre.y + 1; ++v) {
    for (int u = centre.x - 1; u <= centre.x + 1; ++u) {
      const Cell cell{static_cast<std::int16_t>(u), static_cast<std::int16_t>(v)};
      if (!grid.contains(cell)) continue;
      const auto l = static_cast<float>(u), t = static_cast<float>(v);
      constexpr float r = kPlayerRadius;
      if (grid.has_wall(cell, kNorth) && is_near(l, t, l + 1, t, r)) return false;
      if (grid.has_wall(cell, kSouth) && is_near(l, t + 1, l + 1, t + 1, r)) return false;
      if (grid.has_wall(cell, kWest) && is_near(l, t, l, t + 1, r)) return false;
      if (grid.has_wall(cell, kEast) && is_near(l + 1, t, l + 1, t + 1, r)) return false;
      if (!solids.empty() && solids[static_cast<std::size_t>(grid.index(cell))] != 0 &&
          is_near(l + 0.5F, t + 0.5F, l + 0.5F, t + 0.5F, r + kSolidRadius)) {
        return false;
      }
    }
  }
  return true;
}

}  // namespace clew::maze
