// SPDX-License-Identifier: Apache-2.0
// LSTM cell by this module's kernels, as a node of the autograd graph. Private to the module.
#pragma once

#include <memory>

#include "clew/ops/kernels.h"
#include "clew/ops/lstm.h"

namespace clew::ops {

/// Name for errors.
inline constexpr const char* kLstmName = "lstm";

class FastLstm {
 public:
  /// Kernels for these checked weights; null if not supported.
  static const Kernels* serves(const LstmWeights& weights, const LstmOptions& options);

  FastLstm(const LstmWeights& weights, const Kernels& kernels, const Workspace& workspace);

  /// Shapes checked; inputs, h and c f32.
  LstmOut step(torch::TensorList inputs, const torch::Tensor& h, const torch::Tensor& c) const;

  struct Tape;

 private:
  std::shared_ptr<Tape> tape_;
  torch::Tensor token_;  // as in FastEncoder
};

}  // namespace clew::ops
