// SPDX-License-Identifier: Apache-2.0
// Encoder by this module's kernels, as a node of the autograd graph. Private to the module.
#pragma once

#include <memory>

#include "clew/ops/encoder.h"
#include "clew/ops/kernels.h"

namespace clew::ops {

/// Name for errors.
inline constexpr const char* kEncoderName = "encoder";

class FastEncoder {
 public:
  /// Kernels for these checked weights; null if not supported.
  static const Kernels* serves(const EncoderWeights& weights, const EncoderOptions& options);

  /// Packs the weights; adds a graph node if one of them requires a gradient.
  FastEncoder(const EncoderWeights& weights, const Kernels& kernels, const Workspace& workspace);

  /// frames [N,C,84,84] u8, checked -> [N,F] f32
  torch::Tensor forward(const torch::Tensor& frames) const;

  struct Tape;

 private:
  std::shared_ptr<Tape> tape_;
  // Input of every recorded call in the graph. Its node computes the weight gradients from the
  // tape; autograd runs it once, after all calls that reach the loss.
  torch::Tensor token_;
};

}  // namespace clew::ops
