// SPDX-License-Identifier: Apache-2.0
// Fused 2x2 max pooling and ReLU, for small networks, where LibTorch's two operators spend most of
// their time on discarded values.
#pragma once

#include "clew/ops/tensor.h"

namespace clew::ops {

/// images [B,C,H,W] f -> relu(max_pool2d(images, 2)), [B,C,H/2,W/2]; an odd last row or column is
/// dropped. Values and gradients equal LibTorch's (the first of equal maxima gets the gradient; NaN
/// is largest). Fast for f32 and bf16 on the CPU, channels last in memory, as is the result then,
/// without second derivative. Else, and in TorchScript traces, the two operators.
torch::Tensor max_pool_relu(const torch::Tensor& images);

}  // namespace clew::ops
