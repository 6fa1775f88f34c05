// SPDX-License-Identifier: Apache-2.0
#include "clew/maze/level.h"

#define XXH_INLINE_ALL
#include <xxhash.h>

#include <algorithm>
#include <bit>
#include <cstddef>
#include <cstring>
#include <type_traits>

#include "clew/core/error.h"
#include "clew/maze/generator.h"
#include "clew/maze/level_detail.h"
#include "clew/maze/level_fields.h"
#include "clew/maze/paths.h"

namespace clew::maze {
namespace {

enum KeyPart : std::uint64_t { kMazeKey, kGoalKey, kFruitKey };

using Fault = std::optional<LevelFault>;

Fault find_range_fault(const Level& level) {
  for (const std::string& text :
       {range_fault("rules.", level.rules), range_fault("generator.", level.generator)})
    if (!text.empty()) return LevelFault{text, {}, text.substr(0, text.find(' '))};
  if (level.generator.room_max < level.generator.room_min)
    return LevelFault{concat("generator.room_max must be at least generator.room_min, ",
                             level.generator.room_min, ", got ", level.generator.room_max),
                      {},
                      "generator.room_max"};
  return {};
}

Fault find_rules_fault(const Level& level) {
  const Rules& rules = level.rules;
  if (rules.is_maze_random && !level.is_generated)
    return LevelFault{
        "rules.is_maze_random needs a [generator], got a map", {}, "rules.is_maze_random"};
  if (rules.is_maze_random && !rules.is_goal_random)
    return LevelFault{"rules.is_maze_random needs rules.is_goal_random = true, got false",
                      {},
                      "rules.is_maze_random"};
  if (rules.is_maze_random && rules.fruit_density > 0 && !rules.is_fruit_random)
    return LevelFault{
        "rules.is_maze_random needs rules.is_fruit_random = true when there is "
        "fruit, got false",
        {},
        "rules.is_maze_random"};
  if (rules.is_maze_random &&
      (!level.spawns.empty() || !level.goals.empty() || !level.things.empty()))
    return LevelFault{"a level whose maze is random cannot have fixed spawns, goals or things",
                      {},
                      "rules.is_maze_random"};
  if (!level.is_generated && rules.fruit_density > 0 && !rules.is_fruit_random)
    return LevelFault{
        "rules.fruit_density needs rules.is_fruit_random = true beside a map, got "
        "false; fixed fruit is drawn in the map",
        {},
        "rules.fruit_density"};
  return {};
}

Fault find_grid_fault(const Grid& grid) {
  const auto cells = static_cast<std::size_t>(std::max(grid.width, 0)) * std::max(grid.height, 0);
  if (grid.width < 1 || grid.width > 255 || grid.height < 1 || grid.height > 255)
    return LevelFault{
        concat("a maze must be 1..255 cells wide and high, got ", grid.width, " by ", grid.height),
        {},
        "map"};
  if (grid.walls.size() != cells)
    return LevelFault{concat("a maze of ", grid.width, " by ", grid.height, " cells needs ", cells,
                             " wall masks, got ", grid.walls.size()),
                      {},
                      "map"};
  for (int y = 0; y < grid.height; ++y) {
    for (int x = 0; x < grid.width; ++x) {
      const Cell cell{static_cast<std::int16_t>(x), static_cast<std::int16_t>(y)};
      for (const Side side : {kNorth, kEast, kSouth, kWest}) {
        if (grid.has_wall(cell, side)) continue;
        const Cell next = neighbour(cell, side);
        if (!grid.contains(next))
          return LevelFault{"the border must be closed, got an opening", cell, ""};
        if (grid.has_wall(next, opposite(side)))
          return LevelFault{"a wall must be there from both sides, got one from one side", cell,
                            ""};
      }
    }
  }
  return {};
}

Fault find_thing_fault(const Level& level) {
  const Grid& grid = level.grid;
  const auto fault_of = [&](const char* what, Cell cell) -> Fault {
    if (!grid.contains(cell))
      return LevelFault{concat(what, " must be inside the maze of ", grid.width, " by ",
                               grid.height, " cells, got (", cell.x, ", ", cell.y, ")"),
                        {},
                        "map"};
    if (!is_open(grid, grid.index(cell)))
      return LevelFault{concat(what, " must be in an open cell, got one with four walls"), cell,
                        ""};
    return {};
  };
  for (const Cell cell : level.spawns)
    if (Fault fault = fault_of("a spawn", cell)) return fault;
  for (const Cell cell : level.goals)
    if (Fault fault = fault_of("a goal", cell)) return fault;
  std::vector<std::uint8_t> is_taken(grid.walls.size());
  for (const Cell cell : level.goals) {
    if (is_taken[grid.index(cell)]++ != 0)
      return LevelFault{"a cell can hold one goal, got two", cell, ""};
  }
  for (const Thing& thing : level.things) {
    if (Fault fault = fault_of("a thing", thing.cell)) return fault;
    if (thing.kind == ThingKind::kGoal)
      return LevelFault{"goals belong into the level's goals, got one among its things", thing.cell,
                        ""};
    if (is_taken[grid.index(thing.cell)]++ != 0)
      return LevelFault{"a cell can hold one thing, got two", thing.cell, ""};
  }
  return {};
}

Fault find_count_fault(const Level& level) {
  const Rules& rules = level.rules;
  int open = level.generator.width * level.generator.height;
  if (!rules.is_maze_random)
    open = static_cast<int>(std::count_if(level.grid.walls.begin(), level.grid.walls.end(),
                                          [](int walls) { return (walls & 15) != 15; }));
  const int drawn = rules.is_fruit_random ? fruit_count(rules.fruit_density, open) : 0;
  const std::size_t things = 1 + level.things.size() + drawn;
  if (things > kMaxThings)
    return LevelFault{concat("a level can hold ", kMaxThings,
                             " things (the goal, fruit and solids), got ", things),
                      {},
                      drawn > 0 ? "rules.fruit_density" : "map"};
  return {};
}

/// With a random goal, all open cells must be connected.
Fault find_random_goal_fault(const Level& level, const std::vector<std::uint16_t>& part) {
  if (!level.rules.is_goal_random)
    return LevelFault{
        "a level needs a goal ('G' in the map, or rules.is_goal_random = true), got none",
        {},
        "map"};
  std::vector<std::uint16_t> marks;
  FreeCells free(level.grid, marks);
  for (const Thing& thing : level.things) free.take(level.grid.index(thing.cell));
  if (level.spawns.size() == 1) free.take(level.grid.index(level.spawns[0]));
  if (free.free() == 0)
    return LevelFault{"a level needs a free cell for its goal, got none", {}, "map"};
  const auto second = std::find_if(
      part.begin(), part.end(), [](std::uint16_t label) { return label != 0 && label != kNoWay; });
  if (second != part.end()) {
    const auto index = static_cast<int>(second - part.begin());
    return LevelFault{
        "all open cells must hang together when the goal can be in any of them, got one "
        "that is cut off",
        Cell{static_cast<std::int16_t>(index % level.grid.width),
             static_cast<std::int16_t>(index / level.grid.width)},
        ""};
  }
  if (std::count(part.begin(), part.end(), 0) < 2)
    return LevelFault{
        "a level needs a cell for the goal and one to spawn in, got one cell", {}, "map"};
  return {};
}

/// Every possible goal must be reachable from a spawn.
Fault find_way_fault(const Level& level) {
  const Grid& grid = level.grid;
  std::vector<std::uint16_t> part;
  const int parts = label_parts(grid, level.things, part);
  for (const Cell cell : level.spawns)
    if (part[grid.index(cell)] == kNoWay)
      return LevelFault{"a spawn must be in a cell without a solid, got one in a solid", cell, ""};
  if (level.goals.empty()) return find_random_goal_fault(level, part);
  std::vector<int> starts(parts);
  std::vector<std::uint8_t> is_start(part.size());
  const auto add_start = [&](int index) {
    if (part[index] == kNoWay || is_start[index]++ != 0) return;
    ++starts[part[index]];
  };
  for (const Cell cell : level.spawns) add_start(grid.index(cell));
  if (level.spawns.empty())
    for (int index = 0; index < grid.width * grid.height; ++index) add_start(index);
  for (const Cell goal : level.goals) {
    const int index = grid.index(goal);
    if (starts[part[index]] - int{is_start[index] != 0} > 0) continue;
    return LevelFault{level.spawns.empty()
                          ? "a goal must have an open cell beside it to spawn in, got none"
                          : "a goal must be reachable from a spawn ('P'), got one without a way",
                      goal, ""};
  }
  return {};
}

void draw_fixed_parts(Level& level) {
  const Rules& rules = level.rules;
  const Key key{level.generator.seed};
  generate(level.generator, fold_in(key, kMazeKey), level.grid);
  std::vector<std::uint16_t> marks;
  FreeCells free(level.grid, marks);
  for (const Thing& thing : level.things) free.take(level.grid.index(thing.cell));
  if (level.goals.empty() && !rules.is_goal_random) {
    Stream random(fold_in(key, kGoalKey));
    level.goals.push_back(free.draw_cell(level.grid, random));
  }
  for (const Cell goal : level.goals) free.take(level.grid.index(goal));
  if (level.things.empty() && !rules.is_fruit_random) {
    Stream random(fold_in(key, kFruitKey));
    free.draw_fruit(level.grid, rules, random, level.things);
  }
}

/// Little-endian serialisation, the same on every machine.
class Bytes {
 public:
  template <class T>
  void add(const T& value) {
    if constexpr (std::is_same_v<T, float>) {
      add(std::bit_cast<std::uint32_t>(value));
    } else if constexpr (std::is_enum_v<T>) {
      add(static_cast<std::uint64_t>(value));
    } else {
      auto bits = static_cast<std::uint64_t>(value);
      for (int i = 0; i < 8; ++i, bits >>= 8) bytes_.push_back(static_cast<std::uint8_t>(bits));
    }
  }
  void add(Cell cell) {
    add(cell.x);
    add(cell.y);
  }
  void add(const std::vector<std::uint8_t>& values) {
    add(values.size());
    bytes_.insert(bytes_.end(), values.begin(), values.end());
  }
  template <class T>
  void operator()(const char*, T& value, const FieldSpec&) {
    add(value);
  }
  std::uint64_t hash() const { return XXH3_64bits(bytes_.data(), bytes_.size()); }

