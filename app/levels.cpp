// SPDX-License-Identifier: Apache-2.0
// clew levels: lists built-in levels; draws a map of a level.
#include <CLI/CLI.hpp>
#include <filesystem>
#include <iostream>
#include <memory>
#include <string>

#include "bench/bench.h"
#include "clew/core/error.h"
#include "clew/core/key.h"
#include "clew/image/files.h"
#include "clew/maze/draw.h"
#include "clew/maze/layout.h"
#include "clew/maze/level_text.h"
#include "command.h"
#include "settings.h"
#include "terminal.h"

namespace clew::app {
namespace {

struct DrawSettings {
  std::int64_t seed = 1, episode = 0;
  int scale = 24;
  bool spawns = false;
  void fields(Fields& v) {
    v("seed", seed, {.min = 0, .help = "of the run whose world 0 is drawn"});
    v("episode", episode, {.min = 0, .help = "of that world: mazes and goals may change with it"});
    v("scale", scale, {.min = 4, .max = 128, .help = "pixels a cell in the PNG"});
    v("spawns", spawns, {.help = "show where the player may appear"});
  }
};

bench::Json describe(const maze::Level& level) {
  const bool is_drawn = level.rules.is_maze_random;
  return {{"name", level.name},
          {"width", is_drawn ? level.generator.width : level.grid.width},
          {"height", is_drawn ? level.generator.height : level.grid.height},
          {"episode_frames", level.rules.episode_frames},
          {"is_maze_random", level.rules.is_maze_random},
          {"is_goal_random", level.rules.is_goal_random},
          {"is_fruit_random", level.rules.is_fruit_random},
          {"description", level.description}};
}

void list_levels(bool is_json) {
  bench::Json levels = bench::Json::array(), rows = bench::Json::array();
  for (const auto& name : maze::builtin_level_names()) {
    levels.push_back(describe(maze::load_builtin(name)));
    const auto& level = levels.back();
    rows.push_back({{"level", name},
                    {"cells", concat(level["width"].get<int>(), 'x', level["height"].get<int>())},
                    {"frames", level["episode_frames"]},
                    {"what", level["description"]}});
  }
  std::cout << (is_json ? json_text(levels) : bench::table_text(rows));
}

void draw_level(const maze::Level& level, const DrawSettings& settings, const std::string& png,
                bool is_text) {
  maze::Layout layout;
  const Key world = fold_in(Key{static_cast<std::uint64_t>(settings.seed)}, 0);
  maze::draw_layout(level, fold_in(world, static_cast<std::uint64_t>(settings.episode)), layout);
  if (is_text || png.empty()) {
    std::cout << level.name << (level.description.empty() ? "" : ": ") << level.description << '\n'
              << maze::map_text(layout, settings.spawns);
  }
  if (png.empty()) return;
  auto map = maze::draw_map(layout, {.scale = settings.scale, .shows_spawns = settings.spawns});
  image::write(png, {.width = map.width, .height = map.height, .pixels = std::move(map.rgb)});
  print_name(png);
}

}  // namespace

void define_levels(CLI::App& command) {
  struct Arguments {
    std::string level, png;
    bool is_text = false, is_json = false;
  };
  auto arguments = std::make_shared<Arguments>();
  command.add_option("LEVEL", arguments->level,
                     "a built-in level or a level file; none: list the built-in ones");
  command.add_option("--png", arguments->png, "draw it into this file");
  command.add_flag("--text", arguments->is_text, "draw it here, also with --png");
  command.add_flag("--json", arguments->is_json, "print what is known of it, or of all, as JSON");
  const auto settings = add_settings<DrawSettings>(command);
  command.callback([arguments, settings] {
    if (arguments->level.empty()) {
      if (arguments->is_text || !arguments->png.empty())
        throw UsageError("--png and --text need a level");
      list_levels(arguments->is_json);
      return;
    }
    if (!arguments->png.empty() && !arguments->png.ends_with(".png")) {
      throw UsageError(
          concat("--png must name a file that ends in .png, got '", arguments->png, "'"));
    }
    const maze::Level level = maze::load_level(arguments->level);
    if (arguments->is_json) {
      std::cout << json_text(describe(level));
    } else {
      draw_level(level, settings(), arguments->png, arguments->is_text);
    }
  });
}

}  // namespace clew::app
