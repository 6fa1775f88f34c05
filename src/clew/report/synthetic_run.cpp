// SPDX-License-Identifier: Apache-2.0
#include "clew/report/synthetic_run.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdio>
#include <deque>
#include <fstream>
#include <nlohmann/json.hpp>
#include <utility>
#include <vector>

#include "clew/core/error.h"
#include "clew/core/key.h"
#include "clew/image/draw.h"
#include "clew/image/files.h"
#include "clew/runs/about.h"
#include "clew/runs/evaluation.h"

namespace clew::report {
namespace {

class Maker {
 public:
  using Json = nlohmann::ordered_json;

  explicit Maker(std::filesystem::path folder, SyntheticOptions options)
      : folder_(std::move(folder)), options_(std::move(options)), stream_(Key{options_.seed}) {}

  std::string config() const {
    return "# resolved by clew train\nlevel = \"" + options_.level +
           "\"\nagent = \"nav+d1+d2+l\"\nseed = 1\n\n[train]\nlr = 5e-4       # learning "
           "rate\nlanes = 64\n";
  }

  runs::Evaluation evaluation() const {
    const double none = std::nan("");
    return {
        .system = "navigate",
        .summary = concat("Over 100 test episodes of ", options_.level, " it scores 84.3."),
        .measures = {{.name = "score", .value = 84.3, .unit = "reward", .larger_is_better = true},
                     {.name = "goal_share", .value = 1, .unit = "share", .larger_is_better = true},
                     {.name = "latency_first", .value = 8.13, .unit = "s"}},
        .tables = {{.title = "Players",
                    .caption = "100 episodes, seed 7.",
                    .row_title = "player",
                    .columns = {{"score", "reward an episode"},
                                {"episodes with a goal", "share"},
                                {"later goals", "s"},
                                {"never", "s"}},
                    .rows = {{.name = "agent",
                              .values = {84.3, 1, 6.42, none},
                              .errors = {1.69, none, none, none}},
                             {.name = "random", .values = {7.4, 0.33, none, none}},
                             {.name = "shortest path", .values = {109, 1, 5.24, none}}},
                    .style = runs::TableStyle::kBars}},
        .curves = {{.title = "Score by goals",
                    .caption = "of the episodes",
                    .x_name = "goals",
                    .y_name = "score",
                    .lines = {{.name = "agent", .x = {0, 1, 2}, .y = {1, none, 21}}}}},
        .references = {{.metric = "score", .name = "random", .value = 7.4},
                       {.metric = "score", .name = "shortest path", .value = 109}}};
  }

  runs::RunAbout about() const {
    return {.title = concat("nav+d1+d2+l on ", options_.level),
            .step_name = "agent steps",
            .notes = {"It is made up."},
            .plots = {{.title = "Score",
                       .unit = "reward an episode",
                       .lines = {{.metric = "score", .name = "agent", .weight = "episodes"}},
                       .place = runs::PlotPlace::kFirst}}};
  }

  static constexpr int kWidth = 10, kHeight = 5, kTile = 84;
  struct Place {
    int x, y;
  };

