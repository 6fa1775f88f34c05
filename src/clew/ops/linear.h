// SPDX-License-Identifier: Apache-2.0
// Linear layer with optional ReLU, as one operator with its own gradient. Own kernels for f32 on a
// CPU, independent of the BLAS; LibTorch's operators else, within an Autocast and in TorchScript
// traces.
#pragma once

#include "clew/ops/precision.h"
#include "clew/ops/tensor.h"
#include "clew/ops/workspace.h"

namespace clew::ops {

struct LinearOptions {
  bool has_relu = false;
  Precision precision = Precision::kFp32;  // of the fast kernels
  Workspace workspace = {};                // share one per worker to keep buffers
};

/// x [N,I] f, N > 0; weight [O,I] and bias [O] as in torch::nn::Linear -> [N,O] of the same type.
/// Gradients to all three; no second derivative from f32 kernels.
torch::Tensor linear(const torch::Tensor& x, const torch::Tensor& weight, const torch::Tensor& bias,
                     const LinearOptions& options = {});

}  // namespace clew::ops
