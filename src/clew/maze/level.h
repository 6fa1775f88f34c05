// SPDX-License-Identifier: Apache-2.0
// A level: what a level file says, before any episode is drawn from it. Immutable once made; shared
// by all worlds. Each struct lists its fields once, as in core/config.h. Reading and writing files:
// level_text.h. Drawing an episode's layout from a level: layout.h.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <vector>

#include "clew/core/key.h"
#include "clew/core/names.h"
#include "clew/maze/grid.h"

namespace clew::maze {

/// How `map` text is read. kCells: every character is a cell, '*' a solid one.
/// kThinWalls: odd rows and columns (counted from 0) are cells, even ones the walls between them.
enum class Reading : std::uint8_t { kCells, kThinWalls };
constexpr auto names(Reading) {
  return std::to_array<Named<Reading>>(
      {{Reading::kCells, "cells"}, {Reading::kThinWalls, "thin_walls"}});
}

/// Where mazes come from when the level has no map: a spanning tree plus extra openings plus rooms.
struct GeneratorOptions {
  int width = 9, height = 9;       // cells, 2..255
  float openings = 0.15F;          // share of the remaining inner walls that is removed
  int rooms = 0;                   // open rectangles carved into the maze
  int room_min = 2, room_max = 3;  // side of a room, cells
  std::uint64_t seed = 1;          // of the maze when it is not drawn anew every episode

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
  int episode_frames = 3600;     // at 60 frames a second
  bool is_maze_random = false;   // a new maze every episode (needs a generator)
  bool is_goal_random = false;   // goal drawn once an episode, uniform over open cells
  bool is_fruit_random = false;  // fruit cells drawn once an episode
  float fruit_density = 0;       // share of open cells that carry an apple when fruit is random
  float strawberry_share = 0;    // share of those fruits that are strawberries
  int spawn_distance_min = 0;    // spawn cells lie at more than this many cells' walk from the goal
  bool does_goal_respawn_player =
      true;  // reaching the goal puts the player at a new random spawn, and fruit back
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
  GeneratorOptions generator;  // used when is_generated
  std::uint64_t look_seed =
      1;      // which textures go where (a fixed maze keeps its looks in every episode)
  Grid grid;  // of a fixed maze; empty when is_maze_random
  std::vector<Cell> spawns;  // 'P' cells; empty: any open cell
  std::vector<Cell>
      goals;  // 'G' cells: the goal is one of them (drawn every episode when is_goal_random)
  std::vector<Thing> things;  // fixed fruit and solids of the map, the goals not among them
  friend bool operator==(const Level&, const Level&) = default;
};

constexpr int kMaxThings =
    1024;  // in one layout, the goal among them: a lane keeps one bit for each

/// Makes what a level draws once and not every episode: the maze of a fixed generator, its goal and
/// fruit unless they are random, and all looks. Then checks everything; clew::Error says what is
/// wrong. Level files are finished by their reader; call it on a level built in code. Finishing
/// twice changes nothing.
void finish_level(Level& level);

/// 64 bits of everything in a finished level but its name and description: what a snapshot is bound
/// to.
std::uint64_t level_hash(const Level& level);

}  // namespace clew::maze
