// SPDX-License-Identifier: Apache-2.0
#include "clew/maze/world.h"

#include <algorithm>
#include <cmath>

#include "clew/core/error.h"
#include "clew/maze/vector_env.h"

namespace clew::maze {
namespace {

constexpr std::uint16_t kNoThing = 65535;
constexpr std::uint64_t kSpawnPart = 0x737061776e;  // draw_layout derives keys by small numbers

float reward_of(const Rules& rules, ThingKind kind) {
  switch (kind) {
    case ThingKind::kGoal:
      return rules.reward_goal;
    case ThingKind::kApple:
      return rules.reward_apple;
    case ThingKind::kStrawberry:
      return rules.reward_strawberry;
    case ThingKind::kLemon:
      return rules.reward_lemon;
    case ThingKind::kFungi:
      return rules.reward_fungi;
    case ThingKind::kSolid:
      break;
  }
  return 0;
}

}  // namespace

int World::cell() const {
  return layout_.grid->index(
      {static_cast<std::int16_t>(lane_.body.x), static_cast<std::int16_t>(lane_.body.y)});
}

void World::draw(const Level& level, Key episode) {
  is_drawn_ = false;  // in case draw_layout throws
  draw_layout(level, episode, layout_);
  const Grid& grid = *layout_.grid;
  const std::size_t cells =
      static_cast<std::size_t>(grid.width) * static_cast<std::size_t>(grid.height);
  const std::size_t things = layout_.things.size();
  CLEW_ASSERT(things <= kMaxThings);
  thing_at_.assign(cells, kNoThing);
  thing_next_.assign(things, kNoThing);
  solids_.clear();
  sprites_.clear();
  for (std::size_t i = 0; i < things; ++i) {
    const Thing& thing = layout_.things[i];
    sprites_.push_back({static_cast<float>(thing.cell.x) + 0.5F,
                        static_cast<float>(thing.cell.y) + 0.5F, thing.kind,
                        static_cast<std::uint16_t>(kInstanceThing + i)});
    const auto at = static_cast<std::size_t>(grid.index(thing.cell));
    thing_next_[i] = thing_at_[at];
    thing_at_[at] = static_cast<std::uint16_t>(i);
    if (thing.kind == ThingKind::kSolid) {
      if (solids_.empty()) solids_.resize(cells, 0);
      solids_[at] = 1;
    }
  }
  drawn_ = episode;
  is_drawn_ = true;
}

void World::spawn() {
  Stream random(
      fold_in(lane_.episode_key(), kSpawnPart, static_cast<std::uint64_t>(lane_.respawns)));
  const Cell cell = layout_.spawns[random.below(static_cast<std::uint32_t>(layout_.spawns.size()))];
  lane_.body = {.x = static_cast<float>(cell.x) + 0.5F,
                .y = static_cast<float>(cell.y) + 0.5F,
                .heading = static_cast<std::uint32_t>(random.bits() >> 32)};
  trail_.clear();
  remember_view();
}

void World::remember_view() {
  lane_.previous_x = lane_.body.x;
  lane_.previous_y = lane_.body.y;
  lane_.previous_heading = lane_.body.heading16();
}

void World::begin(const Level& level, Key world, std::int64_t episode) {
  lane_ = {};
  lane_.world = world;
  lane_.episode = episode;
  draw(level, lane_.episode_key());
  spawn();
  trail_.append(lane_.body.x, lane_.body.y);
}

Outcome World::step(const Level& level, Action action, int frames) {
  Outcome outcome;
  remember_view();
  lane_.last_action = static_cast<std::int32_t>(action);
  for (int i = 0; i < frames && !outcome.is_episode_over; ++i) {
    move(*layout_.grid, solids_, action, lane_.body);
    ++lane_.frame;
    touch(level.rules, outcome);
    // A goal in the last frame ends the episode, not the time limit.
    if (!outcome.is_episode_over && lane_.frame >= level.rules.episode_frames)
      outcome.is_episode_over = outcome.is_truncated = true;
  }
  if (outcome.is_episode_over) outcome.event |= kEventEpisodeEnd;
  lane_.episode_reward += outcome.reward;
  trail_.append(lane_.body.x, lane_.body.y);
  return outcome;
}

void World::touch(const Rules& rules, Outcome& outcome) {
  // Only things in this cell are in reach, as things are at the centres of cells.
  for (std::size_t i = thing_at_[static_cast<std::size_t>(cell())]; i != kNoThing;
       i = thing_next_[i]) {
    const ThingKind kind = layout_.things[i].kind;
    if (kind == ThingKind::kSolid || lane_.is_collected(i)) continue;
    const float dx = lane_.body.x - sprites_[i].x, dy = lane_.body.y - sprites_[i].y;
    if (dx * dx + dy * dy > kTouchDistance * kTouchDistance) continue;
    outcome.reward += reward_of(rules, kind);
    lane_.collected[i / 64] |= std::uint64_t{1} << i % 64;
    if (kind != ThingKind::kGoal) {
      outcome.event |= kEventFruit;
      continue;
    }
    ++lane_.goals;
    outcome.event |= kEventGoal;
    if (rules.does_goal_end_episode) {
      outcome.is_episode_over = true;
    } else if (rules.does_goal_respawn_player) {
      outcome.event |= kEventRespawn;
      ++lane_.respawns;
      std::fill(std::begin(lane_.collected), std::end(lane_.collected), 0);
      spawn();
      return;  // the player has respawned
    }
  }
}

void World::prepare(const Level& level, const Lane& lane) {
  if (!is_drawn_ || drawn_ != lane.episode_key()) draw(level, lane.episode_key());
}

bool World::accepts(const Level& level, const Lane& lane, std::size_t trail_points) const {
  const Body& body = lane.body;
  constexpr float top = kTopSpeed * 1.001F;
  constexpr std::int64_t most_episodes = std::int64_t{1} << 62;
  if (lane.episode < 0 || lane.episode > most_episodes) return false;
  if (lane.frame < 0 || lane.frame >= level.rules.episode_frames) return false;
  // At most one goal per frame, and at most one point per step of one or more frames.
  if (lane.respawns < 0 || lane.respawns > lane.goals || lane.goals > lane.frame) return false;
  if (trail_points > static_cast<std::size_t>(lane.frame) + 1) return false;
  if (!std::isfinite(lane.episode_reward)) return false;
  if (lane.last_action < -1 || lane.last_action >= kActions || lane.unused != 0) return false;
  if (!(body.velocity_x * body.velocity_x + body.velocity_y * body.velocity_y <= top * top))
    return false;
  if (!(std::fabs(body.turn_rate()) <= kTopTurnRate * 1.001F)) return false;
  const auto width = static_cast<float>(layout_.grid->width),
             height = static_cast<float>(layout_.grid->height);
  if (!(lane.previous_x >= 0 && lane.previous_x < width && lane.previous_y >= 0 &&
        lane.previous_y < height)) {
    return false;
  }
  return is_clear(*layout_.grid, solids_, body.x, body.y);
}

void World::resume(const Lane& lane, std::span<const std::byte> trail) {
  CLEW_ASSERT(is_drawn_ && drawn_ == lane.episode_key());
  lane_ = lane;
  trail_.read(trail);
}

void World::sprites(std::vector<Sprite>& out) const {
  out.clear();
  for (std::size_t i = 0; i < sprites_.size(); ++i) {
    if (!lane_.is_collected(i)) out.push_back(sprites_[i]);
  }
}

}  // namespace clew::maze
