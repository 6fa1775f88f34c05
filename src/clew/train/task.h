// SPDX-License-Identifier: Apache-2.0
// A task: what is learnt from examples, and how it is measured. How it is trained is in
// supervised.h.
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

/// What a network lost on the examples of a batch, or of a slice of one.
struct Loss {
  torch::Tensor value;                  // 0-d f32 with its graph: the mean over what counts
  std::vector<runs::Metric> metrics{};  // means over the same, always the same names
  // How much counted: examples, anchors, pixels. Absent: the examples of the batch. 0: nothing, and
  // the rest is ignored.
  std::optional<double> weight{};
};

/// All calls may come from several threads at once, each with a network of its own.
class Task {
 public:
  virtual ~Task() = default;
  Task() = default;
  Task(const Task&) = delete;
  Task& operator=(const Task&) = delete;

  /// A network with new weights from LibTorch's generator, which the caller has seeded.
  virtual std::shared_ptr<torch::nn::Module> make_network() const = 0;
  /// What `network` gives for a batch, as columns: in training mode what the loss needs, in
  /// evaluation mode, without a graph, what the evaluator does. `key` is the only source of
  /// randomness, such as dropout's: one of its own for each slice of each step (each batch of an
  /// evaluation), the same however many processes share the slices. LibTorch's generator, from which
  /// torch::nn::Dropout draws, is shared by the threads and is not in a checkpoint.
  virtual data::Batch forward(torch::nn::Module& network, const data::Batch& batch,
                              const Key& key) const = 0;
  /// The loss of what `forward` gave in training mode.
  virtual Loss loss(const data::Batch& outputs, const data::Batch& batch, const Key& key) const = 0;
  /// Absent: the loss of a batch is the mean of its slices' losses, each taken by itself. Else
  /// `loss` is called once with the outputs of all slices, such as for pairs of examples, and with
  /// these columns of the batch alone.
  virtual std::optional<std::vector<std::string>> whole_batch_columns() const { return {}; }

  virtual std::unique_ptr<Evaluator> make_evaluator() const = 0;
  /// The measure by which weights are the best ones.
  virtual std::string monitor() const { return "loss"; }

  /// Which training examples make up a batch of at most `batch`; none: all of them once an epoch, in
  /// an order that `key` draws.
  virtual std::shared_ptr<const data::Sampler> make_sampler(int /*batch*/,
                                                            const Key& /*key*/) const {
    return nullptr;
  }
  virtual const data::Dataset& train_set() const = 0;
  /// On which weights are chosen.
  virtual const data::Dataset& validation_set() const = 0;
  /// Read by `clew eval` alone.
  virtual const data::Dataset& test_set() const = 0;

  /// Which parameters of `network` learn at a rate of their own, or not at all.
  virtual std::vector<ParameterRule> rules(const torch::nn::Module& /*network*/) const {
    return {};
  }
  /// The part of `network` whose outputs can be kept where train.kept_versions asks for it; `is_frozen` says which
  /// parameters never change. None: something before all of it learns, or the task has no such part.
  virtual std::optional<FrozenPrefix> frozen_prefix(
      const torch::nn::Module& /*network*/,
      const std::function<bool(const std::string& name)>& /*is_frozen*/) const {
    return {};
  }
};

}  // namespace clew::train