 private:
  std::vector<std::uint8_t> bytes_;
};

}  // namespace

std::optional<LevelFault> finish_or_fault(Level& level) {
  if (Fault fault = find_range_fault(level)) return fault;
  if (Fault fault = find_rules_fault(level)) return fault;
  if (Fault fault = find_count_fault(level)) return fault;
  if (level.rules.is_maze_random) {
    level.grid = {};
    return {};
  }
  if (level.is_generated) draw_fixed_parts(level);
  if (Fault fault = find_grid_fault(level.grid)) return fault;
  if (Fault fault = find_thing_fault(level)) return fault;
  if (Fault fault = find_count_fault(level)) return fault;
  if (Fault fault = find_way_fault(level)) return fault;
  draw_looks(Key{level.look_seed}, level.grid);
  return {};
}

void finish_level(Level& level) {
  const Fault fault = finish_or_fault(level);
  if (!fault) return;
  const std::string where =
      fault->cell ? concat(" in cell (", fault->cell->x, ", ", fault->cell->y, ")") : "";
  throw Error(concat(fault->text, where, " (level '", level.name, "')"));
}

std::uint64_t level_hash(const Level& level) {
  Level copy = level;  // visitors take mutable fields
  Bytes bytes;
  copy.rules.fields(bytes);
  bytes.add(copy.is_generated);
  if (copy.is_generated) copy.generator.fields(bytes);
  bytes.add(copy.look_seed);
  bytes.add(copy.grid.width);
  bytes.add(copy.grid.height);
  bytes.add(copy.grid.walls);
  bytes.add(copy.grid.faces);
  bytes.add(copy.grid.floors);
  bytes.add(copy.spawns.size());
  for (const Cell cell : copy.spawns) bytes.add(cell);
  bytes.add(copy.goals.size());
  for (const Cell cell : copy.goals) bytes.add(cell);
  bytes.add(copy.things.size());
  for (const Thing& thing : copy.things) {
    bytes.add(thing.cell);
    bytes.add(thing.kind);
  }
  return bytes.hash();
}

}  // namespace clew::maze
