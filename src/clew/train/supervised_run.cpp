// SPDX-License-Identifier: Apache-2.0
#include "clew/train/supervised_run.h"

#include <ATen/Parallel.h>
#include <torch/nn/module.h>
#include <torch/utils.h>

#include <cmath>
#include <cstdio>
#include <nlohmann/json.hpp>
#include <utility>
#include <vector>

#include "clew/core/error.h"
#include "clew/core/files.h"
#include "clew/core/key.h"
#include "clew/core/log.h"
#include "clew/train/evaluator.h"

namespace clew::train {
namespace {

namespace fs = std::filesystem;

constexpr std::uint64_t kKeyTraining = 0;

std::unique_ptr<LearningConfig> config_of(const LearningSystem& system, const ConfigTree& tree) {
  auto config = system.make_config();
  load_fields(fields_of(*config), tree);
  return config;
}

}  // namespace

std::string LearningSystem::progress_text(const MetricsLine& line) const {
  std::string text;
  char number[40];
  for (const char* name : {"loss", "val_loss"}) {
    if (const auto value = line.get(name)) {
      std::snprintf(number, sizeof number, "  %s %.3f", name[0] == 'v' ? "validation loss" : "loss",
                    *value);
      text += number;
    }
  }
  return text;
}

fs::path create_run(const LearningSystem& system, const fs::path& root, const std::string& recipe,
                    const ConfigTree& tree, const std::string& about, int processes) {
  const auto config = config_of(system, tree);
  const auto notes = system.resolve(*config);
  config->train = config->train.resolved();
  const auto task = system.make_task(*config);
  const auto network = task->make_network();
  auto rules = task->rules(*network);
  for (auto& rule : start_rules(config->start)) rules.push_back(std::move(rule));
  std::vector<std::string> names;
  for (const auto& item : network->named_parameters()) names.push_back(item.key());
  (void)apply_rules(rules, names);
  check_training(*task, config->train, processes);
  auto& start = config->start;
  if (!start.weights.empty()) {
    start.weights = fs::absolute(start.weights).string();
    const auto weights = read_start(start);
    (void)load_start(*network, start, weights);
    start.hash = weights.hash;
  }
  const auto run = create_run_folder(root, recipe);
  write_run_config(run, about, dump_fields(fields_of(*config)));
  for (const auto& note : notes) {
    log(LogLevel::kInfo, note);
    write_log(run, note);
  }
  return run;
}

std::unique_ptr<LearningConfig> read_run(const LearningSystem& system, const fs::path& run,
                                         Processes* processes) {
  return config_of(system,
                   parse_toml(read_run_config(run, processes), (run / "config.toml").string()));
}

RunEnd train_run(const LearningSystem& system, const fs::path& run, bool is_resumed,
                 const RunCallbacks& callbacks, Processes* processes) {
  const auto config = read_run(system, run, processes);
  const auto task = system.make_task(*config);
  const bool is_first = processes == nullptr || processes->is_first();
  Beginning beginning{.load = {}, .rules = start_rules(config->start)};
  // The others get the weights of the first process; a resumed run has them in its checkpoint.
  if (is_first && !has_checkpoints(run)) {
    beginning.load = [&](torch::nn::Module& network) {
      system.begin(network, *config);
      if (config->start.weights.empty()) return;
      const auto report = load_start(network, config->start, read_start(config->start));
      const auto text = concat("weights of ", config->start.weights, ": ", report.text());
      write_log(run, text);
      log(LogLevel::kInfo, text);
    };
  }
  Supervised learner(*task, config->train, split(Key{config->seed}, kKeyTraining), processes,
                     beginning);
  auto drawing = callbacks;
  if (is_first) {
    if (const auto draw = system.make_drawer(run, *task, learner)) {
      drawing.on_update = [&, draw](std::int64_t steps, double rate, double left) {
        draw(steps, learner.is_finished());
        if (callbacks.on_update) callbacks.on_update(steps, rate, left);
      };
    }
  }
  return train_run(run, learner, config->train.loop(), is_resumed, drawing);
}

std::shared_ptr<torch::nn::Module> load_run(const LearningSystem& system, const fs::path& run) {
  const auto config = read_run(system, run);
  const auto network = system.make_network(*config);
  load_network(*network, system.choose_checkpoint(run));
  return network;
}

RunEvaluation evaluate_run(const LearningSystem& system, const fs::path& run,
                           const std::function<void(double)>& on_progress) {
  const auto config = read_run(system, run);
  const auto task = system.make_task(*config);
  const auto checkpoint = system.choose_checkpoint(run);
  at::set_num_threads(config->train.threads);  // of each network's thread, as in training
  std::vector<std::shared_ptr<torch::nn::Module>> networks;
  std::vector<torch::nn::Module*> pointers;
  for (int i = 0; i < config->train.workers; ++i) {
    networks.push_back(task->make_network());
    load_network(*networks.back(), checkpoint);
    pointers.push_back(networks.back().get());
  }
  const auto evaluator = evaluate(*task, pointers, task->test_set(),
                                  {.batch = config->train.batch, .on_progress = on_progress});
  const torch::NoGradGuard no_grad;
  auto evaluation = system.describe(run, *config, *task, *evaluator, *networks[0]);
  evaluation.measures = evaluator->result();
  const auto age = weights_age(run, checkpoint);
  const auto maybe = [](const auto& step) { return step ? nlohmann::json(*step) : nullptr; };
  auto root = nlohmann::json::parse(evaluation.details);
  root["system"] = system.name();
  root["step"] = maybe(age.step);
  root["run_step"] = maybe(age.run_step);
  root["summary"] = evaluation.summary;
  root["measures"] = nlohmann::json::parse(measures_json(evaluation.measures));
  evaluation.json = root.dump(2) + "\n";
  return evaluation;
}

void write_evaluation(const fs::path& run, const RunEvaluation& evaluation) {
  if (evaluation.write_pictures) evaluation.write_pictures();
  write_file_atomic(run / "eval.json", evaluation.json);
}

void export_run(const LearningSystem& system, const fs::path& run, const fs::path& out) {
  const auto network = load_run(system, run);
  const auto plan = system.export_plan(*read_run(system, run), *network);
  nn::export_network(*network, plan.forward, out, plan.options);
}

}  // namespace clew::train
