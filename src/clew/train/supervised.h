// SPDX-License-Identifier: Apache-2.0
// Learning from examples: the Learner of every Task (task.h). K workers in one process with a copy of
// the network and a slice of each batch each, gradients summed in a fixed order, one optimiser step,
// evaluation on the validation set now and then, the best weights, early stop; in several processes,
// too (processes.h). Run folders and resuming are in loop.h.
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

/// Part of a batch that batch norms see in training.
enum class BatchNormMode : std::uint8_t {
  kSlice,   // their worker's slice
  kSync,    // all slices, of networks of clew::nn::BatchNorm2d
  kFrozen,  // nothing: they keep their statistics, weights and biases
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
  /// The same with a precision that means the same everywhere (ops::resolve_precision).
  SupervisedOptions resolved() const;
};

/// Refuses what would fail only after a run folder was made: a device that this machine or this LibTorch has not, a batch that is smaller than the number
/// of all processes' workers or larger than the set, no validation set, a monitored measure that the
/// evaluator does not give. UsageError.
void check_training(const Task& task, const SupervisedOptions& options, int processes = 1);

/// What a training has beside task and options.
struct Beginning {
  /// Sets the weights of the first network, before workers share them; a restored training needs none.
  std::function<void(torch::nn::Module& network)> load{};
  std::vector<ParameterRule> rules{};       // behind the task's
  bool keeps_frozen_in_checkpoint = false;  // else apart (Learner::frozen)
  std::filesystem::path keep_folder{};      // of kept outputs of a frozen part; empty: in memory
};

class Supervised : public Learner {
 public:
  /// `task` and `processes` must outlive this. With N processes a batch has N times train.workers
  /// slices, and the weights are those of one process with as many workers: to the byte where
  /// train.workers is a power of two. All processes then make the same calls of update, evaluate
  /// and restore. Bad options: UsageError.
  Supervised(const Task& task, const SupervisedOptions& options, Key key,
             Processes* processes = nullptr, const Beginning& beginning = {});
  ~Supervised() override;
  Supervised(const Supervised&) = delete;
  Supervised& operator=(const Supervised&) = delete;

  void update() override;
  std::int64_t steps() const override;  // optimiser steps
  /// Time that update() has waited for its loaders, since this was made.
  double waited_seconds() const;
  bool is_finished() const override;  // all steps made, or nothing better for train.patience times
  std::string early_end() const override;
  /// epoch, the metrics of the loss, the evaluator's measures as val_<name> (absent where the
  /// network was not evaluated since the last call), grad_norm, lr.
  std::vector<runs::Metric> take_metrics() override;
  bool is_best() const override;
  void watch_passes(PassWatch watch) override;
  Processes* processes() const override;

  /// Weights that learn and buffers under "network.", their moving average under "ema." where there is one,
  /// optimiser, counters.
  std::vector<std::byte> checkpoint(
      const std::map<std::string, std::string>& about = {}) const override;
  void restore(std::span<const std::byte> bytes, const std::string& name) override;
  /// Frozen weights under "network.".
  std::vector<std::byte> frozen() const override;
  void restore_frozen(std::span<const std::byte> bytes, const std::string& name) override;

  /// The network as it is now, without averaging; in training or evaluation mode, as the last call
  /// left it. For looking, not for changing.
  torch::nn::Module& network();
  /// Calls `look` while the network has the weights that are evaluated: their moving average where
  /// there is one.
  void with_evaluated_weights(const std::function<void()>& look);

  /// Measures on the whole validation set, with the averaged weights where there are any. Blocks.
  std::vector<runs::Measure> evaluate();

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

/// Copies the weights (their average where there is one) and buffers of a checkpoint into `network`
/// and puts it into evaluation mode; `frozen` has the weights that never change, where there are any.
/// Missing or misshapen: clew::Error.
void load_network(torch::nn::Module& network, std::span<const std::byte> checkpoint,
                  const std::string& name, std::span<const std::byte> frozen = {});
void load_network(torch::nn::Module& network, const Checkpoint& checkpoint);

}  // namespace clew::train
