// SPDX-License-Identifier: Apache-2.0
// A supervised task: network, loss, data and evaluator. Training: supervised.h.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "clew/core/key.h"
#include "clew/data/dataset.h"
#include "clew/data/sampler.h"
#include "clew/ops/tensor.h"
#include "clew/runs/metrics.h"
#include "clew/train/evaluator.h"
#include "clew/train/kept_outputs.h"
#include "clew/train/rules.h"

namespace clew::train {

/// Loss of a batch, or of a slice of one.
struct Loss {
  torch::Tensor value;                  // 0-d f32 with its graph: mean over the counted items
  std::vector<runs::Metric> metrics{};  // means over the same, always the same names
  // Number of counted items: examples, anchors, pixels. Absent: the batch size. 0: the slice is
  // ignored.
  std::optional<double> weight{};
};

/// Thread-safe: calls come from several threads at once, each with its own network.
class Task {
 public:
  virtual ~Task() = default;
  Task() = default;
  Task(const Task&) = delete;
  Task& operator=(const Task&) = delete;

  /// Network with random weights from LibTorch's generator, which the caller has seeded.
  virtual std::shared_ptr<torch::nn::Module> make_network() const = 0;
  /// Outputs of `network` for a batch, as columns: the loss's inputs in training mode, the
  /// evaluator's in evaluation mode (without autograd). `key` is the only allowed source of
  /// randomness, such as dropout's: one for each slice of each step (each batch of an evaluation),
  /// for any number of processes. Not LibTorch's generator, from which torch::nn::Dropout draws:
  /// threads share it, and it is not in a checkpoint.
  virtual data::Batch forward(torch::nn::Module& network, const data::Batch& batch,
                              const Key& key) const = 0;
  /// Loss of the outputs of `forward` in training mode.
  virtual Loss loss(const data::Batch& outputs, const data::Batch& batch, const Key& key) const = 0;
  /// Absent: the loss of a batch is the mean of its slices' losses. Else, such as for losses over
  /// pairs of examples, `loss` is called once with the outputs of all slices and only these columns
  /// of the batch.
  virtual std::optional<std::vector<std::string>> whole_batch_columns() const { return {}; }

  virtual std::unique_ptr<Evaluator> make_evaluator() const = 0;
  /// Monitored metric: the measure by which the best weights are chosen.
  virtual std::string monitor() const { return "loss"; }

  /// Sampler of training batches of at most `batch` examples. Null: every example once an epoch, in
  /// an order drawn from `key`.
  virtual std::shared_ptr<const data::Sampler> make_sampler(int /*batch*/,
                                                            const Key& /*key*/) const {
    return nullptr;
  }
  virtual const data::Dataset& train_set() const = 0;
  /// For the choice of the best weights.
  virtual const data::Dataset& validation_set() const = 0;
  /// Read by `clew eval` alone.
  virtual const data::Dataset& test_set() const = 0;

  /// Learning rate factors and freezing of parameters of `network`.
  virtual std::vector<ParameterRule> rules(const torch::nn::Module& /*network*/) const {
    return {};
  }
  /// Part of `network` whose outputs train.kept_versions caches. Absent: its first parameters are
  /// trained, or the task has no such part.
  virtual std::optional<FrozenPrefix> frozen_prefix(
      const torch::nn::Module& /*network*/,
      const std::function<bool(const std::string& name)>& /*is_frozen*/) const {
    return {};
  }
};

}  // namespace clew::train