  std::string metrics() {
    std::string text;
    for (int i = 1; i <= options_.lines; ++i) {
      const double progress = static_cast<double>(i) / options_.lines;
      const double skill = 1 / (1 + std::exp(-10 * (progress - 0.4)));
      const double noise = stream_.uniform_double() - 0.5;
      Json line = {{"step", i * 102400},
                   {"frames", i * 409600},
                   {"seconds", i * 7.5 + noise},
                   {"steps_per_second", 13600 + 900 * noise},
                   {"score", nullptr},
                   {"episodes", 0},
                   {"goals", nullptr}};
      if (i % 9 != 1) {  // no episode ended in some lines
        line["episodes"] = 20;
        line["score"] = 7 + 78 * skill + 14 * noise;
        line["goals"] = 0.4 + 7 * skill + 1.2 * noise;
      }
      line["loss_policy"] = -0.01 + 0.02 * noise;
      line["loss_value"] = 0.6 * (1.1 - skill) + 0.1 * noise * noise + 0.1;
      line["entropy"] = 2.08 - 1.1 * skill + 0.05 * noise;
      if (options_.has_depth) {
        line["loss_depth1"] = 0.35 + 1.6 * std::exp(-8 * progress) + 0.04 * noise;
        line["loss_depth2"] = 0.45 + 1.5 * std::exp(-6 * progress) + 0.05 * noise;
        line["loss_loop"] = 0.3 + 0.35 * std::exp(-4 * progress) + 0.03 * noise;
        line["depth1_accuracy"] = 0.88 - 0.7 * std::exp(-8 * progress) + 0.01 * noise;
        line["depth2_accuracy"] = 0.84 - 0.68 * std::exp(-6 * progress) + 0.01 * noise;
        line["loop_accuracy"] = 0.91 - 0.3 * std::exp(-4 * progress) + 0.02 * noise;
      }
      line["grad_norm"] = 0.8 + 0.6 * std::fabs(noise);
      line["lr"] = 5e-4 * (1 - progress);
      text += line.dump() + "\n";
    }
    return text;
  }

  int walls(int x, int y) const { return walls_[static_cast<std::size_t>(y * kWidth + x)]; }
  static Place ahead(Place p, int side) {
    constexpr std::array<int, 4> kDx = {0, 1, 0, -1}, kDy = {-1, 0, 1, 0};
    return {p.x + kDx[static_cast<std::size_t>(side)], p.y + kDy[static_cast<std::size_t>(side)]};
  }
  static bool inside(Place p) { return p.x >= 0 && p.y >= 0 && p.x < kWidth && p.y < kHeight; }
  void open(Place p, int side) {
    const Place q = ahead(p, side);
    walls_[static_cast<std::size_t>(p.y * kWidth + p.x)] &= ~(1 << side);
    walls_[static_cast<std::size_t>(q.y * kWidth + q.x)] &= ~(1 << (side ^ 2));
  }

  void carve(Place p, std::vector<bool>& seen) {
    seen[static_cast<std::size_t>(p.y * kWidth + p.x)] = true;
    const int first = static_cast<int>(stream_.below(4));
    for (int k = 0; k < 4; ++k) {
      const int side = (first + k * 3) % 4;
      const Place q = ahead(p, side);
      if (!inside(q)) continue;
      if (!seen[static_cast<std::size_t>(q.y * kWidth + q.x)]) {
        open(p, side);
        carve(q, seen);
      } else if (stream_.below(12) == 0) {
        open(p, side);
      }
    }
  }

  // The cells from `from` to `to`, both included.
  std::vector<Place> route(Place from, Place to) const {
    std::vector<int> came(kWidth * kHeight, -1);
    std::deque<Place> queue = {to};
    came[static_cast<std::size_t>(to.y * kWidth + to.x)] = 4;
    while (!queue.empty()) {
      const Place p = queue.front();
      queue.pop_front();
      for (int side = 0; side < 4; ++side) {
        const Place q = ahead(p, side);
        if ((walls(p.x, p.y) >> side & 1) != 0 ||
            came[static_cast<std::size_t>(q.y * kWidth + q.x)] >= 0)
          continue;
        came[static_cast<std::size_t>(q.y * kWidth + q.x)] = side ^ 2;
        queue.push_back(q);
      }
    }
    std::vector<Place> cells = {from};
    while (cells.back().x != to.x || cells.back().y != to.y)
      cells.push_back(ahead(
          cells.back(), came[static_cast<std::size_t>(cells.back().y * kWidth + cells.back().x)]));
    return cells;
  }

  // First wall along a ray, in small steps: distance and colour.
  std::pair<double, std::size_t> cast(double x, double y, double angle) const {
    constexpr double kStep = 0.01;
    const double dx = std::cos(angle) * kStep, dy = std::sin(angle) * kStep;
    for (double far = 0; far < 20; far += kStep) {
      const int cx = static_cast<int>(x), cy = static_cast<int>(y);
      const int nx = static_cast<int>(std::floor(x + dx)),
                ny = static_cast<int>(std::floor(y + dy));
      if (nx != cx) {
        const std::size_t side = nx > cx ? 1 : 3;
        if ((walls(cx, cy) >> side & 1) != 0)
          return {far, static_cast<std::size_t>(cy * kWidth + cx) * 4 + side};
      }
      if (ny != cy) {
        const std::size_t side = ny > cy ? 2 : 0;
        if ((walls(nx, cy) >> side & 1) != 0)
          return {far, static_cast<std::size_t>(cy * kWidth + nx) * 4 + side};
      }
      x += dx;
      y += dy;
    }
    return {20, 0};
  }

