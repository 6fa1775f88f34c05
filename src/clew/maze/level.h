// SPDX-License-Identifier: Apache-2.0
// A level: what a level file says, before any episode is drawn from it. Immutable once made; shared by all worlds.
// Reading and writing files: level_text.h. Drawing an episode's layout from a level: layout.h.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "clew/core/key.h"
#include "clew/maze/grid.h"

namespace clew::maze {

/// How `map` text is read. kCells: every character is a cell, '*' a solid one.
/// kThinWalls: odd rows and columns (counted from 0) are cells, even ones the walls between them.
enum class Reading : std::uint8_t { kCells, kThinWalls };

/// Where mazes come from when the level has no map: a spanning tree plus extra openings plus rooms.
struct GeneratorOptions {
  int width = 9, height = 9;     // cells, 2..255
  float openings = 0.15F;        // share of the remaining inner walls that is removed
  int rooms = 0;                 // open rectangles carved into the maze
  int room_min = 2, room_max = 3;  // side of a room, cells
  std::uint64_t seed = 1;        // of the maze when it is not drawn anew every episode
};

/// What happens in an episode (SYSTEMS.md 8.1 and 9: episode lengths, rewards, spawn distance, fruit density).
struct Rules {
  int episode_frames = 3600;           // at 60 frames a second
  bool is_maze_random = false;         // a new maze every episode (needs a generator)
  bool is_goal_random = false;         // goal drawn once an episode, uniform over open cells
  bool is_fruit_random = false;        // fruit cells drawn once an episode
  float fruit_density = 0;             // share of open cells that carry an apple when fruit is random
  float strawberry_share = 0;          // share of those fruits that are strawberries
  int spawn_distance_min = 0;          // spawn cells lie at more than this many cells' walk from the goal
  bool does_goal_respawn_player = true;  // reaching the goal puts the player at a new random spawn, and fruit back
  bool does_goal_end_episode = false;
  float reward_goal = 10, reward_apple = 1, reward_strawberry = 2, reward_lemon = -1, reward_fungi = -10;
};

struct Level {
  std::string name;         // as in `clew levels`
  std::string description;  // one sentence
  Rules rules;
  bool is_generated = false;
  GeneratorOptions generator;   // used when is_generated
  std::uint64_t look_seed = 1;  // which textures go where (a fixed maze keeps its looks in every episode)
  Grid grid;                    // of a fixed maze; empty when is_maze_random
  std::vector<Cell> spawns;     // 'P' cells; empty: any open cell
  std::vector<Cell> goals;      // 'G' cells: the goal is one of them (drawn every episode when is_goal_random)
  std::vector<Thing> things;    // fixed fruit and solids of the map, the goals not among them
};

}  // namespace clew::maze
