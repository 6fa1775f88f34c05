// SPDX-License-Identifier: Apache-2.0
// Levels: specification of mazes and rules, shared by all worlds, immutable once finished. Each
// struct lists its fields once, as in core/config.h. Files: level_text.h. Drawing an episode's
// layout: layout.h.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <vector>

#include "clew/core/key.h"
#include "clew/core/names.h"
#include "clew/maze/grid.h"

namespace clew::maze {

/// Format of `map` text. kCells: every character is a cell, '*' a solid one. kThinWalls: odd rows
/// and columns (from 0) are cells, even ones the walls between them.
enum class Reading : std::uint8_t { kCells, kThinWalls };
constexpr auto names(Reading) {
  return std::to_array<Named<Reading>>(
      {{Reading::kCells, "cells"}, {Reading::kThinWalls, "thin_walls"}});
}

/// Generated mazes, for levels without a map: a spanning tree plus openings plus rooms.
struct GeneratorOptions {
  int width = 9, height = 9;       // cells, 2..255
  float openings = 0.15F;          // share of remaining inner walls that are removed
  int rooms = 0;                   // open rectangles carved into the maze
  int room_min = 2, room_max = 3;  // side of a room, cells
  std::uint64_t seed = 1;          // of the maze, if not drawn every episode

  template <class V>
  void fields(V& v) {
    v("width", width, {.min = 2, .max = 255, .help = "cells from west to east"});
    v("height", height, {.min = 2, .max = 255, .help = "cells from north to south"});
    v("openings", openings,
      {.min = 0, .max = 1, .help = "share of the inner walls left by the tree that is removed"});
    v("rooms", rooms, {.min = 0, .max = 1024, .help = "open rectangles carved into the maze"});
    v("room_min", room_min, {.min = 1, .max = 255, .help = "shortest side of a room, cells"});
    v("room_max", room_max, {.min = 1, .max = 255, .help = "longest side of a room, cells"});
    v("seed", seed, {.help = "draws a maze that stays the same in every episode"});
  }
  friend bool operator==(const GeneratorOptions&, const GeneratorOptions&) = default;
};

/// Rules of an episode (episode lengths and rewards: Mirowski et al. 2016, section 5;
/// spawn distance and fruit density: DeepMind Lab's levels nav_maze_*).
struct Rules {
  int episode_frames = 3600;     // at 60 frames per second
  bool is_maze_random = false;   // a new maze every episode (needs a generator)
  bool is_goal_random = false;   // goal drawn every episode, uniform over open cells
  bool is_fruit_random = false;  // fruit cells drawn every episode
  float fruit_density = 0;       // share of open cells with fruit, if random
  float strawberry_share = 0;    // share of strawberries among fruit
  int spawn_distance_min = 0;  // spawns are more than this far from the goal, path length in cells
  bool does_goal_respawn_player =
      true;  // reaching the goal respawns the player at random, and fruit
  bool does_goal_end_episode = false;
  float reward_goal = 10, reward_apple = 1, reward_strawberry = 2, reward_lemon = -1,
        reward_fungi = -10;

  template <class V>
  void fields(V& v) {
    v("episode_frames", episode_frames,
      {.min = 1, .max = 1e8, .help = "length of an episode, 60 frames a second"});
    v("is_maze_random", is_maze_random, {.help = "draw a new maze every episode"});
    v("is_goal_random", is_goal_random, {.help = "draw the goal every episode"});
    v("is_fruit_random", is_fruit_random, {.help = "draw the fruit every episode"});
    v("fruit_density", fruit_density,
      {.min = 0, .max = 1, .help = "share of the open cells that carry drawn fruit"});
    v("strawberry_share", strawberry_share,
      {.min = 0, .max = 1, .help = "share of the drawn fruit that is strawberries"});
    v("spawn_distance_min", spawn_distance_min,
      {.min = 0, .max = 65535, .help = "spawns lie farther than this from the goal, cells' walk"});
    v("does_goal_respawn_player", does_goal_respawn_player,
      {.help = "the goal puts the player at a new spawn and the fruit back"});
    v("does_goal_end_episode", does_goal_end_episode, {.help = "the goal ends the episode"});
    v("reward_goal", reward_goal, {.min = -1e6, .max = 1e6, .help = "reward for the goal"});
    v("reward_apple", reward_apple, {.min = -1e6, .max = 1e6, .help = "reward for an apple"});
    v("reward_strawberry", reward_strawberry,
      {.min = -1e6, .max = 1e6, .help = "reward for a strawberry"});
    v("reward_lemon", reward_lemon, {.min = -1e6, .max = 1e6, .help = "reward for a lemon"});
    v("reward_fungi", reward_fungi, {.min = -1e6, .max = 1e6, .help = "reward for a fungus"});
  }
  friend bool operator==(const Rules&, const Rules&) = default;
};

struct Level {
  std::string name;         // as in `clew levels`
  std::string description;  // one sentence
  Rules rules;
  bool is_generated = false;
  GeneratorOptions generator;   // used when is_generated
  std::uint64_t look_seed = 1;  // seed of the textures (a fixed maze has the same in every episode)
  Grid grid;                    // of a fixed maze; empty when is_maze_random
  std::vector<Cell> spawns;     // 'P' cells; empty: any open cell
  std::vector<Cell>
      goals;  // 'G' cells: the goal is one of them (drawn every episode if is_goal_random)
  std::vector<Thing> things;  // fixed fruit and solids of the map, without goals
  friend bool operator==(const Level&, const Level&) = default;
};

constexpr int kMaxThings = 1024;  // per layout, including the goal: a lane has one bit for each

/// Generates the fixed parts of a level (maze, goal, fruit, unless random every episode, and
/// textures) and checks it: invalid: clew::Error. Readers of level files call it; call it on a
/// level built in code. Idempotent.
void finish_level(Level& level);

/// Hash of a finished level, without name and description, for snapshots.
std::uint64_t level_hash(const Level& level);

}  // namespace clew::maze
