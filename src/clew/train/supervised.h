// SPDX-License-Identifier: Apache-2.0
// Learning from examples: one Learner for every room that has a data set, a network and a loss. The
// room writes a Task; this does the rest: K workers in one process with a copy of the network and a
// slice of each batch each, gradients summed in a fixed order, one optimiser step, evaluation now
// and then, the best weights, early stop; in several processes, too (processes.h). Run folders and
// resuming are in loop.h.
#pragma once

#include <torch/nn/module.h>
#include <torch/types.h>

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "clew/core/config.h"
#include "clew/core/key.h"
#include "clew/data/dataset.h"
#include "clew/train/loop.h"

namespace clew::train {

struct SupervisedOptions {
  std::int64_t steps = 10'000;
  int batch = 128;
  int workers = 2;
  int loaders = 1;
  std::string precision = "fp32";
  std::string optimizer = "adam";
  double lr = 1e-3, lr_end = 0;
  std::string schedule = "cosine";
  std::int64_t warmup = 0, step_every = 1'000'000'000;
  double step_factor = 0.1;
  double momentum = 0.9, decay = 0.999, eps = 1e-8, weight_decay = 0;
  double clip = 0;
  double ema = 0;
  std::int64_t eval_steps = 1000;
  int patience = 0;
  std::int64_t log_steps = 100;
  double checkpoint_seconds = 60;

  void fields(Fields& v);
  /// The same with a precision that means the same everywhere (ops::resolve_precision).
  SupervisedOptions resolved() const;
  LoopOptions loop() const {
    return {.steps = steps, .log_steps = log_steps, .checkpoint_seconds = checkpoint_seconds};
  }
};

/// Parameters whose names start with `prefix` learn at their own rate; the longest prefix counts.
struct ParameterGroup {
  std::string prefix;
  double lr_factor = 1;     // times the learning rate; 0: frozen
  double decay_factor = 1;  // times the weight decay
};

/// What a network lost on a batch.
struct Loss {
  torch::Tensor value;          // 0-d f32 with its graph: the mean over the batch
  std::vector<Metric> metrics;  // means over the batch, always the same names
};

/// What a room says about its training.
class Task {
 public:
  virtual ~Task() = default;

  /// A network with new weights from LibTorch's generator, which the caller has seeded.
  virtual std::shared_ptr<torch::nn::Module> make_network() const = 0;
  /// Called by several threads at once, each with a network of its own. The network is in training
  /// mode, or in evaluation mode without a graph. `key` is the only source of randomness, such as a
  /// mask's: one of its own for each slice of a batch and each step (each batch, in an evaluation), the
  /// same however many processes share the slices. LibTorch's generator, from which
  /// torch::nn::Dropout draws, is shared by the threads and is not in a checkpoint.
  virtual Loss loss(torch::nn::Module& network, const data::Batch& batch, const Key& key) const = 0;
  virtual const data::Dataset& train_set() const = 0;
  virtual const data::Dataset& test_set() const = 0;
  virtual std::vector<ParameterGroup> groups(const torch::nn::Module& network) const;
  /// The metric of `loss` by which weights are the best ones: the smaller, the better.
  virtual std::string goal() const { return "loss"; }
};

/// Refuses what would fail only after a run folder was made: a batch that is smaller than the number
/// of all processes' workers or larger than the set. UsageError.
void check_training(const Task& task, const SupervisedOptions& options, int processes = 1);

class Supervised : public Learner {
 public:
  /// `task` and `processes` must outlive this. With N processes a batch has N times train.workers
  /// slices, and the weights are those of one process with as many workers: to the byte where
  /// train.workers is a power of two. All processes then make the same calls of update, evaluate
  /// and restore. Bad options: UsageError.
  Supervised(const Task& task, const SupervisedOptions& options, Key key,
             Processes* processes = nullptr);
  ~Supervised() override;
  Supervised(const Supervised&) = delete;
  Supervised& operator=(const Supervised&) = delete;

  void update() override;
  std::int64_t steps() const override;  // optimiser steps
  bool is_finished() const override;  // all steps made, or nothing better for train.patience times
  std::string early_end() const override;
  /// epoch, the task's metrics on the training batches, the same as test_<name> where the network
  /// was evaluated since the last call, grad_norm, lr.
  std::vector<Metric> take_metrics() override;
  bool is_best() const override;
  void watch_evaluations(std::function<void(double share)> watch) override;
  Processes* processes() const override;

  /// Weights and buffers under "network.", their moving average under "ema." where there is one,
  /// optimiser, counters.
  std::vector<std::byte> checkpoint(
      const std::map<std::string, std::string>& about = {}) const override;
  void restore(std::span<const std::byte> bytes, const std::string& name) override;

  /// The network as it is now, without averaging; in training or evaluation mode, as the last call
  /// left it. For looking, not for changing.
  torch::nn::Module& network();
  /// Calls `look` while the network has the weights that are evaluated: their moving average where
  /// there is one.
  void with_evaluated_weights(const std::function<void()>& look);

  /// Means of the task's metrics over its whole test set, with the averaged weights where there are
  /// any. Blocks.
  std::vector<Metric> evaluate();

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

/// Copies the weights (their average where there is one) and buffers of a checkpoint into `network`
/// and puts it into evaluation mode. Missing or misshapen: clew::Error.
void load_network(torch::nn::Module& network, std::span<const std::byte> checkpoint,
                  const std::string& name);

}  // namespace clew::train
