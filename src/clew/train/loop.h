// SPDX-License-Identifier: Apache-2.0
// Training loop of a run folder: updates, metrics, checkpoints, stopping and resuming. The update
// itself is a Learner's.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <map>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "clew/core/config.h"
#include "clew/runs/metrics.h"

namespace clew::train {

class Processes;  // processes.h

/// Progress of a pass over a data set: its display name, such as "evaluating", and the fraction
/// done.
using PassWatch = std::function<void(std::string_view name, double share)>;

/// A training whose state can be saved and restored between any two updates.
class Learner {
 public:
  virtual ~Learner() = default;

  /// One optimiser step. Blocks. A loss or weights that are not finite: clew::Error, after which it
  /// must not be used further.
  virtual void update() = 0;
  /// Progress in agent steps or optimiser steps; grows with every update.
  virtual std::int64_t steps() const = 0;
  virtual bool is_finished() const = 0;
  /// Reason for finishing early, human-readable; empty where all steps were made.
  virtual std::string early_end() const { return {}; }
  /// Mean metrics since the last call, in the order of metrics.jsonl.
  virtual std::vector<runs::Metric> take_metrics() = 0;
  /// True if the last update gave the best weights so far.
  virtual bool is_best() const { return false; }
  /// `watch` is called often by update() during passes over a data set.
  virtual void watch_passes(PassWatch /*watch*/) {}
  /// Null: this process alone.
  virtual Processes* processes() const { return nullptr; }

  /// Complete training state as a safetensors container with `about` in its metadata. Equal
  /// learners give equal bytes.
  virtual std::vector<std::byte> checkpoint(
      const std::map<std::string, std::string>& about) const = 0;
  /// Frozen weights, which a run stores once and not in `checkpoint`, as a safetensors container;
  /// empty without any.
  virtual std::vector<std::byte> frozen() const { return {}; }
  virtual void restore_frozen(std::span<const std::byte> /*bytes*/, const std::string& /*name*/) {}
  /// Restores a checkpoint; `name` is for errors. After an error it must not be used further.
  virtual void restore(std::span<const std::byte> bytes, const std::string& name) = 0;
};

/// Length of a training, and intervals of logging and checkpoints: the keys of both trainers.
struct LoopConfig {
  std::int64_t steps = 10'000;     // planned length
  std::int64_t log_steps = 100;    // between lines of metrics.jsonl
  double checkpoint_seconds = 60;  // between checkpoints; 0: after every update

  /// `counted`: what a step is, for the help texts.
  void fields(Fields& v, const std::string& counted);
};

struct RunOptions {
  LoopConfig loop;
  std::map<std::string, Resume> resume_rules{};  // of the run's config
  bool is_resumed = false;
};

struct Progress {
  std::int64_t steps = 0;
  double seconds = 0;           // of training, over all resumes
  double steps_per_second = 0;  // since the last line
  double seconds_left = 0;
  runs::MetricsLine line;  // latest metrics
};
struct RunCallbacks {
  std::function<void(const Progress&)> on_log;  // after each line of metrics.jsonl
  std::function<void(std::int64_t steps, double steps_per_second, double seconds_left)>
      on_update;                      // after each update
  PassWatch on_pass;                  // during passes over a data set
  std::function<bool()> should_stop;  // asked after each update; true: checkpoint and return
                                      // (with several processes, all one update later)
};
enum class RunEnd : std::uint8_t { kFinished, kStopped };

/// Trains until the learner is finished or should_stop is true, then writes a checkpoint.
/// `is_resumed` continues from the newest checkpoint, or from the start where the run was killed
/// before its first one, and gives the same bytes as a run that was never stopped. A folder that
/// another training is writing to, settings other than the checkpoint's, a trained run without
/// checkpoints: clew::Error, with the folder unchanged. Later errors are also in log.txt.
/// Collective: every process calls it; only rank 0 touches `run` and uses the callbacks other than
/// should_stop.
RunEnd train_run(const std::filesystem::path& run, Learner& learner, const RunOptions& options,
                 const RunCallbacks& callbacks);

}  // namespace clew::train
