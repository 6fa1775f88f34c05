// SPDX-License-Identifier: Apache-2.0
// The loop that fills a run folder: updates, metrics, checkpoints, stopping and resuming. The same
// for every module; what an update is, a Learner says.
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

/// Watches a pass over a data set: its name for people, "evaluating", and the share that is done.
using PassWatch = std::function<void(std::string_view name, double share)>;

/// Something that is trained by updates and can be frozen between any two of them.
class Learner {
 public:
  virtual ~Learner() = default;

  /// One optimiser step. Blocks. What makes going on senseless (a loss or weights that are not
  /// finite): clew::Error, after which it must not be used further.
  virtual void update() = 0;
  /// What counts as progress (agent steps, optimiser steps); grows with every update.
  virtual std::int64_t steps() const = 0;
  virtual bool is_finished() const = 0;
  /// Why it is finished before all steps are made, for people; empty where they are made.
  virtual std::string early_end() const { return {}; }
  /// Means since the last call, in the order of metrics.jsonl.
  virtual std::vector<runs::Metric> take_metrics() = 0;
  /// True when the last update led to the best weights so far.
  virtual bool is_best() const { return false; }
  /// `watch` is called from update, often, while it passes over a whole data set.
  virtual void watch_passes(PassWatch /*watch*/) {}
  /// The processes that train it together; null: this one alone.
  virtual Processes* processes() const { return nullptr; }

  /// Everything that a resumed run needs, as a safetensors container with `about` in its metadata.
  /// Equal learners give equal bytes.
  virtual std::vector<std::byte> checkpoint(
      const std::map<std::string, std::string>& about) const = 0;
  /// The weights that never change, a container of the same kind that stands once in a run; empty
  /// where there are none. They are no part of `checkpoint`.
  virtual std::vector<std::byte> frozen() const { return {}; }
  virtual void restore_frozen(std::span<const std::byte> /*bytes*/, const std::string& /*name*/) {}
  /// Goes on from `bytes`; `name` is for errors. After an error it must not be used further.
  virtual void restore(std::span<const std::byte> bytes, const std::string& name) = 0;
};

/// Length of a training and what is written meanwhile: the keys of both trainers.
struct LoopConfig {
  std::int64_t steps = 10'000;     // how many are planned, for the time left
  std::int64_t log_steps = 100;    // between lines of metrics.jsonl
  double checkpoint_seconds = 60;  // between checkpoints; 0: after every update

  /// `counted`: steps, by their name.
  void fields(Fields& v, const std::string& counted);
};

struct RunOptions {
  LoopConfig loop;
  std::map<std::string, Resume> resume_rules{};  // of the run's config
  bool is_resumed = false;
};

struct Progress {
  std::int64_t steps = 0;
  double seconds = 0;           // of training, over all sittings
  double steps_per_second = 0;  // since the last line
  double seconds_left = 0;
  runs::MetricsLine line;  // what was measured
};
struct RunCallbacks {
  std::function<void(const Progress&)> on_log;  // after each line of metrics.jsonl
  std::function<void(std::int64_t steps, double steps_per_second, double seconds_left)>
      on_update;                      // often
  PassWatch on_pass;                  // often while an update passes over a set
  std::function<bool()> should_stop;  // asked after each update; true: checkpoint and return
                                      // (with several processes, all one update later)
};
enum class RunEnd : std::uint8_t { kFinished, kStopped };

/// Trains until the learner is finished or until told to stop; the last thing written is a
/// checkpoint. With `is_resumed`, goes on from the newest checkpoint, or from the start where the
/// run was killed before its first one, and ends with the same bytes as a run that was never
/// stopped. A folder that another training is writing to, settings that do not belong to the
/// checkpoint, a trained run without one: clew::Error, with the folder as it was. What ends the run
/// later stands in log.txt. With several processes all make this call; that of rank 0 alone touches
/// `run` and calls back, but for should_stop.
RunEnd train_run(const std::filesystem::path& run, Learner& learner, const RunOptions& options,
                 const RunCallbacks& callbacks);

}  // namespace clew::train
