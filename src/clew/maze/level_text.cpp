// SPDX-License-Identifier: Apache-2.0
#include "clew/maze/level_text.h"

#include <algorithm>
#include <array>
#include <filesystem>
#include <optional>

#include "clew/core/config.h"
#include "clew/core/error.h"
#include "clew/core/files.h"
#include "clew/core/text.h"
#include "clew/maze/builtin_levels.h"
#include "clew/maze/level_detail.h"
#include "clew/maze/paths.h"

namespace clew::maze {
namespace {

struct Letter {
  char letter;
  ThingKind kind;
};
constexpr Letter kThingLetters[] = {{'A', ThingKind::kApple},
                                    {'S', ThingKind::kStrawberry},
                                    {'L', ThingKind::kLemon},
                                    {'F', ThingKind::kFungi},
                                    {'O', ThingKind::kSolid}};

std::optional<ThingKind> thing_of(char letter) {
  for (const Letter& known : kThingLetters)
    if (known.letter == letter) return known.kind;
  return std::nullopt;
}

std::string quoted(char c) {
  const auto byte = static_cast<unsigned char>(c);
  if (byte >= 0x20 && byte < 0x7f) return {'\'', c, '\''};
  constexpr std::string_view kHex = "0123456789abcdef";
  return {'b', 'y', 't', 'e', ' ', '0', 'x', kHex[byte >> 4], kHex[byte & 15]};
}

std::string stem_of(const std::string& file) { return std::filesystem::path(file).stem().string(); }

/// Rows of a map, with their positions in the file.
struct MapText {
  std::string file;
  std::vector<std::string_view> rows = {};
  std::vector<int> lines = {};  // of the file, from 1; one per row
  int first_line = 1,
      first_column = 1;  // of the file, where the first row begins; later rows begin at 1
  bool is_exact = true;  // false: characters of the map are not those of the file

  [[noreturn]] void fail(std::size_t row, std::size_t column, const std::string& text) const {
    if (is_exact) {
      const int line = lines.empty() ? first_line : lines[std::min(row, lines.size() - 1)];
      const auto start = static_cast<std::size_t>(row == 0 ? first_column : 1);
      throw UsageError(concat(file, ':', line, ':', column + start, ": ", text));
    }
    throw UsageError(concat(file, ':', lines.empty() ? first_line : lines[0], ':', first_column,
                            ": ", text, " (row ", row + 1, ", column ", column + 1,
                            " of the map)"));
  }
};

/// Splits `text` into rows, without empty rows at both ends, or without any if `skips_empty`.
void cut_rows(std::string_view text, int first_line, bool skips_empty, MapText& map) {
  int line = map.first_line = first_line;
  while (!text.empty()) {
    const auto end = std::min(text.find('\n'), text.size());
    std::string_view row = text.substr(0, end);
    text.remove_prefix(std::min(end + 1, text.size()));
    if (row.ends_with('\r')) row.remove_suffix(1);
    if (!row.empty() || (!skips_empty && !map.rows.empty())) {
      if (map.rows.empty() && line != first_line) map.first_column = 1;
      map.rows.push_back(row);
      map.lines.push_back(line);
    }
    ++line;
  }
  while (!map.rows.empty() && map.rows.back().empty()) {
    map.rows.pop_back();
    map.lines.pop_back();
  }
}

/// Converts rows of equal length with a closed border to a level's grid, spawns, goals and things.
class MapReader {
 public:
  MapReader(const MapText& map, Reading reading, bool is_lenient, Level& level)
      : map_(map), reading_(reading), is_lenient_(is_lenient), level_(level) {}

  void read() {
    check_size();
    check_border();
    read_cells();
    read_walls();
  }
  /// Fails with the file position of `cell`.
  [[noreturn]] void fail_at(Cell cell, const std::string& text) const {
    const int scale = is_thin() ? 2 : 1, offset = is_thin() ? 1 : 0;
    map_.fail(cell.y * scale + offset, cell.x * scale + offset, text);
  }

 private:
  bool is_thin() const { return reading_ == Reading::kThinWalls; }
  char at(int row, int column) const { return map_.rows[row][column]; }

