// SPDX-License-Identifier: Apache-2.0
#include "clew/train/loop.h"

#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <exception>
#include <optional>

#include "clew/core/error.h"
#include "clew/core/log.h"
#include "clew/train/processes.h"
#include "clew/train/run_folder.h"
#include "clew/train/tensorboard.h"

namespace clew::train {
namespace {

using Clock = std::chrono::steady_clock;

double since(Clock::time_point then) {
  return std::chrono::duration<double>(Clock::now() - then).count();
}

double unix_seconds() {
  return std::chrono::duration<double>(std::chrono::system_clock::now().time_since_epoch()).count();
}

void note(const std::filesystem::path& run, const std::string& line) {
  runs::write_log(run, line);
  log(LogLevel::kInfo, line);
}

/// Refuses settings other than the checkpoint's.
void check_settings_of(const Checkpoint& checkpoint, const std::filesystem::path& run,
                       const RunSettings& now, const std::map<std::string, Resume>& rules) {
  const auto name = checkpoint.path.string();
  const auto file = nn::parse_safetensors(std::as_bytes(std::span(checkpoint.bytes)), name);
  const auto said = [&](const char* key) {
    const auto found = file.metadata.find(key);
    return found == file.metadata.end() ? std::string() : found->second;
  };
  const std::string config = said("clew.config"), processes = said("clew.processes");
  if (config.empty() || processes.empty()) return;  // of an older version
  check_settings(run / "config.toml", {config, std::atoi(processes.c_str())}, now, rules);
}

/// Training loop. Sets `is_open` in the writing process once it writes to the folder.
RunEnd train_in(const std::filesystem::path& run, Learner& learner, const RunOptions& run_options,
                const RunCallbacks& callbacks, bool& is_open) {
  const auto& options = run_options.loop;
  const bool is_resumed = run_options.is_resumed;
  Processes one;
  auto& processes = learner.processes() == nullptr ? one : *learner.processes();
  const bool is_first = processes.is_first();
  std::map<std::string, std::string> about;
  std::optional<runs::RunLock> lock;
  double seconds_before = 0;
  std::optional<std::int64_t> resumed_at;
  std::optional<runs::MetricsWriter> metrics;
  std::optional<EventWriter> events;
  std::vector<std::byte> frozen_weights;
  const auto checkpoint_now = [&] {
    about["clew.steps"] = std::to_string(learner.steps());
    return learner.checkpoint(about);
  };
  const auto save = [&] {
    metrics->sync();
    save_checkpoint(run, learner.steps(), checkpoint_now());
  };
  // Rank 0 opens the folder; the others get its weights and counters.
  const auto beginning = processes.from_first([&] {
    const RunSettings settings{runs::config_without_head(runs::read_config(run)), processes.size()};
    about = {{"clew.config", settings.config},
             {"clew.processes", std::to_string(settings.processes)}};
    lock.emplace(run);
    const bool has_checkpoint = has_checkpoints(run);
    CLEW_CHECK(is_resumed || !has_checkpoint, run.string(),
               " already has checkpoints; add --resume to go on from them");
    if (has_checkpoint) {
      const auto checkpoint = newest_checkpoint(run);
      check_settings_of(checkpoint, run, settings, run_options.resume_rules);
      if (!checkpoint.frozen.empty()) {
        learner.restore_frozen(std::as_bytes(std::span(checkpoint.frozen)),
                               "the frozen weights of " + run.string());
      }
      learner.restore(std::as_bytes(std::span(checkpoint.bytes)), checkpoint.path.string());
      resumed_at = learner.steps();
    } else {
      check_untrained(run);
    }
    is_open = true;
    runs::remove_parts(run);
    frozen_weights = learner.frozen();
    if (!frozen_weights.empty()) {
      about["clew.frozen"] = frozen_mark(frozen_weights);
      if (!has_checkpoint) save_frozen(run, frozen_weights);
    }
    metrics.emplace(run / "metrics.jsonl", learner.steps());
    if (is_resumed) {
      const auto lines = runs::read_metrics(run / "metrics.jsonl");
      if (!lines.empty()) seconds_before = lines.back().get("seconds").value_or(0);
    }
    events.emplace(run, unix_seconds(), resumed_at);
    note(run, concat(is_resumed ? "resumed at step " : "started at step ", learner.steps(), " of ",
                     options.steps));
    if (!has_checkpoint) save();  // step 0: detects a full or read-only disk at once
    if (processes.size() == 1) return std::string();
    const auto bytes = checkpoint_now();
    return std::string(reinterpret_cast<const char*>(bytes.data()), bytes.size());
  });
  const auto others_frozen = processes.from_first([&] {
    const bool is_wanted = processes.size() > 1 && !frozen_weights.empty();
    return is_wanted ? std::string(reinterpret_cast<const char*>(frozen_weights.data()),
                                   frozen_weights.size())
                     : std::string();
  });
  frozen_weights = {};
  if (!is_first) {
    if (!others_frozen.empty())
      learner.restore_frozen(std::as_bytes(std::span(others_frozen)),
                             "the frozen weights of the first process");
    learner.restore(std::as_bytes(std::span(beginning)), "the checkpoint of the first process");
  }

  struct Watch {
    Watch(Learner& whose, const PassWatch& watch) : learner(whose) { learner.watch_passes(watch); }
    ~Watch() { learner.watch_passes(nullptr); }  // the callback must not outlive this
    Watch(const Watch&) = delete;
    Watch& operator=(const Watch&) = delete;
    Learner& learner;
  };
  const Watch watch(learner, is_first ? callbacks.on_pass : nullptr);
  const auto started = Clock::now();
  auto logged_at = started, saved_at = started;
  std::int64_t logged_steps = learner.steps();
  const auto rate_now = [&] {
    return static_cast<double>(learner.steps() - logged_steps) / std::max(since(logged_at), 1e-9);
  };
  const auto seconds_left = [&](double rate) {
    return std::max(0.0,
                    static_cast<double>(options.steps - learner.steps()) / std::max(rate, 1e-9));
  };
  const auto log_now = [&] {
    Progress progress{.steps = learner.steps(), .seconds = seconds_before + since(started)};
    progress.steps_per_second = rate_now();
    progress.seconds_left = seconds_left(progress.steps_per_second);
    auto& line = progress.line;
    line.step = learner.steps();
    line.metrics = {{"seconds", progress.seconds}, {"steps_per_second", progress.steps_per_second}};
    for (auto& metric : learner.take_metrics()) line.metrics.push_back(std::move(metric));
    logged_at = Clock::now();
    logged_steps = learner.steps();
    if (!is_first) return;
    metrics->append(line.step, line.metrics);
    events->append(line.step, unix_seconds(), line.metrics);
    if (callbacks.on_log) callbacks.on_log(progress);
  };

  RunEnd end = RunEnd::kFinished;
  bool is_saved = true;
  while (!learner.is_finished()) {
    const auto before = learner.steps();
    learner.update();
    is_saved = false;
    if (is_first && learner.is_best()) save_best(run, checkpoint_now());
    // A line whenever the step count passes a multiple of log_steps, so that a resumed run writes
    // the same ones.
    if (learner.steps() / options.log_steps != before / options.log_steps || learner.is_finished())
      log_now();
    if (is_first && callbacks.on_update) {
      const double rate = rate_now();
      callbacks.on_update(learner.steps(), rate, seconds_left(rate));
    }
    if (is_first && since(saved_at) >= options.checkpoint_seconds) {
      save();
      saved_at = Clock::now();
      is_saved = true;
    }
    if (callbacks.should_stop && callbacks.should_stop()) processes.ask_to_stop();
    if (processes.is_stopping() && !learner.is_finished()) {
      end = RunEnd::kStopped;
      break;
    }
  }
  // The others end when the run is written, or with the writer's error.
  processes.from_first([&] {
    if (!is_saved) save();
    const std::string reason = learner.early_end();
    note(run, concat(end == RunEnd::kFinished ? "finished at step " : "stopped at step ",
                     learner.steps(), reason.empty() ? "" : ": " + reason));
    return std::string();
  });
  return end;
}

}  // namespace

void LoopConfig::fields(Fields& v, const std::string& counted) {
  v("steps", steps,
    {.min = 1,
     .max = 1'000'000'000'000,
     .resume = Resume::kMore,
     .help = counted + " to train for"});
  v("log_steps", log_steps,
    {.min = 1,
     .resume = Resume::kAny,
     .is_setting = false,
     .help = counted + " between lines of metrics.jsonl"});
  v("checkpoint_seconds", checkpoint_seconds,
    {.min = 0,
     .max = 1e6,
     .resume = Resume::kAny,
     .is_setting = false,
     .help = "seconds between checkpoints"});
}

RunEnd train_run(const std::filesystem::path& run, Learner& learner, const RunOptions& options,
                 const RunCallbacks& callbacks) {
  bool is_open = false;
  try {
    return train_in(run, learner, options, callbacks, is_open);
  } catch (const std::exception& error) {
    const std::string text = error.what();
    if (is_open) runs::write_log(run, "ended by an error: " + text.substr(0, text.find('\n')));
    throw;
  }
}

}  // namespace clew::train
