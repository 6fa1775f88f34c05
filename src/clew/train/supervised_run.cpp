// SPDX-License-Identifier: Apache-2.0
#include "clew/train/supervised_run.h"

#include <ATen/Parallel.h>
#include <torch/nn/module.h>
#include <torch/utils.h>

#include <cmath>
#include <cstdio>
#include <functional>
#include <memory>
#include <sstream>
#include <string>
#include <utility>
#include <vector>

#include "clew/core/error.h"
#include "clew/core/files.h"
#include "clew/core/key.h"
#include "clew/core/log.h"
#include "clew/core/text.h"
#include "clew/nn/layers.h"
#include "clew/nn/weights.h"
#include "clew/train/evaluator.h"
#include "clew/train/phases.h"

namespace clew::train {
namespace {

namespace fs = std::filesystem;

constexpr std::uint64_t kKeyTraining = 0;

std::unique_ptr<LearningConfig> config_of(const LearningSystem& system, const ConfigTree& tree) {
  auto config = system.make_config();
  load_fields(fields_of(*config), tree);
  return config;
}

/// A phase of a run.
struct RunPhase {
  std::string text;
  std::unique_ptr<LearningConfig> config;
  std::unique_ptr<Task> task;
};

/// Phases of train.phases; `config` is resolved. A phase with another seed or other initial
/// weights, without steps, or with invalid settings: UsageError beginning with the phase.
std::vector<RunPhase> phases_of(const LearningSystem& system, LearningConfig& config) {
  std::vector<RunPhase> phases;
  for (const auto& text : config.train.phases) {
    RunPhase phase{.text = text, .config = system.make_config(), .task = {}};
    try {
      ConfigTree tree;
      std::istringstream words(text);
      for (std::string word; words >> word;) apply_override(tree, word);
      for (const auto& entry : tree.entries) {
        if (entry.key == "seed" || entry.key == "system" || entry.key == "train.phases" ||
            entry.key == "start.weights" || entry.key == "start.part" || entry.key == "start.hash")
          throw UsageError(concat(entry.key, " is the whole run's, and no phase can change it"));
      }
      if (tree.find("train.steps") == nullptr)
        throw UsageError("a phase must say how many train.steps it has");
      load_fields(fields_of(*phase.config),
                  parse_toml(dump_fields(fields_of(config)), "the recipe"));
      phase.config->train.phases.clear();
      phase.config->is_phase = true;
      load_fields(fields_of(*phase.config), tree);
      (void)system.resolve(*phase.config);
      phase.config->train = phase.config->train.resolved();
      phase.task = system.make_task(*phase.config);
    } catch (const UsageError& error) {
      throw UsageError(concat("phase '", text, "': ", error.what()));
    }
    phases.push_back(std::move(phase));
  }
  return phases;
}

/// Refuses a phase whose network has other parameters than the recipe's.
void check_same_network(const torch::nn::Module& network, const RunPhase& phase) {
  const auto own = nn::state_of(*phase.task->make_network()), wanted = nn::state_of(network);
  bool is_same = own.size() == wanted.size();
  for (std::size_t i = 0; is_same && i < own.size(); ++i)
    is_same = own[i].first == wanted[i].first && own[i].second.sizes() == wanted[i].second.sizes();
  if (!is_same)
    throw UsageError(concat("phase '", phase.text, "': its network must be the recipe's"));
}

/// "Of 1000 test examples: loss 0.31 nats, error 9.8 %."
std::string summary_of(const Evaluator& evaluator, std::int64_t examples) {
  std::string text;
  for (const auto& measure : evaluator.result()) {
    text += concat(text.empty() ? "" : ", ", measure.name, " ",
                   measure.unit == "share" ? percent(measure.value) : figure(measure.value),
                   measure.unit == "share" || measure.unit.empty() ? "" : " ",
                   measure.unit == "share" ? "" : measure.unit);
  }
  return concat("Of ", examples, " test examples: ", text, ".");
}

void rename_start(const LearningSystem& system, const LearningConfig& config,
                  StartWeights& weights) {
  nn::NamedTensors renamed;
  for (const auto& [name, tensor] : weights.tensors)
    for (const auto& own : system.start_names(config, name))
      renamed.emplace_back(own, system.start_value(config, own, tensor));
  weights.tensors = std::move(renamed);
}

}  // namespace

runs::RunAbout LearningSystem::about(const LearningConfig& /*config*/, const Task& task) const {
  return {.plots = runs::learning_plots(task.make_evaluator()->result(), task.monitor())};
}

runs::Evaluation LearningSystem::evaluate_predictions(const LearningConfig& /*config*/,
                                                      const fs::path& /*predictions*/,
                                                      const fs::path& /*truth*/) const {
  throw UsageError(concat(name(), " judges no files of answers"));
}

std::unique_ptr<Predictor> LearningSystem::make_predictor(
    std::shared_ptr<torch::nn::Module> /*network*/, const LearningConfig& /*config*/,
    const PredictOptions& /*options*/) const {
  throw UsageError(
      concat("a run of ", name(), " reads no image files; `clew eval` shows what it does"));
}

std::unique_ptr<PredictionWriter> LearningSystem::make_prediction_writer(
    const LearningConfig& /*config*/, const std::string& format,
    const std::filesystem::path& /*out*/) const {
  throw UsageError(concat("predictions of a run of ", name(), " are not written as ", format));
}

std::string LearningSystem::progress_text(const runs::MetricsLine& line) const {
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
  resolve_start(config->start);
  const auto notes = system.resolve(*config);
  make_paths_absolute(fields_of(*config));
  config->train = config->train.resolved();
  const auto task = system.make_task(*config);
  const auto network = task->make_network();
  const auto check = [&](const Task& one, const LearningConfig& own) {
    auto rules = one.rules(*network);
    for (auto& rule : start_rules(own.start)) rules.push_back(std::move(rule));
    std::vector<std::string> names;
    for (const auto& item : network->named_parameters()) names.push_back(item.key());
    (void)apply_rules(rules, names);
    check_training(one, own.train, processes);
  };
  check(*task, *config);
  const auto phases = phases_of(system, *config);
  if (!phases.empty()) config->train.steps = 0;
  for (const auto& phase : phases) {
    check_same_network(*network, phase);
    check(*phase.task, *phase.config);
    config->train.steps += phase.config->train.steps;
  }
  auto& start = config->start;
  if (!start.weights.empty()) {
    auto weights = read_start(start);
    start.hash = weights.hash;
    rename_start(system, *config, weights);
    (void)load_start(*network, start, weights);
  }
  const auto run = runs::create_run_folder(root, recipe);
  runs::write_run_config(run, about, dump_fields(fields_of(*config)));
  for (const auto& note : notes) {
    log(LogLevel::kInfo, note);
    runs::write_log(run, note);
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
  Beginning beginning{.load = {}, .rules = start_rules(config->start), .keep_folder = run / "kept"};
  // The others get rank 0's weights; a resumed run has them in its checkpoint.
  if (is_first && !has_checkpoints(run)) {
    beginning.load = [&](torch::nn::Module& network) {
      system.begin(network, *config);
      if (config->start.weights.empty()) return;
      auto weights = read_start(config->start);
      rename_start(system, *config, weights);
      const auto report = load_start(network, config->start, weights);
      const auto text = concat("weights of ", config->start.weights, ": ", report.text());
      runs::write_log(run, text);
      log(LogLevel::kInfo, text);
    };
  }
  const Key key = fold_in(Key{config->seed}, kKeyTraining);
  const auto phases = phases_of(system, *config);
  std::unique_ptr<Learner> learner;
  std::function<Supervised&()> supervised;  // of the current phase
  if (phases.empty()) {
    auto one = std::make_unique<Supervised>(*task, config->train, key, processes, beginning);
    supervised = [own = one.get()]() -> Supervised& { return *own; };
    learner = std::move(one);
  } else {
    std::vector<Phase> all;
    for (const auto& phase : phases)
      all.push_back({.name = phase.text,
                     .task = phase.task.get(),
                     .options = phase.config->train,
                     .rules = start_rules(phase.config->start)});
    beginning.rules.clear();
    auto made = std::make_unique<Phases>(std::move(all), key, processes, beginning);
    supervised = [own = made.get()]() -> Supervised& { return own->learner(); };
    learner = std::move(made);
  }
  auto drawing = callbacks;
  if (is_first) {
    runs::write_about(run, system.about(*config, *task));
    if (const auto draw = system.make_drawer(run, *task, supervised)) {
      drawing.on_update = [&, draw](std::int64_t steps, double rate, double left) {
        draw(steps, learner->is_finished());
        if (callbacks.on_update) callbacks.on_update(steps, rate, left);
      };
    }
  }
  return train_run(run, *learner,
                   {.loop = config->train,
                    .resume_rules = resume_rules(fields_of(*config)),
                    .is_resumed = is_resumed},
                   drawing);
}

std::shared_ptr<torch::nn::Module> load_run(const LearningSystem& system, const fs::path& run) {
  const auto config = read_run(system, run);
  const auto network = system.make_network(*config);
  load_network(*network, system.choose_checkpoint(run));
  return network;
}

RunEvaluation evaluate_run(const LearningSystem& system, const fs::path& run,
                           const std::function<void(double)>& on_progress,
                           const ConfigTree& settings) {
  const auto config = read_run(system, run);
  Fields fields;
  config->eval_fields(fields);
  load_fields(fields, settings);
  const auto task = system.make_task(*config);
  const auto checkpoint = system.choose_checkpoint(run);
  at::set_num_threads(config->train.threads);  // of each network's thread, as in training
  std::vector<std::shared_ptr<torch::nn::Module>> networks;
  std::vector<torch::nn::Module*> pointers;
  for (int i = 0; i < config->train.workers; ++i) {
    networks.push_back(system.make_network(*config));
    load_network(*networks.back(), checkpoint);
    pointers.push_back(networks.back().get());
  }
  const auto evaluator = evaluate(*task, pointers, task->test_set(),
                                  {.batch = config->train.batch, .on_progress = on_progress});
  const torch::NoGradGuard no_grad;
  auto result = system.describe(run, *config, *task, *evaluator, *networks[0]);
  auto& evaluation = result.evaluation;
  evaluation.system = system.name();
  evaluation.measures = evaluator->result();
  for (auto& table : evaluator->tables()) evaluation.tables.push_back(std::move(table));
  for (auto& curve : evaluator->curves()) evaluation.curves.push_back(std::move(curve));
  evaluation.measures.push_back(
      {.name = "parameters", .value = static_cast<double>(nn::parameter_total(*networks[0]))});
  if (evaluation.summary.empty())
    evaluation.summary = summary_of(*evaluator, task->test_set().size());
  const auto age = weights_age(run, checkpoint);
  evaluation.step = age.step;
  evaluation.run_step = age.run_step;
  return result;
}

void write_evaluation(const fs::path& run, const RunEvaluation& result) {
  if (result.write_pictures) result.write_pictures();
  runs::write_evaluation(run, result.evaluation);
}

std::unique_ptr<Predictor> open_predictor(const LearningSystem& system, const fs::path& run,
                                          const PredictOptions& options) {
  if (options.wants_pictures && !system.can_draw())
    throw UsageError(concat("a run of ", system.name(), " draws no answers on pictures"));
  if (options.wants_features && !system.has_features())
    throw UsageError(concat("a run of ", system.name(), " gives no features of pictures"));
  const torch::NoGradGuard no_grad;
  auto network = load_run(system, run);
  network->eval();
  return system.make_predictor(network, *read_run(system, run), options);
}

void export_run(const LearningSystem& system, const fs::path& run, const fs::path& out) {
  const auto network = load_run(system, run);
  const auto plan = system.export_plan(*read_run(system, run), *network, nn::export_format_of(out));
  nn::export_network(plan.part != nullptr ? *plan.part : *network, plan.forward, out, plan.options);
}

}  // namespace clew::train
