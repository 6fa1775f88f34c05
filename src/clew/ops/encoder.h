// SPDX-License-Identifier: Apache-2.0
// Pixels to features: conv + ReLU, conv + ReLU, linear + ReLU as one operator with its own
// gradient. Fast for the navigator's net on an x86 CPU (see `Encoder::fast`), plain LibTorch for
// everything else.
#pragma once

#include <memory>

#include "clew/ops/precision.h"
#include "clew/ops/tensor.h"
#include "clew/ops/workspace.h"

namespace clew::ops {

/// Names and layouts as in torch::nn. All of one floating type and on one device.
struct EncoderWeights {
  torch::Tensor conv1_weight;  // [C1,C,K1,K1]
  torch::Tensor conv1_bias;    // [C1]
  torch::Tensor conv2_weight;  // [C2,C1,K2,K2]
  torch::Tensor conv2_bias;    // [C2]
  torch::Tensor fc_weight;     // [F,C2*H2*W2], columns in the order c, y, x
  torch::Tensor fc_bias;       // [F]
};

struct EncoderOptions {
  int stride1 = 4;  // of the first convolution, no padding
  int stride2 = 2;  // of the second
  Precision precision =
      Precision::kFp32;      // of the fast kernels; the fall-back computes in the weights' type
  Workspace workspace = {};  // share one per worker to keep buffers between rollouts
};

/// The weights packed once, and the record of every call until backward: make one per rollout.
/// The weights' gradients of all its calls are computed together, when backward has passed the last
/// of them. Not for several threads at once; two threads may use two encoders on the same weights.
class Encoder {
 public:
  Encoder(EncoderWeights weights, EncoderOptions options);

  /// frames [N,C,H,W] u8 in [0,255], N > 0 -> features [N,F] of the weights' type, >= 0.
  /// Reads frames / 255. Keeps `frames` for backward: do not overwrite them before. No gradient to
  /// them, no second derivative. The weights must not have changed since construction.
  torch::Tensor operator()(const torch::Tensor& frames);

  /// Whether [C,H,W] frames go through the kernels of this module and not through LibTorch's
  /// operators: f32 weights on an x86 CPU, [C,84,84] frames, 16@8x8 stride 4, 32@4x4 stride 2.
  bool fast() const;

 private:
  struct State;
  std::shared_ptr<State> state_;
};

/// One call of an Encoder made for it.
torch::Tensor conv_encoder(const torch::Tensor& frames, const EncoderWeights& weights,
                           const EncoderOptions& options = {});

}  // namespace clew::ops