  // One frame and its 4x16 depth classes.
  void draw(double x, double y, double turns, std::vector<std::uint8_t>& frame,
            std::vector<int>& depth) const {
    std::vector<std::uint8_t> tile(kTile * kTile * 3);
    depth.assign(64, 0);
    for (int column = 0; column < kTile; ++column) {
      const double offset = std::atan((column + 0.5) / kTile * 2 - 1);
      const auto [far, face] = cast(x, y, turns * 2 * M_PI + offset);
      const double along = std::max(0.05, far * std::cos(offset));
      const double half = kTile / 2.0 / along * 0.9;
      for (int row = 0; row < kTile; ++row) {
        const double height = std::fabs(row + 0.5 - kTile / 2.0);
        auto* pixel = &tile[static_cast<std::size_t>((row * kTile + column) * 3)];
        const double here = height < half ? along : kTile / 2.0 / height * 0.9;
        const double light = 1 / (1 + 0.25 * here);
        for (std::size_t c = 0; c < 3; ++c) {
          const double colour = height < half ? 90 + static_cast<double>((face * 37 + c * 91) % 150)
                                : row < kTile / 2 ? 150.0
                                                  : 110.0 + 20.0 * static_cast<double>(c == 0);
          pixel[c] = static_cast<std::uint8_t>(colour * light);
        }
        if (row % 21 == 10 && column % 5 == 2 && column / 5 < 16)
          depth[static_cast<std::size_t>(row / 21 * 16 + column / 5)] =
              std::clamp(static_cast<int>(std::log2(here + 0.6) * 2.6 + 0.5), 0, 7);
      }
    }
    frame.insert(frame.end(), tile.begin(), tile.end());
  }

  Json trace() {
    walls_.assign(kWidth * kHeight, 15);
    std::vector<bool> seen(kWidth * kHeight);
    carve({0, 0}, seen);
    Json colours = Json::array();
    for (std::size_t face = 0; face < walls_.size() * 4; ++face) {
      std::array<char, 8> text{};
      std::snprintf(text.data(), text.size(), "#%02x%02x%02x",
                    static_cast<unsigned>(90 + face * 37 % 150),
                    static_cast<unsigned>(90 + (face * 37 + 91) % 150),
                    static_cast<unsigned>(90 + (face * 37 + 182) % 150));
      colours.push_back(text.data());
    }
    Json episodes = Json::array();
    for (int i = 0; i < options_.episodes; ++i) episodes.push_back(episode(i));
    return {{"level", options_.level},
            {"seconds_per_step", 0.0667},
            {"fov_degrees", 90},
            {"grid",
             {{"width", kWidth}, {"height", kHeight}, {"walls", walls_}, {"wall_colors", colours}}},
            {"episodes", episodes}};
  }

