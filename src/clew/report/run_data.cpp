// SPDX-License-Identifier: Apache-2.0
#include "clew/report/run_data.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdlib>
#include <limits>
#include <nlohmann/json.hpp>
#include <set>
#include <span>
#include <system_error>
#include <utility>

#include "clew/core/error.h"
#include "clew/core/files.h"
#include "clew/image/files.h"
#include "clew/runs/gallery.h"
#include "clew/runs/json_file.h"

namespace clew::report {
namespace {

using runs::JsonFile, runs::Value, runs::parse_json;
using Json = nlohmann::json;

constexpr double kNone = std::numeric_limits<double>::quiet_NaN();
constexpr std::uint64_t kLongestFile = std::uint64_t{1} << 30;
constexpr std::size_t kMostPoints = 3000;  // of a curve: more than a screen has columns

// Downsamples to at most kMostPoints rows: last value for positions, sum for weights, mean for
// metrics, weighted where a plot has a weight.
void thin_out(std::map<std::string, std::vector<double>>& columns, const runs::RunAbout& about) {
  const std::size_t rows = columns.empty() ? 0 : columns.begin()->second.size();
  if (rows <= kMostPoints) return;
  std::map<std::string, std::string> weight_names;
  std::set<std::string> counts;
  for (const auto& plot : about.plots) {
    for (const auto& line : plot.lines) {
      if (line.weight.empty() || !columns.contains(line.weight)) continue;
      weight_names[line.metric] = line.weight;
      counts.insert(line.weight);
    }
  }
  const auto before = columns;
  for (auto& [name, column] : columns) {
    const bool is_position = is_position_column(name), is_count = counts.contains(name);
    const auto weight_name = weight_names.find(name);
    const auto* weights =
        weight_name == weight_names.end() ? nullptr : &before.at(weight_name->second);
    std::vector<double> thin(kMostPoints, kNone);
    for (std::size_t i = 0; i < kMostPoints; ++i) {
      const std::size_t first = i * rows / kMostPoints, last = (i + 1) * rows / kMostPoints;
      double sum = 0, total = 0;
      for (std::size_t row = first; row < last; ++row) {
        if (std::isnan(column[row])) continue;
        const double weight = weights != nullptr && (*weights)[row] > 0 ? (*weights)[row] : 1.0;
        sum = is_position ? column[row] : sum + weight * column[row];
        total += weight;
      }
      if (total > 0) thin[i] = is_position || is_count ? sum : sum / total;
    }
    column = std::move(thin);
  }
}

// Values rounded to `decimals` decimals (negative: before the point): full precision would triple
// the page. Division by a power of ten gives the double nearest to the decimal number, which is
// then printed short.
Json rounded(const std::vector<double>& values, int decimals = 3) {
  const double scale = std::pow(10.0, std::abs(decimals));
  Json list = Json::array();
  for (const double value : values) {
    if (!std::isfinite(value)) {
      list.push_back(nullptr);
    } else {
      list.push_back(decimals >= 0 ? std::round(value * scale) / scale
                                   : std::round(value / scale) * scale);
    }
  }
  return list;
}

// Values rounded to four digits of the largest.
Json significant(const std::vector<double>& values) {
  double largest = 0;
  for (const double value : values)
    if (std::isfinite(value)) largest = std::max(largest, std::fabs(value));
  return rounded(values, largest > 0 ? 3 - static_cast<int>(std::floor(std::log10(largest))) : 0);
}

bool is_colour(const std::string& text) {
  return text.size() == 7 && text[0] == '#' &&
         text.find_first_not_of("0123456789abcdefABCDEF", 1) == std::string::npos;
}

bool is_kind(const std::string& text) {
  constexpr std::array<std::string_view, 6> kKinds = {"goal",  "apple", "strawberry",
                                                      "lemon", "fungi", "solid"};
  return std::find(kKinds.begin(), kKinds.end(), text) != kKinds.end();
}

Json read_grid(const Value& grid) {
  const int width = grid.at("width").integer(1, 255), height = grid.at("height").integer(1, 255);
  const auto cells = static_cast<std::size_t>(width) * static_cast<std::size_t>(height);
  Json walls = Json::array(), colours = nullptr;
  for (const double wall : grid.at("walls").numbers(cells, {0, 15}))
    walls.push_back(static_cast<int>(wall));
  if (const auto list = grid.find("wall_colors")) {
    colours = Json::array();
    for (const Value& colour : list->items(cells * 4)) {
      colours.push_back(colour.string(is_colour, "a colour such as \"#a0b1c2\""));
    }
  }
  return {{"width", width}, {"height", height}, {"walls", walls}, {"colours", colours}};
}

// Depth classes of each frame as 64 digits.
Json read_depth(const Value& frames, std::size_t most) {
  Json list = Json::array();
  const std::vector<Value> items = frames.items();
  if (items.size() > most) frames.fail(concat("a list of at most ", most, " frames"));
  for (const Value& frame : items) {
    std::string digits;
    for (const double depth : frame.numbers(64, {0, 7}))
      digits += std::isnan(depth) ? '-' : static_cast<char>('0' + static_cast<int>(depth));
    list.push_back(digits);
  }
  return list;
}

std::string base64(std::span<const std::uint8_t> bytes) {
  constexpr std::string_view kDigits =
      "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  std::string text;
  text.reserve((bytes.size() + 2) / 3 * 4);
  for (std::size_t i = 0; i < bytes.size(); i += 3) {
    const std::size_t left = std::min<std::size_t>(3, bytes.size() - i);
    std::uint32_t group = std::uint32_t{bytes[i]} << 16;
    if (left > 1) group |= std::uint32_t{bytes[i + 1]} << 8;
    if (left > 2) group |= bytes[i + 2];
    for (std::size_t digit = 0; digit < 4; ++digit)
      text += digit <= left ? kDigits[group >> (18 - 6 * digit) & 63] : '=';
  }
  return text;
}

struct Picture {
  std::string uri;
  int width = 0, height = 0;
};

// Frame sheet as a data URI; large ones as JPEG, a tenth of the bytes.
Picture read_picture(const std::filesystem::path& path) {
  constexpr std::size_t kLargest = std::size_t{1} << 20;
  const std::string text = read_file(path, kLongestFile);
  const std::span<const std::uint8_t> file(reinterpret_cast<const std::uint8_t*>(text.data()),
                                           text.size());
  const image::Image picture = image::decode(file, path.string());
  Picture result{.uri = {}, .width = picture.width, .height = picture.height};
  if (file.size() <= kLargest && text.starts_with("\x89PNG")) {
    result.uri = "data:image/png;base64," + base64(file);
  } else {
    const auto jpeg = image::encode(picture, {.format = image::Format::kJpeg, .quality = 88});
    result.uri = "data:image/jpeg;base64," + base64(jpeg);
  }
  return result;
}

constexpr int kTileColumns = 20;
constexpr std::size_t kMostGalleryPictures = 16;

struct TraceReader {
  std::filesystem::path folder;
  Budget& budget;
  std::vector<std::string>& notes;
  bool has_level_grid = false;

