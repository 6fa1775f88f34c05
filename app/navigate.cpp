// SPDX-License-Identifier: Apache-2.0
#include "navigate.h"

#include <cmath>
#include <cstdio>
#include <iostream>
#include <memory>
#include <span>
#include <thread>

#include "build_info.h"
#include "clew/core/error.h"
#include "clew/core/memory.h"
#include "clew/maze/level_text.h"
#include "clew/maze/render.h"
#include "progress.h"

namespace clew::app {
namespace {

std::string number(double value, const char* format) {
  if (std::isnan(value)) return "-";
  char text[32];
  std::snprintf(text, sizeof text, format, value);
  return text;
}

std::string number(const std::optional<double>& value, const char* format, double factor = 1) {
  return value ? number(*value * factor, format) : "-";
}

std::string line_of(const navigate::Progress& progress, std::int64_t total) {
  const auto& stats = progress.stats;
  std::string line = concat(count_text(static_cast<double>(stats.steps)), " of ",
                            count_text(static_cast<double>(total)), " steps  ",
                            count_text(progress.steps_per_second), "/s  left ",
                            duration_text(progress.seconds_left));
  if (stats.episodes > 0) {
    line +=
        concat("  score ", number(stats.score, "%.1f"), "  goals ", number(stats.goals, "%.2f"));
  }
  line += concat("  loss pi ", number(stats.loss_policy, "%.3f"), " v ",
                 number(stats.loss_value, "%.3f"), "  entropy ", number(stats.entropy, "%.2f"));
  const double depth = std::isnan(stats.loss_depth2) ? stats.loss_depth1 : stats.loss_depth2;
  if (!std::isnan(depth)) line += concat("  depth ", number(depth, "%.2f"));
  if (!std::isnan(stats.loss_loop)) line += concat("  loop ", number(stats.loss_loop, "%.2f"));
  return line;
}

}  // namespace

std::string about_this_program() {
  return concat("clew ", kVersion, " (", kRevision, "), ", std::thread::hardware_concurrency(),
                " cores, ", maze::simd_target_name());
}

navigate::RunEnd train_with_progress(const std::filesystem::path& run, bool is_resumed) {
  keep_freed_memory();
  const auto total = navigate::read_run(run).train.steps;
  ProgressLine line;
  navigate::RunCallbacks callbacks;
  navigate::Progress last;
  callbacks.on_log = [&](const navigate::Progress& progress) {
    last = progress;
    line.show(line_of(last, total), true);
  };
  callbacks.on_update = [&](std::int64_t steps, double steps_per_second, double seconds_left) {
    if (last.stats.steps == 0)
      last.stats.loss_policy = last.stats.loss_value = last.stats.entropy = std::nan("");
    last.stats.steps = steps;
    last.steps_per_second = steps_per_second;
    last.seconds_left = seconds_left;
    line.show(line_of(last, total), false);
  };
  const InterruptWatch watch;
  callbacks.should_stop = [&watch] { return watch.was_interrupted(); };
  const auto end = navigate::train_run(run, is_resumed, callbacks);
  line.end();
  return end;
}

navigate::Evaluation evaluate_run(const std::filesystem::path& run,
                                  const navigate::EvalOptions& options) {
  keep_freed_memory();
  const auto config = navigate::read_run(run);
  const auto checkpoint = navigate::newest_checkpoint(run);
  const auto level = std::make_shared<const maze::Level>(maze::load_level(config.level));
  auto agent = navigate::load_agent(config, std::as_bytes(std::span(checkpoint.bytes)),
                                    checkpoint.path.string());
  ProgressLine line;
  int tenth = -1;
  std::string player;
  auto evaluation =
      navigate::evaluate(config, level, agent, options, [&](double share, const std::string& name) {
        const int now = static_cast<int>(share * 10);
        if (name != player) tenth = -1;
        line.show(concat("evaluating: ", name, " ", static_cast<int>(share * 100), " %"),
                  now != tenth && now > 0);
        tenth = now;
        player = name;
      });
  line.end();
  navigate::write_evaluation(run, config, evaluation);
  return evaluation;
}

std::string evaluation_table(const navigate::Evaluation& evaluation) {
  std::string text = concat("level ", evaluation.level, ", ", evaluation.episodes,
                            " episodes, seed ", evaluation.seed, "\n");
  char row[200];
  std::snprintf(row, sizeof row, "%-14s %16s %7s %7s %15s %9s %9s %8s\n", "player", "score",
                "goals", "found", "latency 1:>1 s", "depth d1", "depth d2", "loop F1");
  text += row;
  for (const auto& player : evaluation.players) {
    const auto score =
        concat(number(player.score_mean, "%.2f"), " +- ", number(player.score_stderr, "%.2f"));
    const auto latency = concat(number(player.latency_first_s, "%.1f"), " : ",
                                number(player.latency_later_s, "%.1f"));
    std::snprintf(row, sizeof row, "%-14s %16s %7s %6s%% %15s %9s %9s %8s\n", player.name.c_str(),
                  score.c_str(), number(player.goals_mean, "%.2f").c_str(),
                  number(player.goal_share * 100, "%.0f").c_str(), latency.c_str(),
                  number(player.depth1_accuracy, "%.1f%%", 100).c_str(),
                  number(player.depth2_accuracy, "%.1f%%", 100).c_str(),
                  number(player.loop_f1, "%.2f").c_str());
    text += row;
  }
  return text;
}

}  // namespace clew::app