  Json episode(int number) {
    const Place goal{8, 3};
    std::vector<double> x, y, heading, value, reward, loop, loop_true;
    std::vector<int> event;
    std::vector<std::uint8_t> frames;
    Json depth_true = Json::array(), depth_predicted = Json::array();
    const std::vector<Place> fruit = {{2, 1}, {5, 3}, {6, 0}};
    std::vector<bool> visited(kWidth * kHeight);
    double turns = 0;
    while (static_cast<int>(x.size()) < options_.steps) {
      Place start{static_cast<int>(stream_.below(4)), static_cast<int>(stream_.below(kHeight))};
      const auto cells = route(start, goal);
      std::vector<bool> eaten(fruit.size());
      for (std::size_t k = 0; k + 1 < cells.size(); ++k) {
        constexpr int kSteps = 6;
        for (int s = 0; s < kSteps && static_cast<int>(x.size()) < options_.steps; ++s) {
          const double share = static_cast<double>(s) / kSteps;
          const double px = cells[k].x + 0.5 + (cells[k + 1].x - cells[k].x) * share,
                       py = cells[k].y + 0.5 + (cells[k + 1].y - cells[k].y) * share;
          const double wanted =
              std::atan2(cells[k + 1].y - cells[k].y, cells[k + 1].x - cells[k].x) / (2 * M_PI);
          turns += (wanted - turns - std::round(wanted - turns)) * 0.4;
          const double left = static_cast<double>(cells.size() - k) - share;
          int bits = (k == 0 && s == 0 && !x.empty()) ? 4 : 0;
          double gain = 0;
          for (std::size_t f = 0; f < fruit.size(); ++f)
            if (!eaten[f] && cells[k].x == fruit[f].x && cells[k].y == fruit[f].y) {
              eaten[f] = true;
              bits |= 2;
              gain += 1;
            }
          const bool found = k + 2 == cells.size() && s + 1 == kSteps;
          if (found) {
            bits |= 1;
            gain += 10;
          }
          const bool was_here = visited[static_cast<std::size_t>(cells[k].y * kWidth + cells[k].x)];
          if (k > 1)
            visited[static_cast<std::size_t>(cells[k - 2].y * kWidth + cells[k - 2].x)] = true;
          x.push_back(px);
          y.push_back(py);
          heading.push_back(turns - std::floor(turns));
          value.push_back(10 * std::pow(0.93, left) + 8 + 0.3 * stream_.uniform_double());
          reward.push_back(gain);
          event.push_back(bits);
          loop_true.push_back(was_here ? 1 : 0);
          loop.push_back(std::clamp(
              (was_here ? 0.85 : 0.12) + 0.3 * (stream_.uniform_double() - 0.5), 0.0, 1.0));
          std::vector<int> depth;
          draw(px, py, heading.back(), frames, depth);
          depth_true.push_back(depth);
          for (int& d : depth)
            if (stream_.below(8) == 0) d = std::clamp(d + (stream_.below(2) == 0 ? -1 : 1), 0, 7);
          depth_predicted.push_back(depth);
        }
      }
    }
    event.back() |= 8;
    const std::string sheet = "frames_" + std::to_string(number) + ".png";
    image::write(folder_ / sheet, image::contact_sheet(frames));
    Json things = {{{"x", goal.x + 0.5}, {"y", goal.y + 0.5}, {"kind", "goal"}}};
    for (const Place& f : fruit)
      things.push_back({{"x", f.x + 0.5}, {"y", f.y + 0.5}, {"kind", "apple"}});
    Json result = {
        {"things", things},  {"x", x},           {"y", y},         {"heading", heading},
        {"value", value},    {"reward", reward}, {"event", event}, {"frame_sheet", sheet},
        {"frames", x.size()}};
    if (options_.has_depth)
      result.update({{"loop_probability", loop},
                     {"loop_true", loop_true},
                     {"depth_true", depth_true},
                     {"depth_predicted", depth_predicted}});
    return result;
  }

 private:
  std::filesystem::path folder_;
  SyntheticOptions options_;
  Stream stream_;
  std::vector<int> walls_;
};

}  // namespace

SyntheticRun::SyntheticRun(std::filesystem::path folder, SyntheticOptions options)
    : folder_(std::move(folder)), options_(std::move(options)) {
  std::filesystem::create_directories(folder_);
  Maker maker(folder_, options_);
  put("config.toml", maker.config());
  put("metrics.jsonl", maker.metrics());
  runs::write_about(folder_, maker.about());
  if (options_.has_eval) put("eval.json", evaluation());
  if (options_.has_trace) put("trace.json", maker.trace().dump());
}

void SyntheticRun::put(const std::string& name, const std::string& text) const {
  std::ofstream(folder_ / name, std::ios::binary) << text;
}

std::string SyntheticRun::evaluation() const {
  return runs::evaluation_json(Maker(folder_, options_).evaluation());
}

}  // namespace clew::report
