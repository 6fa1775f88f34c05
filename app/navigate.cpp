// SPDX-License-Identifier: Apache-2.0
#include "navigate.h"

#include <cmath>
#include <cstdio>
#include <iostream>
#include <memory>
#include <span>

#include "clew/core/error.h"
#include "clew/core/memory.h"
#include "clew/maze/level_text.h"
#include "clew/navigate/trainer.h"
#include "clew/nn/weights.h"
#include "clew/train/run_folder.h"
#include "progress.h"
#include "training.h"

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

/// Losses for the progress line.
std::string navigate_text(const runs::MetricsLine& line) {
  const auto get = [&](const char* name) { return line.get(name).value_or(std::nan("")); };
  std::string text;
  if (get("episodes") > 0) {
    text +=
        concat("  score ", number(get("score"), "%.1f"), "  goals ", number(get("goals"), "%.2f"));
  }
  text += concat("  loss pi ", number(get("loss_policy"), "%.3f"), " v ",
                 number(get("loss_value"), "%.3f"), "  entropy ", number(get("entropy"), "%.2f"));
  const double depth = std::isnan(get("loss_depth2")) ? get("loss_depth1") : get("loss_depth2");
  if (!std::isnan(depth)) text += concat("  depth ", number(depth, "%.2f"));
  if (!std::isnan(get("loss_loop"))) text += concat("  loop ", number(get("loss_loop"), "%.2f"));
  return text;
}

}  // namespace

train::RunEnd train_navigate(const std::filesystem::path& run, bool is_resumed) {
  keep_freed_memory();
  TrainingLine line(navigate::read_run(run).train.steps, navigate_text);
  return navigate::train_run(run, is_resumed, line.callbacks());
}

navigate::Evaluation evaluate_run(const std::filesystem::path& run,
                                  const navigate::EvalOptions& options) {
  keep_freed_memory();
  const auto config = navigate::read_run(run);
  const auto checkpoint = train::newest_checkpoint(run);
  const auto level = std::make_shared<const maze::Level>(maze::load_level(config.level));
  auto agent = navigate::load_agent(config, std::as_bytes(std::span(checkpoint.bytes)),
                                    checkpoint.path.string());
  CountLine line;
  auto evaluation = navigate::evaluate(config, level, agent, options,
                                       [&line](double share, const std::string& player) {
                                         line.show_share(share, concat("evaluating ", player));
                                       });
  line.end();
  evaluation.age = train::weights_age(run, checkpoint);
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

System navigate_system() {
  navigate::NavigateConfig defaults;
  return {.name = "navigate",
          .settings =
              [](const ConfigTree& recipe) {
                navigate::NavigateConfig config;
                load(config, recipe);
                return help_text(config);
              },
          .eval_settings = help_text(navigate::EvalOptions{}),
          .no_settings = no_settings(fields_of(defaults)),
          .create_run =
              [](const std::filesystem::path& root, const Recipe& recipe, int /*processes*/) {
                navigate::NavigateConfig config;
                load(config, recipe.tree);
                navigate::check_config(config);
                return navigate::create_run(root, recipe.name, config, about_this_program());
              },
          .train = [](const std::filesystem::path& run, bool is_resumed,
                      train::Processes&) { return train_navigate(run, is_resumed); },
          .is_parallel = false,
          .eval =
              [](const EvalRequest& request) {
                navigate::EvalOptions options;
                load(options, request.settings);
                const auto evaluation = evaluate_run(request.run, options);
                return EvalOutput{request.is_json
                                      ? runs::evaluation_json(navigate::run_evaluation(evaluation))
                                      : evaluation_table(evaluation),
                                  [=] {
                                    navigate::write_evaluation(
                                        request.run, navigate::read_run(request.run), evaluation);
                                  }};
              },
          .export_run =
              [](const std::filesystem::path& run, const std::filesystem::path& out) {
                const auto config = navigate::read_run(run);
                const auto checkpoint = train::newest_checkpoint(run);
                const auto agent = navigate::load_agent(
                    config, std::as_bytes(std::span(checkpoint.bytes)), checkpoint.path.string());
                nn::save_weights(*agent, out);
              },
          .formats = {nn::ExportFormat::kSafetensors, nn::ExportFormat::kPth},
          .predict = nullptr};
}

}  // namespace clew::app
