// SPDX-License-Identifier: Apache-2.0
#include "warp.h"

#include <cmath>
#include <cstdio>
#include <nlohmann/json.hpp>

#include "clew/core/error.h"
#include "clew/core/log.h"
#include "clew/core/memory.h"
#include "clew/data/digits_config.h"
#include "clew/train/run_folder.h"
#include "clew/warp/digit_task.h"
#include "clew/warp/evaluate.h"
#include "clew/warp/locate.h"
#include "settings.h"
#include "terminal.h"
#include "training.h"

namespace clew::app {
namespace {

std::string reader_text(const train::MetricsLine& line) {
  const auto get = [&](const char* name) { return line.get(name).value_or(std::nan("")); };
  char text[120];
  std::snprintf(text, sizeof text, "  epoch %.1f  loss %.3f  error %.2f %%", get("epoch"),
                get("loss"), 100 * get("error"));
  std::string shown = text;
  if (!std::isnan(get("test_error"))) {
    std::snprintf(text, sizeof text, "  test error %.2f %%", 100 * get("test_error"));
    shown += text;
  }
  return shown;
}

/// Says, here and in the run's log, when the digits are not MNIST's though nobody asked for others.
void say_source(const std::filesystem::path& run, const data::DigitsConfig& config) {
  if (config.source != "auto" || data::digits_source(config) == "mnist") return;
  const std::string text =
      "data.dir names no folder with MNIST: learning from digits drawn from strokes";
  say(text);
  train::write_log(run, text);
}

std::filesystem::path create(const std::filesystem::path& root, const Recipe& recipe,
                             int processes) {
  warp::WarpConfig config;
  load(config, recipe.tree);
  // Refuse what would fail only after the folder was made.
  const warp::DigitTask task(config);
  (void)task.make_network();
  train::check_training(task, config.train, processes);
  const auto run = warp::create_run(root, recipe.name, config, about_this_program());
  say_source(run, config.data);
  return run;
}

train::RunEnd train(const std::filesystem::path& run, bool is_resumed,
                    train::Processes& processes) {
  keep_freed_memory();
  TrainingLine line(warp::read_run(run, &processes).train.steps, reader_text);
  return warp::train_run(run, is_resumed, line.callbacks(), &processes);
}

EvalAnswer eval(const EvalRequest& request) {
  keep_freed_memory();
  CountLine line;
  const auto evaluation =
      warp::evaluate(request.run, [&line](double share) { line.show_share(share, "evaluating"); });
  line.end();
  const auto keep = [=] { warp::write_evaluation(request.run, evaluation); };
  if (request.is_json) return {warp::evaluation_json(evaluation), keep};
  char text[200];
  std::snprintf(text, sizeof text,
                "%s digits (%s), %lld of the test set: error %.2f %%, loss %.4f\n",
                evaluation.kind.c_str(), evaluation.source.c_str(),
                static_cast<long long>(evaluation.classes.examples), 100 * evaluation.classes.error,
                evaluation.classes.loss);
  return {text, keep};
}

Prediction predict(const PredictRequest& request) {
  CountLine progress("images");
  const auto total = static_cast<std::int64_t>(request.images.size());
  const auto readings = warp::read_digits(request.run, request.images,
                                          [&](std::int64_t done) { progress.show(done, total); });
  progress.end();
  auto list = nlohmann::json::array();
  std::string text;
  std::vector<std::string> errors;
  std::size_t inverted = 0;
  for (const auto& reading : readings) {
    if (!reading.error.empty()) {
      errors.push_back(reading.error);
      list.push_back({{"image", reading.name}, {"error", reading.error}});
      continue;
    }
    char line[80];
    std::snprintf(line, sizeof line, "%s  %.1f %%\n", reading.classes.at(reading.best).c_str(),
                  100 * reading.probabilities.at(reading.best));
    text += concat(reading.name, "  ", line);
    list.push_back({{"image", reading.name},
                    {"class", reading.classes.at(reading.best)},
                    {"probabilities", reading.probabilities}});
    inverted += reading.is_inverted ? 1 : 0;
  }
  if (inverted > 0) {
    log(LogLevel::kWarning,
        concat(inverted, " of ", readings.size(),
               " readings are of dark on light; this network has learnt light digits on a dark "
               "ground, so invert such pictures"));
  }
  if (errors.size() > 1)
    for (const auto& error : errors) log(LogLevel::kWarning, error);
  return {.text = request.is_json ? json_text(list) : text,
          .failure = errors.size() <= 1
                         ? errors.empty() ? std::string() : errors[0]
                         : concat(errors.size(), " of ", readings.size(), " readings failed")};
}

std::string settings() { return help_text(warp::WarpConfig{}); }

std::string located_text(const train::MetricsLine& line) {
  const auto get = [&](const char* name) { return line.get(name).value_or(std::nan("")); };
  char text[120];
  std::snprintf(text, sizeof text, "  loss %.3f  found %.0f %%  overlap %.2f", get("loss"),
                100 * (1 - get("error")), get("overlap"));
  return text;
}

std::filesystem::path create_locate(const std::filesystem::path& root, const Recipe& recipe,
                                    int processes) {
  warp::LocateConfig config;
  load(config, recipe.tree);
  warp::check_pairs(config, processes);
  const auto run = warp::create_run(root, recipe.name, config, about_this_program());
  say_source(run, {.source = config.data.source, .dir = config.data.dir});
  return run;
}

train::RunEnd train_locate(const std::filesystem::path& run, bool is_resumed,
                           train::Processes& processes) {
  keep_freed_memory();
  TrainingLine line(warp::read_locate_run(run, &processes).train.steps, located_text);
  return warp::train_locate_run(run, is_resumed, line.callbacks(), &processes);
}

EvalAnswer eval_locate(const EvalRequest& request) {
  keep_freed_memory();
  const auto evaluation = warp::evaluate_locate(request.run);
  return {request.is_json ? warp::evaluation_json(evaluation) : warp::summary(evaluation) + "\n",
          [=] { warp::write_evaluation(request.run, evaluation); }};
}

}  // namespace

System locate_system() {
  return {.name = "locate",
          .settings = [] { return help_text(warp::LocateConfig{}); },
          .create_run = create_locate,
          .train = train_locate,
          .eval = eval_locate,
          .export_run = nullptr,
          .formats = {},
          .predict = nullptr,
          .eval_options = {}};
}

System warp_system() {
  return {.name = "warp",
          .settings = settings,
          .create_run = create,
          .train = train,
          .eval = eval,
          .export_run = warp::export_network,
          .formats = {"safetensors", "pth", "torchscript", "onnx"},
          .predict = predict,
          .eval_options = {}};
}

}  // namespace clew::app
