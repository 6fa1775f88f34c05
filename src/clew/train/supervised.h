// SPDX-License-Identifier: Apache-2.0
// Supervised training: the Learner of every Task (task.h). Data-parallel over K workers per
// process, each with a copy of the network and a slice of each batch, and over processes
// (processes.h); gradients are summed in a fixed order. Validation, best weights, early stopping.
// Run folders and resuming: loop.h.
#pragma once

#include <array>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "clew/core/config.h"
#include "clew/core/key.h"
#include "clew/ops/precision.h"
#include "clew/ops/tensor.h"
#include "clew/train/loop.h"
#include "clew/train/optimizer.h"
#include "clew/train/rules.h"
#include "clew/train/run_folder.h"
#include "clew/train/schedule.h"
#include "clew/train/task.h"

namespace clew::train {

/// Examples over which batch norms take their statistics in training.
enum class BatchNormMode : std::uint8_t {
  kSlice,   // the worker's slice
  kSync,    // the whole batch; only networks of clew::nn::BatchNorm2d
  kFrozen,  // none: statistics, weights and biases are frozen
};
constexpr auto names(BatchNormMode) {
  return std::to_array<Named<BatchNormMode>>({{BatchNormMode::kSlice, "slice"},
                                              {BatchNormMode::kSync, "sync"},
                                              {BatchNormMode::kFrozen, "frozen"}});
}

/// Device of networks and batches.
enum class TrainDevice : std::uint8_t { kCpu, kCuda };
constexpr auto names(TrainDevice) {
  return std::to_array<Named<TrainDevice>>(
      {{TrainDevice::kCpu, "cpu"}, {TrainDevice::kCuda, "cuda"}});
}

struct SupervisedOptions : LoopConfig, ScheduleConfig, OptimizerConfig {
  int batch = 128;
  int workers = 2;
  int threads = 1;
  int loaders = 1;
  TrainDevice device = TrainDevice::kCpu;
  ops::PrecisionChoice precision = ops::PrecisionChoice::kFp32;
  BatchNormMode batch_norm = BatchNormMode::kSlice;
  double ema = 0;
  std::int64_t eval_steps = 1000;
  int patience = 0;
  int kept_versions = 0;
  std::vector<std::string> phases;

  void fields(Fields& v);
  /// Copy with a precision that does not depend on the machine (ops::resolve_precision).
  SupervisedOptions resolved() const;
};

/// Checks before a run folder is made: device available, batch size between the number of all
/// processes' workers and the size of the set, a validation set, a monitored metric that the
/// evaluator has. Else UsageError.
void check_training(const Task& task, const SupervisedOptions& options, int processes = 1);

/// Initial weights, and settings of a training beside task and options.
struct Beginning {
  /// Loads the initial weights, before workers share them; not needed for a restored training.
  std::function<void(torch::nn::Module& network)> load{};
  std::vector<ParameterRule> rules{};       // applied after the task's
  bool keeps_frozen_in_checkpoint = false;  // else separate (Learner::frozen)
  std::filesystem::path keep_folder{};      // cache of the frozen prefix's outputs; empty: memory
};

class Supervised : public Learner {
 public:
  /// `task` and `processes` must outlive this. With N processes a batch has N times train.workers
  /// slices, and the weights equal those of one process with that many workers: to the byte where
  /// train.workers is a power of two. update, evaluate and restore are collective. Invalid options:
  /// UsageError.
  Supervised(const Task& task, const SupervisedOptions& options, Key key,
             Processes* processes = nullptr, const Beginning& beginning = {});
  ~Supervised() override;
  Supervised(const Supervised&) = delete;
  Supervised& operator=(const Supervised&) = delete;

  void update() override;
  std::int64_t steps() const override;  // optimiser steps
  /// Total time that update() has waited for data.
  double waited_seconds() const;
  bool is_finished() const override;  // all steps made, or train.patience exhausted
  std::string early_end() const override;
  /// epoch, the loss's metrics, the evaluator's measures as val_<name> (absent without an
  /// evaluation since the last call), grad_norm, lr.
  std::vector<runs::Metric> take_metrics() override;
  bool is_best() const override;
  void watch_passes(PassWatch watch) override;
  Processes* processes() const override;

  /// Trainable weights and buffers under "network.", their moving average under "ema." where there
  /// is one, optimiser state, counters.
  std::vector<std::byte> checkpoint(
      const std::map<std::string, std::string>& about = {}) const override;
  void restore(std::span<const std::byte> bytes, const std::string& name) override;
  /// Frozen weights under "network.".
  std::vector<std::byte> frozen() const override;
  void restore_frozen(std::span<const std::byte> bytes, const std::string& name) override;

  /// Current network, without averaging, in the mode that the last call left it in. Must not be
  /// changed.
  torch::nn::Module& network();
  const Task& task() const;
  /// Calls `look` while the network is in evaluation mode and has the evaluated weights: the moving
  /// average where there is one.
  void with_evaluated_weights(const std::function<void()>& look);

  /// Measures of the evaluated weights on the whole validation set. Blocks.
  std::vector<runs::Measure> evaluate();

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

/// Copies weights (the moving average where there is one) and buffers of a checkpoint into
/// `network` and sets evaluation mode; `frozen`: container of frozen weights. Missing or misshapen:
/// clew::Error.
void load_network(torch::nn::Module& network, std::span<const std::byte> checkpoint,
                  const std::string& name, std::span<const std::byte> frozen = {});
void load_network(torch::nn::Module& network, const Checkpoint& checkpoint);

}  // namespace clew::train
