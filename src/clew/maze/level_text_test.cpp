// SPDX-License-Identifier: Apache-2.0
// Level files: both readings, bare grids, round trips, the built-in levels, and every message.
#include "clew/maze/level_text.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <string>

#include "clew/core/config.h"
#include "clew/core/error.h"
#include "clew/core/files.h"
#include "clew/core/key.h"
#include "clew/maze/generator.h"
#include "clew/maze/layout.h"
#include "clew/maze/paths.h"
#include "tests/support/expect_error.h"

namespace clew::maze {
namespace level_text_test {

std::string error_of(const std::string& text) {
  return clew::error_of<UsageError>([&] { parse_level(text, "a.toml"); });
}

std::string error_of_grid(const std::string& text, Reading reading = Reading::kCells) {
  return clew::error_of<UsageError>([&] { parse_grid(text, "a.txt", reading); });
}

std::string thin(const std::string& map, const std::string& rest = "") {
  return "reading = \"thin_walls\"\nmap = \"\"\"\n" + map + "\"\"\"\n" + rest;
}
std::string cells(const std::string& map, const std::string& rest = "") {
  return "map = \"\"\"\n" + map + "\"\"\"\n" + rest;
}

constexpr std::uint8_t kN = 1, kE = 2, kS = 4, kW = 8;

TEST(LevelText, ThinWallsByHand) {
  const Level level = parse_level(thin("*******\n"
                                       "*P   G*\n"
                                       "***** *\n"
                                       "*A   S*\n"
                                       "*******\n"),
                                  "dir/hairpin.toml");
  EXPECT_EQ(level.name, "hairpin");
  EXPECT_EQ(level.grid.walls, (std::vector<std::uint8_t>{kN | kW | kS, kN | kS, kN | kE,
                                                         kN | kW | kS, kN | kS, kE | kS}));
  EXPECT_EQ(level.spawns, (std::vector<Cell>{{0, 0}}));
  EXPECT_EQ(level.goals, (std::vector<Cell>{{2, 0}}));
  EXPECT_EQ(level.things,
            (std::vector<Thing>{{{0, 1}, ThingKind::kApple}, {{2, 1}, ThingKind::kStrawberry}}));
  EXPECT_EQ(level.rules, Rules());
  EXPECT_EQ(level.look_seed, 1U);
  EXPECT_FALSE(level.is_generated);
}

TEST(LevelText, CellsByHand) {
  const Level level = parse_level(cells("*****\n"
                                        "*GLF*\n"
                                        "*** *\n"
                                        "*****\n"),
                                  "a.toml");
  EXPECT_EQ(level.grid.width, 5);
  EXPECT_EQ(level.grid.height, 4);
  std::vector<std::uint8_t> walls(20, 15);
  walls[6] = kN | kS | kW;
  walls[7] = kN | kS;
  walls[8] = kN | kE;
  walls[13] = kE | kS | kW;
  EXPECT_EQ(level.grid.walls, walls);
  EXPECT_EQ(level.things,
            (std::vector<Thing>{{{2, 1}, ThingKind::kLemon}, {{3, 1}, ThingKind::kFungi}}));
}

TEST(LevelText, ASolidCellInThinWallsIsClosedAllRound) {
  const Level level = parse_level(thin("*******\n"
                                       "*G    *\n"
                                       "*     *\n"
                                       "*  *  *\n"
                                       "*     *\n"
                                       "*     *\n"
                                       "*******\n"),
                                  "a.toml");
  EXPECT_EQ(level.grid.walls[4], 15);
  EXPECT_EQ(level.grid.walls[1], kN | kS);
  EXPECT_EQ(level.grid.walls[3], kW | kE);
}

TEST(LevelText, ReadsEveryKey) {
  const Level level = parse_level(R"(name = "all"
description = "says everything"
look_seed = 7
[rules]
episode_frames = 1200
is_maze_random = true
is_goal_random = true
is_fruit_random = true
fruit_density = 0.25
strawberry_share = 0.5
spawn_distance_min = 3
does_goal_respawn_player = false
does_goal_end_episode = true
reward_goal = 1
reward_apple = 2
reward_strawberry = 3
reward_lemon = -4
reward_fungi = -5.5
[generator]
width = 12
height = 8
openings = 0.3
rooms = 2
room_min = 3
room_max = 5
seed = 99
)",
                                  "a.toml");
  EXPECT_EQ(level.name, "all");
  EXPECT_EQ(level.description, "says everything");
  EXPECT_EQ(level.look_seed, 7U);
  EXPECT_EQ(level.rules,
            (Rules{1200, true, true, true, 0.25F, 0.5F, 3, false, true, 1, 2, 3, -4, -5.5F}));
  EXPECT_EQ(level.generator, (GeneratorOptions{12, 8, 0.3F, 2, 3, 5, 99}));
  EXPECT_TRUE(level.is_generated);
  EXPECT_EQ(parse_level(write_level(level), "b.toml"), level);
}

TEST(LevelText, AnEmptyGeneratorIsAGenerator) {
  const Level level = parse_level("[generator]\n", "a.toml");
  EXPECT_TRUE(level.is_generated);
  EXPECT_EQ(level.grid.walls.size(), 81U);
  EXPECT_EQ(level.goals.size(), 1U);
}

TEST(LevelText, WindowsLineEndsChangeNothing) {
  std::string text = thin("*****\n*P G*\n*****\n", "[rules]\nepisode_frames = 60\n");
  const Level unix_level = parse_level(text, "a.toml");
  std::string windows;
  for (const char c : text) windows += c == '\n' ? std::string("\r\n") : std::string(1, c);
  EXPECT_EQ(parse_level(windows, "a.toml"), unix_level);
  EXPECT_EQ(error_of("map = \"\"\"\r\n***\r\n*P \r\n***\"\"\"\r\n"),
            "a.toml:3:3: the border must be closed ('*'), got ' '");
}

TEST(LevelText, AByteOrderMarkIsSkipped) {
  const std::string mark = "\xef\xbb\xbf", grid = "*****\n*P G*\n*****\n";
  EXPECT_EQ(parse_level(mark + grid, "x.txt"), parse_level(grid, "x.txt"));
  EXPECT_EQ(parse_grid(mark + grid, "x.txt"), parse_grid(grid, "x.txt"));
  const std::string toml = "map = \"\"\"\n" + grid + "\"\"\"\n";
  EXPECT_EQ(parse_level(mark + toml, "x.toml"), parse_level(toml, "x.toml"));
}

TEST(LevelText, TheHashChangesWithEverythingButTheName) {
  const Level level = load_builtin("static_small");
  Level other = level;
  other.name = other.description = "other";
  EXPECT_EQ(level_hash(other), level_hash(level));
  other.rules.reward_apple = 2;
  EXPECT_NE(level_hash(other), level_hash(level));
  other = level;
  other.look_seed = 2;
  finish_level(other);
  EXPECT_NE(level_hash(other), level_hash(level));
  other = level;
  std::swap(other.things[0], other.things[1]);
  EXPECT_NE(level_hash(other), level_hash(level));
}

TEST(LevelText, RoundTripsOfRandomMaps) {
  for (std::uint64_t i = 0; i < 200; ++i) {
    Stream random(fold_in(Key{5}, i));
    Level level;
    level.name = "round \"trip\"\n[rules]";
    level.description = "reading = \"cells\"";
    level.look_seed = random.bits();
    level.rules.reward_goal = random.uniform() * 10;
    level.rules.is_goal_random = true;
    generate({.width = 2 + static_cast<int>(random.below(30)),
              .height = 2 + static_cast<int>(random.below(30)),
              .openings = random.uniform()},
             Key{i}, level.grid);
    for (int y = 0; y < level.grid.height; ++y)
      for (int x = 0; x < level.grid.width; ++x) {
        const Cell cell{static_cast<std::int16_t>(x), static_cast<std::int16_t>(y)};
        switch (random.below(20)) {
          case 0:
            level.spawns.push_back(cell);
            break;
          case 1:
            level.goals.push_back(cell);
            break;
          case 2:
            level.things.push_back({cell, static_cast<ThingKind>(1 + random.below(4))});
            break;
          default:
            break;
        }
      }
    if (level.spawns.size() < 2) level.spawns.clear();
    finish_level(level);
    const std::string text = write_level(level);
    ASSERT_EQ(parse_level(text, "x"), level) << text;
    ASSERT_EQ(write_level(parse_level(text, "x")), text);
  }
}

TEST(LevelText, WhatNoTextCanSayIsNotWritten) {
  Level level = load_builtin("static_small");
  level.grid.faces[0] ^= 1;
  EXPECT_THROW(write_level(level), Error);
  level = load_builtin("static_small");
  level.spawns = {level.goals[0], {0, 0}};
  finish_level(level);
  EXPECT_THROW(write_level(level), Error);
}

// ---- bare grids in the format of DeepMind Lab's text levels

TEST(BareGrid, ShortRowsEmptyLinesDoorsAndStrangeLetters) {
  // Written after the rules of their text_level.md: three rooms, two doors, a corner outside the
  // walls.
  const std::string text =
      "*********\n"
      "*P  *  b****\n"
      "\n"
      "*   I   *  *\n"
      "*   *   *  *\n"
      "**H******\n"
      " * Ax  G*\n"
      " ********\n";
  const Level level = parse_level(text, "rooms.entityLayer");
  EXPECT_EQ(level.name, "rooms");
  EXPECT_EQ(level.grid.width, 12);
  EXPECT_EQ(level.grid.height, 7);
  EXPECT_EQ(level.spawns, (std::vector<Cell>{{1, 1}}));
  EXPECT_EQ(level.goals, (std::vector<Cell>{{7, 5}}));
  EXPECT_FALSE(level.rules.is_goal_random);
  EXPECT_EQ(level.things, (std::vector<Thing>{{{3, 5}, ThingKind::kApple}}));
  const auto is_open_at = [&](int x, int y) { return is_open(level.grid, y * 12 + x); };
  EXPECT_TRUE(is_open_at(4, 2)) << "a door is floor";
  EXPECT_TRUE(is_open_at(2, 4)) << "a door is floor";
  EXPECT_TRUE(is_open_at(7, 1)) << "a letter of somebody else's is floor";
  EXPECT_FALSE(is_open_at(9, 2)) << "what cannot be reached is solid";
  EXPECT_FALSE(is_open_at(0, 5)) << "what cannot be reached is solid";
  EXPECT_TRUE(is_connected(level.grid));
  EXPECT_EQ(parse_level(write_level(level), "rooms"), level);
}

TEST(BareGrid, SeveralGoalsOrNoneMakeItRandom) {
  EXPECT_TRUE(parse_level("*****\n*P  *\n*****\n", "a").rules.is_goal_random);
  EXPECT_TRUE(parse_level("*****\n*GPG*\n*****\n", "a").rules.is_goal_random);
  EXPECT_FALSE(parse_level("*****\n*GP *\n*****\n", "a").rules.is_goal_random);
  // The only spawn is never the goal.
  const Level level = parse_level("*****\n*P  *\n*****\n", "a");
  Layout layout;
  for (std::uint64_t i = 0; i < 50; ++i) {
    draw_layout(level, Key{i}, layout);
    EXPECT_NE(layout.things[0].cell, (Cell{1, 1}));
    EXPECT_EQ(layout.spawns, (std::vector<Cell>{{1, 1}}));
  }
}

TEST(BareGrid, BothReadings) {
  const std::string text = "*****\n*P G*\n*****\n";
  EXPECT_EQ(parse_grid(text, "a").grid.width, 5);
  EXPECT_EQ(parse_grid(text, "a", Reading::kThinWalls).grid.width, 2);
}

TEST(BareGrid, Messages) {
  EXPECT_EQ(error_of_grid("*****\n*P G \n*****\n"),
            "a.txt:2:5: the border must be closed ('*'), got ' ' where a player can go");
  EXPECT_EQ(error_of_grid("*****\n\n*P*G*\n*****\n"),
            "a.txt:3:4: a goal must be reachable from a spawn ('P'), got one without a way");
  EXPECT_EQ(error_of_grid("***\n***\n"),
            "a.txt:1:1: a grid must have 3..255 rows of 3..255 "
            "characters, got 2 of 3");
  EXPECT_EQ(error_of_grid(""),
            "a.txt:1:1: a grid must have 3..255 rows of 3..255 characters, got "
            "0 of 0");
  EXPECT_EQ(error_of_grid("***\n***\n***\n"),
            "a.txt:1:1: a level needs a free cell for its goal, got none");
  EXPECT_EQ(error_of_grid("***\n*P*\n***\n"),
            "a.txt:2:2: a spawn must be in an open cell, got one with four walls");
  EXPECT_EQ(error_of_grid("***\n*G*\n***\n"),
            "a.txt:2:2: a goal must be in an open cell, got one with four walls");
  EXPECT_EQ(error_of_grid("****\n*G\t*\n****\n"),
            "a.txt:2:3: a map must consist of '*', ' ' and the letters P G A S L F O H I, got byte "
            "0x09");
  EXPECT_EQ(error_of_grid("******\n*P  G*\n******\n", Reading::kThinWalls),
            "a.txt:1:1: a map with thin walls must have an odd number of columns, got 6");
  EXPECT_EQ(error_of_grid("*****\n*P G*\n*   *\n*****\n", Reading::kThinWalls),
            "a.txt:1:1: a map with thin walls must have an odd number of rows, got 4");
  EXPECT_EQ(error_of_grid("*****\n*PAG*\n*****\n", Reading::kThinWalls),
            "a.txt:2:3: between cells there must be '*' or ' ', got 'A'");
}

// ---- messages of level files

TEST(LevelMessages, Grid) {
  EXPECT_EQ(
      error_of(cells("*****\n*P  *\n*****\n")),
      "a.toml:1:7: a level needs a goal ('G' in the map, or rules.is_goal_random = true), got "
      "none");
  EXPECT_EQ(error_of(cells("*****\n*P*G*\n*****\n")),
            "a.toml:3:2: a spawn must be in an open cell, got one with four walls");
  EXPECT_EQ(error_of(cells("*******\n*P *G *\n*******\n")),
            "a.toml:3:5: a goal must be reachable from a spawn ('P'), got one without a way");
  EXPECT_EQ(error_of(cells("*******\n*P OG *\n*******\n")),
            "a.toml:3:5: a goal must be reachable from a spawn ('P'), got one without a way");
  EXPECT_EQ(error_of(cells("*****\n*GO *\n*****\n")),
            "a.toml:3:2: a goal must have an open cell beside it to spawn in, got none");
  EXPECT_EQ(error_of(cells("*** *\n*P G*\n*****\n")),
            "a.toml:2:4: the border must be closed ('*'), got ' '");
  EXPECT_EQ(error_of(cells("*****\n*P G*\n**A**\n")),
            "a.toml:4:3: the border must be closed ('*'), got 'A'");
  EXPECT_EQ(error_of(cells("*****\n*P G\n*****\n")),
            "a.toml:3:5: all rows must be as long as the first, 5, got 4");
  EXPECT_EQ(error_of(cells("*****\n*P G**\n*****\n")),
            "a.toml:3:6: all rows must be as long as the first, 5, got 6");
  EXPECT_EQ(error_of(cells("*****\n*P G*\n\n*****\n")),
            "a.toml:4:1: all rows must be as long as the first, 5, got 0");
  EXPECT_EQ(
      error_of(cells("*****\n*PxG*\n*****\n")),
      "a.toml:3:3: a map must consist of '*', ' ' and the letters P G A S L F O H I, got 'x'");
  EXPECT_EQ(error_of(cells("*****\n*P\xc3\xa9G*\n*****\n")),
            "a.toml:3:6: all rows must be as long as the first, 5, got 6");
  EXPECT_EQ(error_of(cells("")), "a.toml:2:1: a map must have rows, got none");
  EXPECT_EQ(error_of(cells("**\n**\n")), "a.toml:2:1: a map must be 3..255 characters wide, got 2");
  EXPECT_EQ(error_of(cells("***\n***\n")), "a.toml:2:1: a map must be 3..255 rows high, got 2");
  EXPECT_EQ(error_of(cells(std::string(256, '*') + "\n***\n***\n")),
            "a.toml:2:1: a map must be 3..255 characters wide, got 256");
  EXPECT_EQ(error_of(thin(std::string(513, '*') + "\n***\n***\n")),
            "a.toml:3:1: a map must be 3..511 characters wide, got 513");
  EXPECT_EQ(error_of(thin("****\n*P G*\n****\n")),
            "a.toml:4:5: all rows must be as long as the first, 4, got 5");
  EXPECT_EQ(error_of(thin("*****\n*P*G*\n*****\n")),
            "a.toml:4:2: a spawn must be in an open cell, got one with four walls");
  EXPECT_EQ(error_of(thin("*********\n*P  *  G*\n*********\n")),
            "a.toml:4:8: a goal must be reachable from a spawn ('P'), got one without a way");
  EXPECT_EQ(error_of(thin("*****\n*PGG*\n*****\n")),
            "a.toml:4:3: between cells there must be '*' or ' ', got 'G'");
  EXPECT_EQ(
      error_of(cells("*******\n*P * A*\n*******\n", "[rules]\nis_goal_random = true\n")),
      "a.toml:3:5: all open cells must hang together when the goal can be in any of them, got "
      "one that is cut off");
}

TEST(LevelMessages, WhereTheCharactersOfAMapStand) {
  EXPECT_EQ(error_of("map = \"\"\"*****\n*P  \n*****\"\"\""),
            "a.toml:2:5: all rows must be as long as the first, 5, got 4");
  EXPECT_EQ(error_of("map = '''** **\n*P G*\n*****'''"),
            "a.toml:1:12: the border must be closed ('*'), got ' '");
  EXPECT_EQ(error_of("\n  map = \"*****\\n*P G \\n*****\""),
            "a.toml:2:9: the border must be closed ('*'), got ' ' (row 2, column 5 of the map)");
}

TEST(LevelMessages, TooManyThings) {
  std::string map(102, '*');
  map += '\n';
  for (int i = 0; i < 11; ++i) map += concat('*', std::string(100, 'A'), "*\n");
  map += concat("*GP", std::string(98, ' '), "*\n", std::string(102, '*'), '\n');
  // 1023 things beside the goal: ten rows of 100 and 23 more.
  EXPECT_EQ(
      error_of(cells(map)),
      "a.toml:13:25: a level can hold 1024 things (the goal, fruit and solids), got one more");
  EXPECT_EQ(
      error_of("[rules]\nis_fruit_random = true\nfruit_density = 0.5\n[generator]\nwidth = 64\n"
               "height = 64\n"),
      "a.toml:3:17: a level can hold 1024 things (the goal, fruit and solids), got 2049");
}

TEST(LevelMessages, KeysAndValues) {
  EXPECT_EQ(error_of(" \n\n"), "a.toml:1:1: a level must have a map or a [generator], got neither");
  EXPECT_EQ(error_of("name = 'x'\n"),
            "a.toml:1:1: a level must have a map or a [generator], got neither");
  EXPECT_EQ(error_of("map = '***'\n[generator]\n"),
            "a.toml:1:7: a level must have a map or a [generator], got both");
  EXPECT_EQ(error_of("[generator]\nwidht = 3\n"),
            "a.toml:2:9: unknown key 'generator.widht'; did you mean 'generator.width'?");
  EXPECT_EQ(error_of("[generator]\nwidth = 1\n"),
            "a.toml:2:9: generator.width must be in 2..255, got 1");
  EXPECT_EQ(error_of("[generator]\nwidth = 0\n"),
            "a.toml:2:9: generator.width must be in 2..255, got 0");
  EXPECT_EQ(error_of("[generator]\nheight = -5\n"),
            "a.toml:2:10: generator.height must be in 2..255, got -5");
  EXPECT_EQ(error_of("[generator]\nwidth = 'nine'\n"),
            "a.toml:2:9: generator.width must be a whole number, got \"nine\"");
  EXPECT_EQ(error_of("[generator]\nroom_min = 5\n"),
            "a.toml:2:12: generator.room_max must be at least generator.room_min, 5, got 3");
  EXPECT_EQ(error_of("[generator]\nroom_min = 5\nroom_max = 4\n"),
            "a.toml:3:12: generator.room_max must be at least generator.room_min, 5, got 4");
  EXPECT_EQ(error_of("[rules]\nepisode_frames = 0\n[generator]\n"),
            "a.toml:2:18: rules.episode_frames must be in 1..100000000, got 0");
  EXPECT_EQ(error_of("[rules]\nfruit_density = nan\n[generator]\n"),
            "a.toml:2:17: rules.fruit_density must be in 0..1, got nan");
  EXPECT_EQ(error_of("[rules]\nis_goal_random = 1\n[generator]\n"),
            "a.toml:2:18: rules.is_goal_random must be true or false, got 1");
  EXPECT_EQ(error_of("reading = 'thick'\n[generator]\n"),
            "a.toml:1:11: reading must be one of cells, thin_walls, got 'thick'");
  EXPECT_EQ(error_of("map = 3\n"), "a.toml:1:7: map must be a string, got 3");
  EXPECT_EQ(error_of("look_seed = -1\n[generator]\n").substr(0, 13), "a.toml:1:13: ");
}

TEST(LevelMessages, Toml) {
  EXPECT_EQ(error_of("name = \n").substr(0, 11), "a.toml:1:8:");
  EXPECT_EQ(error_of("name = 'a'\nname = 'b'\n").substr(0, 9), "a.toml:2:");
  EXPECT_NE(error_of("name = 'a'\nname = 'b'\n").find("name"), std::string::npos);
  EXPECT_EQ(error_of("[rules]\n[rules]\n").substr(0, 9), "a.toml:2:");
}

TEST(LevelMessages, RulesThatContradict) {
  EXPECT_EQ(error_of(cells("*****\n*P G*\n*****\n", "[rules]\nis_maze_random = true\n")),
            "a.toml:7:18: rules.is_maze_random needs a [generator], got a map");
  EXPECT_EQ(error_of("[rules]\nis_maze_random = true\n[generator]\n"),
            "a.toml:2:18: rules.is_maze_random needs rules.is_goal_random = true, got false");
  EXPECT_EQ(error_of("[rules]\nis_maze_random = true\nis_goal_random = true\nfruit_density = 0.1\n"
                     "[generator]\n"),
            "a.toml:2:18: rules.is_maze_random needs rules.is_fruit_random = true when there is "
            "fruit, got false");
  EXPECT_EQ(error_of(cells("*****\n*P G*\n*****\n", "[rules]\nfruit_density = 0.5\n")),
            "a.toml:7:17: rules.fruit_density needs rules.is_fruit_random = true beside a map, got "
            "false; fixed fruit is drawn in the map");
}

TEST(LevelMessages, TenMegabytesAreRefusedAtOnce) {
  const std::string text(10 << 20, '*');
  EXPECT_EQ(error_of(text), "a.toml:1:1: a level must be at most 1048576 bytes long, got 10485760");
  EXPECT_EQ(error_of_grid(text),
            "a.txt:1:1: a level must be at most 1048576 bytes long, got 10485760");
}

TEST(LevelMessages, LevelsBuiltInCode) {
  const auto error_of_level = [](Level level) {
    level.name = "x";
    return clew::error_of([&] { finish_level(level); });
  };
  EXPECT_EQ(error_of_level({}),
            "a maze must be 1..255 cells wide and high, got 0 by 0 (level 'x')");
  Level level;
  level.grid = {.width = 2, .height = 1, .walls = {13, 7}};
  level.goals = {{0, 0}};
  EXPECT_EQ(error_of_level(level), "no error");
  Level broken = level;
  broken.grid.walls = {13, 15};
  EXPECT_EQ(
      error_of_level(broken),
      "a wall must be there from both sides, got one from one side in cell (0, 0) (level 'x')");
  broken.grid.walls = {12, 7};
  EXPECT_EQ(error_of_level(broken),
            "the border must be closed, got an opening in cell (0, 0) (level 'x')");
  broken.grid.walls = {13};
  EXPECT_EQ(error_of_level(broken), "a maze of 2 by 1 cells needs 2 wall masks, got 1 (level 'x')");
  broken = level;
  broken.goals = {{2, 0}};
  EXPECT_EQ(error_of_level(broken),
            "a goal must be inside the maze of 2 by 1 cells, got (2, 0) (level 'x')");
  broken.goals = {{0, 0}, {0, 0}};
  EXPECT_EQ(error_of_level(broken), "a cell can hold one goal, got two in cell (0, 0) (level 'x')");
  broken = level;
  broken.things = {{{0, 0}, ThingKind::kApple}};
  EXPECT_EQ(error_of_level(broken),
            "a cell can hold one thing, got two in cell (0, 0) (level 'x')");
  broken.things = {{{1, 0}, ThingKind::kGoal}};
  EXPECT_EQ(error_of_level(broken),
            "goals belong into the level's goals, got one among its things in cell (1, 0) (level "
            "'x')");
  broken = level;
  broken.spawns = {{1, 0}};
  broken.things = {{{1, 0}, ThingKind::kSolid}};
  EXPECT_EQ(error_of_level(broken),
            "a spawn must be in a cell without a solid, got one in a solid in cell (1, 0) (level "
            "'x')");
  broken = level;
  broken.rules.spawn_distance_min = -1;
  EXPECT_EQ(error_of_level(broken),
            "rules.spawn_distance_min must be in 0..65535, got -1 (level 'x')");
}

// ---- the built-in levels

TEST(BuiltinLevels, AllAreSoundAndRoundTrip) {
  const std::vector<std::string> names = builtin_level_names();
  EXPECT_EQ(names,
            (std::vector<std::string>{"tiny", "tiny_goal", "i_maze", "static_small", "static_large",
                                      "goal_small", "goal_large", "random_small", "random_large"}));
  for (const std::string& name : names) {
    const Level level = load_builtin(name);
    EXPECT_EQ(level.name, name);
    EXPECT_FALSE(level.description.empty());
    EXPECT_EQ(parse_level(write_level(level), "x"), level);
    EXPECT_EQ(load_level(name), level);
    Layout layout;
    for (std::uint64_t i = 0; i < 50; ++i) {
      draw_layout(level, Key{i}, layout);
      EXPECT_FALSE(layout.spawns.empty());
      for (const Cell cell : layout.spawns) {
        const int distance = layout.goal_distance[layout.grid->index(cell)];
        EXPECT_GT(distance, level.rules.spawn_distance_min);
        EXPECT_LT(distance, kNoWay);
      }
    }
  }
}

int open_cells(const Grid& grid) {
  int open = 0;
  for (int i = 0; i < grid.width * grid.height; ++i) open += int{is_open(grid, i)};
  return open;
}

TEST(BuiltinLevels, SizesEpisodesAndRules) {
  struct Wanted {
    const char* name;
    int width, height, frames;
    std::size_t things;
  };
  for (const Wanted& wanted : {Wanted{"static_small", 10, 5, 3600, 6},
                               {"static_large", 15, 9, 10800, 14},
                               {"goal_small", 10, 5, 3600, 6},
                               {"goal_large", 15, 9, 10800, 14},
                               {"random_small", 10, 5, 3600, 6},
                               {"random_large", 15, 9, 10800, 14}}) {
    const Level level = load_builtin(wanted.name);
    Layout layout;
    draw_layout(level, Key{1}, layout);
    EXPECT_EQ(layout.grid->width, wanted.width) << wanted.name;
    EXPECT_EQ(layout.grid->height, wanted.height) << wanted.name;
    EXPECT_EQ(level.rules.episode_frames, wanted.frames) << wanted.name;
    EXPECT_EQ(layout.things.size(), wanted.things) << wanted.name;
    EXPECT_EQ(level.rules.spawn_distance_min, 4) << wanted.name;
    EXPECT_EQ(level.rules.reward_goal, 10) << wanted.name;
  }
  const Level i_maze = load_builtin("i_maze");
  EXPECT_EQ(open_cells(i_maze.grid), 77);
  EXPECT_EQ(i_maze.goals.size(), 4U);
  EXPECT_EQ(i_maze.rules.episode_frames, 3600);
  EXPECT_TRUE(i_maze.rules.is_goal_random);
}

TEST(BuiltinLevels, FixedMapsAreThoseOfTheirSeeds) {
  struct Made {
    const char* name;
    GeneratorOptions options;
    bool has_fruit;
  };
  for (const Made& made :
       {Made{"tiny", {.width = 4, .height = 4, .openings = 0.1F, .seed = 11}, true},
        {"static_small",
         {.width = 10, .height = 5, .openings = 0.05F, .rooms = 1, .seed = 613},
         true},
        {"static_large",
         {.width = 15, .height = 9, .openings = 0.03F, .rooms = 2, .seed = 338},
         true},
        {"goal_small",
         {.width = 10, .height = 5, .openings = 0.1F, .rooms = 1, .seed = 356},
         false},
        {"goal_large",
         {.width = 15, .height = 9, .openings = 0.05F, .rooms = 2, .seed = 140},
         false}}) {
    const Level level = load_builtin(made.name);
    Level drawn = level;
    drawn.is_generated = true;
    drawn.generator = made.options;
    drawn.goals.clear();
    drawn.things.clear();
    if (made.has_fruit) {
      drawn.rules.fruit_density = 0.1F;
      drawn.rules.strawberry_share = 0.2F;
    }
    finish_level(drawn);
    EXPECT_EQ(level.grid, drawn.grid) << made.name;
    EXPECT_EQ(level.goals, drawn.goals) << made.name;
    EXPECT_EQ(level.things, drawn.things) << made.name;
  }
}

TEST(Docs, TheLevelPageShowsAValidLevelAndEveryKey) {
  const std::string page =
      read_file(std::filesystem::path(CLEW_SOURCE_DIR) / "docs" / "levels.md", 1 << 20);
  const auto begin = page.find("```toml\n") + 8;
  const Level level = parse_level(page.substr(begin, page.find("```", begin) - begin), "levels.md");
  EXPECT_EQ(level.name, "hairpin");
  EXPECT_EQ(level.rules.episode_frames, 1200);
  Rules rules;
  GeneratorOptions generator;
  const Fields of_rules = fields_of(rules), of_generator = fields_of(generator);
  for (const auto& fields : {of_rules, of_generator})
    for (const auto& field : fields.list())
      EXPECT_NE(page.find(concat('`', field.key, '`')), std::string::npos) << field.key;
}

TEST(LoadLevel, NamesPathsAndWhatIsNeither) {
  const auto path = std::filesystem::temp_directory_path() / "clew_level_text_test.toml";
  write_file_atomic(path, cells("*****\n*P G*\n*****\n"));
  EXPECT_EQ(load_level(path.string()).name, "clew_level_text_test");
  write_file_atomic(path, std::string(2 << 20, '*'));
  EXPECT_THROW(load_level(path.string()), Error);
  std::filesystem::remove(path);
  EXPECT_THROW(load_level(path.string()), Error);
  try {
    load_level("static_smal");
    FAIL();
  } catch (const UsageError& error) {
    EXPECT_EQ(
        std::string(error.what()),
        "a level must be a file or one of tiny, tiny_goal, i_maze, static_small, static_large, "
        "goal_small, goal_large, random_small, random_large, got 'static_smal'; did you mean "
        "'static_small'?");
  }
  EXPECT_THROW(load_builtin("nothing"), UsageError);
}

}  // namespace level_text_test
}  // namespace clew::maze