  void check_size() const {
    const std::size_t height = map_.rows.size();
    if (height == 0) map_.fail(0, 0, "a map must have rows, got none");
    const std::size_t width = map_.rows[0].size(), limit = is_thin() ? 511 : 255;
    if (width < 3 || width > limit)
      map_.fail(0, 0, concat("a map must be 3..", limit, " characters wide, got ", width));
    if (height < 3 || height > limit)
      map_.fail(0, 0, concat("a map must be 3..", limit, " rows high, got ", height));
    for (std::size_t row = 0; row < height; ++row) {
      if (map_.rows[row].size() != width)
        map_.fail(row, std::min(width, map_.rows[row].size()),
                  concat("all rows must be as long as the first, ", width, ", got ",
                         map_.rows[row].size()));
    }
    if (is_thin() && width % 2 == 0)
      map_.fail(0, 0,
                concat("a map with thin walls must have an odd number of columns, got ", width));
    if (is_thin() && height % 2 == 0)
      map_.fail(0, 0,
                concat("a map with thin walls must have an odd number of rows, got ", height));
  }

  void check_border() const {
    const std::size_t height = map_.rows.size(), width = map_.rows[0].size();
    for (std::size_t row = 0; row < height; ++row)
      for (std::size_t column = 0; column < width; ++column) {
        const bool is_border = row == 0 || column == 0 || row + 1 == height || column + 1 == width;
        if (is_border && map_.rows[row][column] != '*')
          map_.fail(
              row, column,
              concat("the border must be closed ('*'), got ", quoted(map_.rows[row][column])));
      }
  }

  void read_cells() {
    Grid& grid = level_.grid;
    grid.width = static_cast<int>(is_thin() ? map_.rows[0].size() / 2 : map_.rows[0].size());
    grid.height = static_cast<int>(is_thin() ? map_.rows.size() / 2 : map_.rows.size());
    const auto cells = static_cast<std::size_t>(grid.width) * grid.height;
    grid.walls.assign(cells, 0);
    const int height = static_cast<int>(map_.rows.size());
    const int width = static_cast<int>(map_.rows[0].size());
    for (int row = 0; row < height; ++row)
      for (int column = 0; column < width; ++column) {
        const bool is_cell = !is_thin() || (row % 2 == 1 && column % 2 == 1);
        const int x = is_thin() ? column / 2 : column, y = is_thin() ? row / 2 : row;
        read_letter(row, column, is_cell,
                    {static_cast<std::int16_t>(x), static_cast<std::int16_t>(y)});
      }
  }

  void read_letter(int row, int column, bool is_cell, Cell cell) {
    const char letter = at(row, column);
    if (letter == ' ' || letter == 'H' || letter == 'I') return;
    if (letter == '*') {
      if (is_cell) level_.grid.walls[level_.grid.index(cell)] = 15;
      return;
    }
    const std::optional<ThingKind> kind = thing_of(letter);
    if (letter != 'P' && letter != 'G' && !kind) {
      const auto byte = static_cast<unsigned char>(letter);
      if (is_lenient_ && byte > 0x20 && byte < 0x7f) return;
      map_.fail(row, column,
                concat("a map must consist of '*', ' ' and the letters P G A S L F O H I, got ",
                       quoted(letter)));
    }
    if (!is_cell)
      map_.fail(row, column,
                concat("between cells there must be '*' or ' ', got ", quoted(letter)));
    if (letter == 'P') {
      level_.spawns.push_back(cell);
    } else if (letter == 'G') {
      level_.goals.push_back(cell);
    } else {
      if (level_.things.size() + 1 >= kMaxThings)
        map_.fail(row, column,
                  concat("a level can hold ", kMaxThings,
                         " things (the goal, fruit and solids), got one more"));
      level_.things.push_back({cell, *kind});
    }
  }

  void read_walls() {
    Grid& grid = level_.grid;
    for (int y = 0; y < grid.height; ++y)
      for (int x = 0; x < grid.width; ++x) {
        const Cell cell{static_cast<std::int16_t>(x), static_cast<std::int16_t>(y)};
        for (const Side side : {kNorth, kEast, kSouth, kWest}) {
          const Cell next = neighbour(cell, side);
          bool has_wall = !grid.contains(next) || is_solid(cell) || is_solid(next);
          if (is_thin()) has_wall = has_wall || at(y + next.y + 1, x + next.x + 1) == '*';
          if (has_wall) grid.walls[grid.index(cell)] |= static_cast<std::uint8_t>(1 << side);
        }
      }
  }
  bool is_solid(Cell cell) const {
    return is_thin() ? at(cell.y * 2 + 1, cell.x * 2 + 1) == '*' : at(cell.y, cell.x) == '*';
  }

