// SPDX-License-Identifier: Apache-2.0
// LSTM cell as one operator with its own gradient; the loop over time is the caller's. Fast for f32
// on x86 CPUs, else LibTorch's operators.
#pragma once

#include <memory>

#include "clew/ops/precision.h"
#include "clew/ops/tensor.h"
#include "clew/ops/workspace.h"

namespace clew::ops {

/// Layouts of torch::nn::LSTMCell: gates in the order input, forget, cell, output.
struct LstmWeights {
  torch::Tensor w_ih;  // [4H,I]
  torch::Tensor w_hh;  // [4H,H]
  torch::Tensor b_ih;  // [4H]
  torch::Tensor b_hh;  // [4H]
};

struct LstmOptions {
  Precision precision =
      Precision::kFp32;      // of the fast kernels; the fallback uses the weights' type
  Workspace workspace = {};  // share one per worker to keep buffers between rollouts
};

struct LstmOut {
  torch::Tensor h;  // [N,H]
  torch::Tensor c;  // [N,H]
};

/// Packed weights, and a tape of all steps until backward: make one per rollout. Weight gradients
/// of all steps are computed together, after the first step's backward. Not thread-safe; two
/// threads may use two Lstms of the same weights.
class Lstm {
 public:
  Lstm(LstmWeights weights, LstmOptions options);

  /// inputs [N,I_k] with sum of I_k = I (concatenated without a copy), h [N,H], c [N,H] -> h, c
  /// [N,H]. Gradients to inputs, h, c and the weights; no second derivative. The weights must not
  /// have changed since construction.
  LstmOut operator()(torch::TensorList inputs, const torch::Tensor& h, const torch::Tensor& c);

  bool fast() const;

 private:
  struct State;
  std::shared_ptr<State> state_;
};

/// One step of a temporary Lstm.
LstmOut lstm_step(const torch::Tensor& x, const torch::Tensor& h, const torch::Tensor& c,
                  const LstmWeights& weights, const LstmOptions& options = {});

}  // namespace clew::ops
