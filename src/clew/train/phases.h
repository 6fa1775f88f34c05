// SPDX-License-Identifier: Apache-2.0
// Training in consecutive phases on the same network, each with its own task, options and rules:
// alternating training, or warming up a new layer while the rest is frozen.
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

/// Loss, data, sampler and evaluator are `task`'s, length and schedule are `options`'.
struct Phase {
  std::string name;
  const Task* task = nullptr;  // must outlive the training
  SupervisedOptions options;
  std::vector<ParameterRule> rules{};  // applied after the task's
};

/// Each phase starts with a new optimiser, moving average and counters, and with the weights
/// (averaged, where the last phase averaged them) and buffers of the last one.
class Phases : public Learner {
 public:
  /// At least one phase; the tasks make networks with the same parameters and buffers. Invalid
  /// options of any phase: UsageError, here and not when the phase starts. `beginning`: weights of
  /// the first phase, rules and keep_folder of all.
  Phases(std::vector<Phase> phases, Key key, Processes* processes = nullptr,
         const Beginning& beginning = {});
  ~Phases() override;
  Phases(const Phases&) = delete;
  Phases& operator=(const Phases&) = delete;

  void update() override;
  std::int64_t steps() const override;  // of all phases so far
  bool is_finished() const override;    // the last phase is
  std::string early_end() const override;
  /// Metrics of the phase's Supervised, and "phase", its number from 1.
  std::vector<runs::Metric> take_metrics() override;
  /// Only of the last phase.
  bool is_best() const override;
  void watch_passes(PassWatch watch) override;
  Processes* processes() const override;
  /// With the frozen weights: another phase may train them.
  std::vector<std::byte> checkpoint(
      const std::map<std::string, std::string>& about = {}) const override;
  void restore(std::span<const std::byte> bytes, const std::string& name) override;

  /// Phase of the next step, from 0; of the last step where training is finished.
  std::size_t phase() const;
  Supervised& learner();

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace clew::train
