// SPDX-License-Identifier: Apache-2.0
// SGD, RMSProp, Adam and AdamW over one flat tensor. State is plain named tensors, for checkpoints.
// Learning rate schedules: schedule.h.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "clew/core/config.h"
#include "clew/core/pool.h"
#include "clew/ops/tensor.h"

namespace clew::train {

enum class OptimizerKind : std::uint8_t {
  kSgd,      // m <- momentum m + g; w <- w - lr m
  kRmsprop,  // s <- decay s + (1 - decay) g^2; m <- momentum m + g / sqrt(s / (1 - decay^t) + eps);
             // w <- w - lr m. Mnih et al. 2016, eq. S2-S3 (eps stands under the root), with Adam's
             // correction of s: without it the first steps are ten times too long.
  kAdam,     // Kingma and Ba 2014, algorithm 1
  kAdamW,    // Adam with decoupled weight decay: Loshchilov and Hutter 2017
};
constexpr auto names(OptimizerKind) {
  using enum OptimizerKind;
  return std::to_array<Named<OptimizerKind>>(
      {{kSgd, "sgd"}, {kRmsprop, "rmsprop"}, {kAdam, "adam"}, {kAdamW, "adamw"}});
}

/// Optimiser keys of both trainers.
struct OptimizerConfig {
  OptimizerKind optimizer = OptimizerKind::kAdam;
  double momentum = 0.9;              // of SGD and RMSProp
  double decay = 0.99;                // of RMSProp's mean square
  double beta1 = 0.9, beta2 = 0.999;  // of Adam and AdamW
  double eps = 1e-8;                  // in RMSProp's and Adam's root
  double weight_decay = 0;  // added to g as weight_decay w; AdamW: w <- w - lr weight_decay w
  double clip = 0;          // maximal norm of g (clip_norm); 0: no limit

  void fields(Fields& v);
};

/// Per-parameter factors [P]; undefined: 1 everywhere.
struct ParameterFactors {
  torch::Tensor lr = {};     // times the learning rate
  torch::Tensor decay = {};  // times weight_decay
};

class Optimizer {
 public:
  /// `like` [P]: the parameters; only its shape, dtype and device are used.
  Optimizer(const OptimizerConfig& config, const torch::Tensor& like,
            ParameterFactors factors = {});

  /// Updates values [P] in place; gradients [P] may change, too (weight decay). Values that are not
  /// finite afterwards: clew::Error. Runs on the threads of `pool`, or LibTorch's without one; the
  /// result is the same for any number of threads.
  void step(const torch::Tensor& values, const torch::Tensor& gradients, double lr,
            ThreadPool* pool = nullptr);

  std::int64_t steps() const { return steps_; }
  void set_steps(std::int64_t steps) { steps_ = steps; }
  /// Every state tensor by name; copy into them to restore.
  std::vector<std::pair<std::string, torch::Tensor>> state() const;

 private:
  void move(const torch::Tensor& values, const torch::Tensor& gradients, double lr,
            std::int64_t begin, std::int64_t size) const;

  OptimizerConfig config_;
  ParameterFactors factors_;
  torch::Tensor square_, mean_;
  std::int64_t steps_ = 0;
};

/// Scales gradients [P] in place so that their norm is at most `limit` (0: no limit); returns the
/// norm before.
double clip_norm(const torch::Tensor& gradients, double limit);

}  // namespace clew::train
