// SPDX-License-Identifier: Apache-2.0
// A training in phases, one after the other on the same network, each with its own task, options and rules:
// alternating training, or a new layer that is warmed up while the rest is frozen.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "clew/core/key.h"
#include "clew/train/loop.h"
#include "clew/train/rules.h"
#include "clew/train/supervised.h"
#include "clew/train/task.h"

namespace clew::train {

/// Its loss, data, sampler and evaluator are those of `task`, its length and schedule those of
/// `options`.
struct Phase {
  std::string name;
  const Task* task = nullptr;  // must outlive the training
  SupervisedOptions options;
  std::vector<ParameterRule> rules{};  // behind the task's
};

/// Resumable between any two steps like every Learner. Optimiser, moving average and counters begin
/// anew with each phase; weights and buffers go on (the averaged ones where there are such).
class Phases : public Learner {
 public:
  /// At least one phase; the tasks make networks with the same parameters and buffers. Options of
  /// any phase that cannot be: UsageError, now and not when it begins.
  /// `beginning` gives the first phase its weights, and all of them rules and a place for kept outputs.
  Phases(std::vector<Phase> phases, Key key, Processes* processes = nullptr,
         const Beginning& beginning = {});
  ~Phases() override;
  Phases(const Phases&) = delete;
  Phases& operator=(const Phases&) = delete;

  void update() override;
  std::int64_t steps() const override;  // of all phases so far
  bool is_finished() const override;    // the last phase is
  std::string early_end() const override;
  /// Those of the phase's Supervised, and "phase", its number from 1.
  std::vector<runs::Metric> take_metrics() override;
  /// Only of the last phase, whose weights are the training's.
  bool is_best() const override;
  void watch_passes(PassWatch watch) override;
  Processes* processes() const override;
  /// Frozen weights are in it, for another phase may train them.
  std::vector<std::byte> checkpoint(
      const std::map<std::string, std::string>& about = {}) const override;
  void restore(std::span<const std::byte> bytes, const std::string& name) override;

  /// The phase that the next step belongs to, unless it is finished; from 0.
  std::size_t phase() const;
  Supervised& learner();

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace clew::train
