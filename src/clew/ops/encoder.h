// SPDX-License-Identifier: Apache-2.0
// Image encoder: conv + ReLU, conv + ReLU, linear + ReLU as one operator with its own gradient.
// Fast for the navigator's network on x86 CPUs (Encoder::fast), else LibTorch's operators.
#pragma once

#include <memory>

#include "clew/ops/precision.h"
#include "clew/ops/tensor.h"
#include "clew/ops/workspace.h"

namespace clew::ops {

/// Layouts of torch::nn; one floating type, one device.
struct EncoderWeights {
  torch::Tensor conv1_weight;  // [C1,C,K1,K1]
  torch::Tensor conv1_bias;    // [C1]
  torch::Tensor conv2_weight;  // [C2,C1,K2,K2]
  torch::Tensor conv2_bias;    // [C2]
  torch::Tensor fc_weight;     // [F,C2*H2*W2], columns in the order c, y, x
  torch::Tensor fc_bias;       // [F]
};

struct EncoderOptions {
  int stride1 = 4;  // of the first convolution; no padding
  int stride2 = 2;  // of the second
  Precision precision =
      Precision::kFp32;      // of the fast kernels; the fallback uses the weights' type
  Workspace workspace = {};  // share one per worker to keep buffers between rollouts
};

/// Packed weights, and a tape of all calls until backward: make one per rollout. Weight gradients
/// of all calls are computed together at the end of backward. Not thread-safe; two threads may use
/// two encoders of the same weights.
class Encoder {
 public:
  Encoder(EncoderWeights weights, EncoderOptions options);

  /// frames [N,C,H,W] u8, scaled by 1/255, N > 0 -> features [N,F] of the weights' type, >= 0.
  /// Keeps `frames`, which must not change before backward. No gradient to frames, no second
  /// derivative. The weights must not have changed since construction.
  torch::Tensor operator()(const torch::Tensor& frames);

  /// True if this module's kernels are used: f32 weights on an x86 CPU, [C,84,84] frames, 16@8x8
  /// stride 4, 32@4x4 stride 2.
  bool fast() const;

 private:
  struct State;
  std::shared_ptr<State> state_;
};

/// One call of a temporary Encoder.
torch::Tensor conv_encoder(const torch::Tensor& frames, const EncoderWeights& weights,
                           const EncoderOptions& options = {});

}  // namespace clew::ops