  Json episode(const Value& value) {
    const std::vector<double> x = value.at("x").numbers(std::nullopt, {-1, 256});
    const std::size_t steps = x.size();
    if (steps == 0) value.at("x").fail("a list of at least 1");
    Json out;
    const auto grid = value.find("grid");
    if (!grid && !has_level_grid) value.fail("an object with \"grid\", or the file must have one");
    out["grid"] = grid ? read_grid(*grid) : Json();
    out["x"] = rounded(x);
    out["y"] = rounded(value.at("y").numbers(steps, {-1, 256}));
    out["heading"] = rounded(value.at("heading").numbers(steps, {-1, 2}));
    out["value"] = significant(value.at("value").numbers(steps));
    out["reward"] = significant(value.at("reward").numbers(steps));
    Json events = Json::array();
    for (const double event : value.at("event").numbers(steps, {0, 255}))
      events.push_back(std::isnan(event) ? 0 : static_cast<int>(event));
    out["event"] = events;
    out["things"] = Json::array();
    if (const auto things = value.find("things"))
      for (const Value& thing : things->items()) out["things"].push_back(read_thing(thing));
    for (const char* name : {"loop_probability", "loop_true"}) {
      const auto list = value.find(name);
      out[name] = list ? rounded(list->numbers(steps, {0, 1})) : Json();
    }
    for (const char* name : {"depth_true", "depth_predicted"}) {
      const auto list = value.find(name);
      out[name] = list ? read_depth(*list, steps) : Json();
    }
    read_frames(value, steps, out);
    return out;
  }

