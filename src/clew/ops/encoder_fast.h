// SPDX-License-Identifier: Apache-2.0
// The encoder by the kernels of this module, with its place in the autograd graph. Private to the
// module.
#pragma once

#include <memory>

#include "clew/ops/encoder.h"
#include "clew/ops/kernels.h"

namespace clew::ops {

/// How its errors call it.
inline constexpr const char* kEncoderName = "encoder";

class FastEncoder {
 public:
  /// The kernels for these checked weights, or null when they are not for them.
  static const Kernels* serves(const EncoderWeights& weights, const EncoderOptions& options);

  /// Packs the weights and gives them a node in the graph if one of them needs a gradient.
  FastEncoder(const EncoderWeights& weights, const Kernels& kernels, const Workspace& workspace);

  /// frames [N,C,84,84] u8, checked -> [N,F] f32
  torch::Tensor forward(const torch::Tensor& frames) const;

  struct Tape;

 private:
  std::shared_ptr<Tape> tape_;
  // What every recorded call points to in the graph. Its node turns the tape into the weights'
  // gradients; autograd runs it once, after all calls that reach the loss.
  torch::Tensor token_;
};

}  // namespace clew::ops