  const MapText& map_;
  Reading reading_;
  bool is_lenient_;
  Level& level_;
};

/// Field list of a level file.
struct LevelFile {
  std::string name = {}, description = {};
  std::uint64_t look_seed = 1;
  Reading reading = Reading::kCells;
  std::string map = {};
  Rules rules = {};
  GeneratorOptions generator = {};

  void fields(Fields& v) {
    v("name", name, {.help = "what `clew levels` calls it; the file's name when not given"});
    v("description", description, {.help = "one sentence"});
    v("look_seed", look_seed, {.help = "draws which textures go where"});
    v("reading", reading, {.help = "what the characters of the map are"});
    v("map", map, {.help = "the maze as text; else give a [generator]"});
    v.group("rules", rules);
    v.group("generator", generator);
  }
};

/// True if `raw` begins with `value`, ignoring carriage returns.
bool starts_with_text(std::string_view raw, std::string_view value) {
  std::size_t at = 0;
  for (const char c : value) {
    if (c == '\r') continue;
    while (at < raw.size() && raw[at] == '\r') ++at;
    if (at == raw.size() || raw[at++] != c) return false;
  }
  return true;
}

/// Positions of the characters of the string `map` in the file.
MapText locate_map(std::string_view text, const std::string& file, const ConfigTree::Entry& entry,
                   std::string_view value) {
  MapText map{.file = file, .first_column = static_cast<int>(entry.column)};
  auto line = static_cast<int>(entry.line);
  std::string_view rest = text;
  for (int i = 1; i < line; ++i) rest.remove_prefix(std::min(rest.find('\n'), rest.size() - 1) + 1);
  rest.remove_prefix(std::min<std::size_t>(entry.column - 1, rest.size()));
  const bool is_multi_line = rest.starts_with("\"\"\"") || rest.starts_with("'''");
  if (is_multi_line) rest.remove_prefix(3);
  const std::size_t newline = !is_multi_line             ? 0
                              : rest.starts_with("\r\n") ? 2
                              : rest.starts_with('\n')   ? 1
                                                         : 0;
  rest.remove_prefix(newline);
  // An escape sequence would shift the following positions.
  map.is_exact = is_multi_line && starts_with_text(rest, value);
  if (map.is_exact) {
    map.first_column = newline > 0 ? 1 : map.first_column + 3;
    cut_rows(value, line + int{newline > 0}, false, map);
  } else {
    cut_rows(value, line, false, map);
    map.lines.assign(map.lines.size(), line);
    map.first_column = static_cast<int>(entry.column);
  }
  return map;
}

Level level_of(const LevelFile& file, const std::string& path) {
  Level level;
  level.name = file.name.empty() ? stem_of(path) : file.name;
  level.description = file.description;
  level.rules = file.rules;
  level.generator = file.generator;
  level.look_seed = file.look_seed;
  return level;
}

Level parse_toml_level(std::string_view text, const std::string& path) {
  const ConfigTree tree = parse_toml(text, path);
  const bool has_generator = std::ranges::any_of(tree.entries, [](const ConfigTree::Entry& entry) {
    return entry.key == "generator" || entry.key.starts_with("generator.");
  });
  const ConfigTree::Entry* const map_entry = tree.find("map");

  // The loader's messages have source:line; levels add the column.
  ConfigTree placed = tree;
  for (ConfigTree::Entry& said : placed.entries) {
    said.source = concat(path, ':', said.line);
    said.line = said.column;
  }
  LevelFile file;
  load(file, placed);
  const auto place_of = [&](const std::string& key) {
    const ConfigTree::Entry* said = placed.find(key);
    if (said == nullptr && key == "generator.room_max") said = placed.find("generator.room_min");
    return said != nullptr ? said->where() : concat(path, ":1:1");
  };
  if (map_entry && has_generator)
    throw UsageError(
        concat(place_of("map"), ": a level must have a map or a [generator], got both"));
  if (!map_entry && !has_generator)
    throw UsageError(concat(path, ":1:1: a level must have a map or a [generator], got neither"));

  Level level = level_of(file, path);
  level.is_generated = has_generator;
  MapText map;
  if (map_entry) map = locate_map(text, path, *map_entry, file.map);
  MapReader reader(map, file.reading, false, level);
  if (map_entry) reader.read();
  if (const auto fault = finish_or_fault(level)) {
    if (fault->cell && map_entry) reader.fail_at(*fault->cell, fault->text);
    throw UsageError(concat(place_of(fault->key), ": ", fault->text));
  }
  return level;
}

/// Fills unreachable cells with walls, and fails where the border is reachable.
void close_unreachable(const MapText& map, std::vector<std::string>& rows) {
  const int height = static_cast<int>(rows.size()), width = static_cast<int>(rows[0].size());
  std::vector<int> queue;
  std::vector<std::uint8_t> is_reached(static_cast<std::size_t>(height) * width);
  const auto start_at = [&](const auto& is_start) {
    for (int i = 0; i < height * width; ++i)
      if (is_start(rows[i / width][i % width])) {
        queue.push_back(i);
        is_reached[i] = 1;
      }
  };
  start_at([](char c) { return c == 'P'; });
  if (queue.empty()) start_at([](char c) { return c == 'G'; });
  if (queue.empty()) start_at([](char c) { return c != '*'; });
  for (std::size_t head = 0; head < queue.size(); ++head) {
    const int row = queue[head] / width, column = queue[head] % width;
    if (row == 0 || column == 0 || row + 1 == height || column + 1 == width)
      map.fail(row, column,
               concat("the border must be closed ('*'), got ", quoted(rows[row][column]),
                      " where a player can go"));
    for (const int next :
         {queue[head] - width, queue[head] + 1, queue[head] + width, queue[head] - 1}) {
      if (is_reached[next] != 0 || rows[next / width][next % width] == '*') continue;
      is_reached[next] = 1;
      queue.push_back(next);
    }
  }
  for (int i = 0; i < height * width; ++i) {
    char& letter = rows[i / width][i % width];
    if (is_reached[i] != 0) continue;
    if (letter == 'G')
      map.fail(i / width, i % width,
               "a goal must be reachable from a spawn ('P'), got one without a way");
    letter = '*';
  }
}

void check_size(std::string_view text, const std::string& file) {
  if (text.size() > kMaxLevelBytes)
    throw UsageError(concat(file, ":1:1: a level must be at most ", kMaxLevelBytes,
                            " bytes long, got ", text.size()));
}

bool is_bare_grid(std::string_view text) {
  while (!text.empty()) {
    const auto end = std::min(text.find('\n'), text.size());
    const std::string_view line = text.substr(0, end);
    if (line.find_first_not_of(" \t\r") != std::string_view::npos)
      return line.find_first_of("=[#") == std::string_view::npos;
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  return false;
}

std::vector<std::string> names_of(std::span<const BuiltinLevel> levels) {
  std::vector<std::string> names;
  for (const BuiltinLevel& level : levels) names.emplace_back(level.name);
  return names;
}

[[noreturn]] void fail_unknown(std::string_view name) {
  const std::vector<std::string> names = builtin_level_names();
  std::string list;
  for (const std::string& known : names) list += (list.empty() ? "" : ", ") + known;
  throw UsageError(concat("a level must be a file or one of ", list, ", got '", name, "'",
                          did_you_mean(name, names)));
}

}  // namespace

Level parse_level(std::string_view text, const std::string& file) {
  text = without_bom(text);
  check_size(text, file);
  return is_bare_grid(text) ? parse_grid(text, file) : parse_toml_level(text, file);
}

Level parse_grid(std::string_view text, const std::string& file, Reading reading) {
  text = without_bom(text);
  check_size(text, file);
  MapText map{.file = file};
  cut_rows(text, 1, true, map);
  std::size_t width = 0;
  for (const std::string_view row : map.rows) width = std::max(width, row.size());
  // Before padding, so that one long row cannot enlarge many short ones.
  const std::size_t limit = reading == Reading::kThinWalls ? 511 : 255;
  if (width < 3 || width > limit || map.rows.size() < 3 || map.rows.size() > limit)
    map.fail(0, 0,
             concat("a grid must have 3..", limit, " rows of 3..", limit, " characters, got ",
                    map.rows.size(), " of ", width));
  std::vector<std::string> rows;
  for (const std::string_view row : map.rows) {
    rows.emplace_back(row);
    rows.back().resize(width, '*');
  }
  close_unreachable(map, rows);
  for (std::size_t i = 0; i < rows.size(); ++i) map.rows[i] = rows[i];

  Level level;
  level.name = stem_of(file);
  MapReader reader(map, reading, true, level);
  reader.read();
  level.rules.is_goal_random = level.goals.size() != 1;
  if (const auto fault = finish_or_fault(level)) {
    if (fault->cell) reader.fail_at(*fault->cell, fault->text);
    map.fail(0, 0, fault->text);
  }
  return level;
}

std::string write_map(const Level& level) {
  const Grid& grid = level.grid;
  const int width = grid.width * 2 + 1, height = grid.height * 2 + 1;
  std::vector<std::string> rows(height, std::string(width, ' '));
  for (int y = 0; y < grid.height; ++y)
    for (int x = 0; x < grid.width; ++x) {
      const Cell cell{static_cast<std::int16_t>(x), static_cast<std::int16_t>(y)};
      const int row = 2 * y + 1, column = 2 * x + 1;
      if (!is_open(grid, grid.index(cell))) rows[row][column] = '*';
      // A wall with its posts.
      const auto build = [&](int dy, int dx) {
        for (int i = -1; i <= 1; ++i)
          (dy != 0 ? rows[row + dy][column + i] : rows[row + i][column + dx]) = '*';
      };
      if (grid.has_wall(cell, kNorth)) build(-1, 0);
      if (grid.has_wall(cell, kSouth)) build(1, 0);
      if (grid.has_wall(cell, kEast)) build(0, 1);
      if (grid.has_wall(cell, kWest)) build(0, -1);
    }
  const auto put = [&](Cell cell, char letter) { rows[2 * cell.y + 1][2 * cell.x + 1] = letter; };
  for (const Cell cell : level.spawns) put(cell, 'P');
  for (const Thing& thing : level.things)
    for (const Letter& known : kThingLetters)
      if (known.kind == thing.kind) put(thing.cell, known.letter);
  for (const Cell cell : level.goals) put(cell, 'G');
  std::string out;
  for (const std::string& row : rows) out += row + '\n';
  return out;
}

std::string write_level(const Level& level) {
  LevelFile file{.name = level.name,
                 .description = level.description,
                 .look_seed = level.look_seed,
                 .reading = Reading::kThinWalls,
                 .map = "",
                 .rules = level.rules,
                 .generator = level.generator};
  std::string out = dump_toml(file);
  const auto map = out.find("\nreading = ") + 1;
  const auto rules = out.find("\n[rules]");
  const auto generator = out.find("\n[generator]");
  CLEW_ASSERT(map < rules && rules < generator);
  if (level.is_generated) {
    out.erase(map, rules - map);
  } else {
    out.erase(generator);
    out.replace(map, rules - map,
                "reading = \"thin_walls\"\nmap = \"\"\"\n" + write_map(level) + "\"\"\"\n");
  }
  CLEW_CHECK(out.size() <= kMaxLevelBytes && parse_level(out, level.name) == level, "level '",
             level.name, "' must be one that a level file can say to be written, got another");
  return out;
}

std::vector<std::string> builtin_level_names() { return names_of(builtin_levels()); }

Level load_builtin(std::string_view name) {
  for (const BuiltinLevel& level : builtin_levels())
    if (name == level.name) return parse_level(level.text, concat(name, ".toml"));
  fail_unknown(name);
}

Level load_level(const std::string& path_or_name) {
  for (const BuiltinLevel& level : builtin_levels())
    if (path_or_name == level.name) return load_builtin(path_or_name);
  const std::filesystem::path path(path_or_name);
  std::error_code error;
  if (!std::filesystem::exists(path, error) && !path.has_extension() && !path.has_parent_path())
    fail_unknown(path_or_name);
  return parse_level(read_text(path, kMaxLevelBytes), path_or_name);
}

}  // namespace clew::maze