 private:
  static Json read_thing(const Value& thing) {
    const std::string kind =
        thing.at("kind").string(is_kind, "goal, apple, strawberry, lemon, fungi or solid");
    return {{"x", thing.at("x").number({-1, 256})},
            {"y", thing.at("y").number({-1, 256})},
            {"kind", kind}};
  }

  void read_frames(const Value& value, std::size_t steps, Json& out) {
    out["sheet"] = nullptr;
    out["frames"] = 0;
    out["tile"] = 0;
    const auto name = value.find("frame_sheet");
    if (!name) return;
    const std::filesystem::path file = name->string();
    // Only files of the trace's own folder, so that a page cannot leak others.
    if (file.has_parent_path() || file.empty() || file == "..")
      name->fail("the name of a file in the run folder");
    const int frames =
        value.at("frames").integer(1, static_cast<int>(std::min<std::size_t>(steps, 1000000)));
    if (!path_exists(folder / file)) {
      notes.push_back(
          concat("The frames of one episode are left out: ", file.string(), " is missing."));
      return;
    }
    Picture picture = read_picture(folder / file);
    const int rows = (frames + kTileColumns - 1) / kTileColumns,
              tile = picture.width / kTileColumns;
    CLEW_CHECK(tile >= 1 && picture.width % kTileColumns == 0 && picture.height >= rows * tile,
               (folder / file).string(), ": a sheet of ", frames, " frames must be ", kTileColumns,
               " square tiles wide and ", rows, " high, got ", picture.width, "x", picture.height,
               " pixels");
    const auto bytes = static_cast<std::int64_t>(picture.uri.size());
    if (bytes > budget.picture_bytes) {
      notes.push_back(concat("The frames in ", file.string(),
                             " are left out: with them the page would be too large."));
      return;
    }
    budget.picture_bytes -= bytes;
    out["sheet"] = std::move(picture.uri);
    out["frames"] = frames;
    out["tile"] = tile;
  }
};

void read_trace(const std::filesystem::path& path, RunData& run, Budget& budget) {
  const JsonFile file = parse_json(path.string(), read_file(path, kLongestFile));
  const Value root(file);
  const auto grid = root.find("grid");
  Json trace = {{"seconds_per_step", root.at("seconds_per_step").number({1e-4, 10})},
                {"fov_degrees", root.maybe_number("fov_degrees", {1, 179}).value_or(90)},
                {"grid", grid ? read_grid(*grid) : Json()},
                {"episodes", Json::array()}};
  TraceReader reader{run.folder, budget, run.notes, grid.has_value()};
  std::size_t left_out = 0;
  for (const Value& episode : root.at("episodes").items()) {
    if (budget.episodes == 0) {
      ++left_out;
      continue;
    }
    --budget.episodes;
    trace["episodes"].push_back(reader.episode(episode));
  }
  if (left_out > 0)
    run.notes.push_back(concat(
        left_out, " episodes of the trace are left out: with them the page would be too large."));
  if (!trace["episodes"].empty()) run.trace = trace.dump();
}

/// Pictures as data URIs, within the budget.
void take_pictures(const std::vector<runs::Pictures>& gallery, RunData& run, Budget& budget) {
  std::size_t left_out = 0;
  for (const auto& pictures : gallery) {
    GalleryItem item{.title = pictures.title, .caption = pictures.caption};
    // Evenly spaced if too many, with the first and the last.
    const auto count = pictures.files.size();
    const std::size_t most = std::min(count, kMostGalleryPictures);
    for (std::size_t i = 0; i < most; ++i) {
      const std::size_t at = most < 2 ? 0 : i * (count - 1) / (most - 1);
      Picture picture;
      try {
        picture = read_picture(run.folder / pictures.files[at]);
      } catch (const Error& error) {
        run.notes.push_back(concat("A picture is left out: ", error.what(), "."));
        continue;
      }
      const auto bytes = static_cast<std::int64_t>(picture.uri.size());
      if (bytes > budget.picture_bytes) {
        ++left_out;
        continue;
      }
      budget.picture_bytes -= bytes;
      item.pictures.emplace_back(pictures.labels[at], picture.uri);
    }
    if (!item.pictures.empty()) run.gallery.push_back(std::move(item));
  }
  if (left_out > 0)
    run.notes.push_back(
        concat(left_out, " pictures are left out: with them the page would be too large."));
}

}  // namespace

bool is_position_column(const std::string& name) {
  return name == "step" || name == "frames" || name == "seconds" || name == "epoch";
}

// One row per line of metrics.jsonl. A partial last line is skipped.
std::map<std::string, std::vector<double>> read_columns(const std::filesystem::path& folder) {
  std::map<std::string, std::vector<double>> columns;
  const auto path = folder / "metrics.jsonl";
  if (!path_exists(path)) return columns;
  const std::string text = read_file(path, kLongestFile);
  std::size_t begin = 0, rows = 0;
  for (int number = 1; begin < text.size(); ++number) {
    const std::size_t newline = text.find('\n', begin);
    const bool is_last = newline == std::string::npos;
    std::string line = text.substr(begin, is_last ? std::string::npos : newline - begin);
    if (is_last && !Json::accept(line)) break;
    begin = is_last ? text.size() : newline + 1;
    const runs::JsonFile file = runs::parse_json(concat(path.string(), ":", number), line);
    const Value object(file);
    (void)object.at("step").number({.min = 0});
    ++rows;
    for (const std::string& name : object.keys()) {
      auto& column = columns[name];
      column.resize(rows, kNone);
      column.back() = object.maybe_number(name).value_or(kNone);
    }
  }
  for (auto& [name, column] : columns) column.resize(rows, kNone);
  return columns;
}

RunData read_run(const std::filesystem::path& folder, Budget& budget) {
  const bool is_there = path_exists(folder);
  std::error_code error;
  CLEW_CHECK(is_there && std::filesystem::is_directory(folder, error), folder.string(),
             " must be a run folder, got ", is_there ? "a file" : "nothing: it does not exist");
  CLEW_CHECK(path_exists(folder / "config.toml"), folder.string(),
             " must be a run folder, but it has no config.toml; `clew train` makes run folders");
  RunData run;
  run.folder = folder;
  // Named by the last two components of "runs/navigate/static_small/20260101-120000/".
  std::filesystem::path whole = std::filesystem::absolute(folder).lexically_normal();
  if (!whole.has_filename()) whole = whole.parent_path();
  run.name = (whole.parent_path().filename() / whole.filename()).string();
  run.config = read_text(folder / "config.toml", kLongestFile);
  run.about = runs::read_about(folder);
  run.metrics = read_columns(folder);
  thin_out(run.metrics, run.about);
  run.evaluation = runs::read_evaluation(folder);
  take_pictures(runs::read_gallery(folder), run, budget);
  if (run.evaluation) take_pictures(run.evaluation->pictures, run, budget);
  if (path_exists(folder / "trace.json")) read_trace(folder / "trace.json", run, budget);
  return run;
}

}  // namespace clew::report
