// SPDX-License-Identifier: Apache-2.0
// Max pooling and ReLU in one, between the convolutions of small networks, where LibTorch's two
// operators spend most of their time on numbers that are thrown away.
#pragma once

#include "clew/ops/tensor.h"

namespace clew::ops {

/// images [B,C,H,W] -> relu(max_pool2d(images, 2)), [B,C,H/2,W/2]; an odd last row or column is left
/// out. The same numbers as LibTorch's two operators, gradients too (the first of equal pixels gets
/// it, none where the largest is not positive; NaN is largest). Fast for f32 and bf16 on the CPU with
/// channels last in memory, as the result is then; that has no second derivative. Others, and
/// recordings (TorchScript), take the two operators.
torch::Tensor max_pool_relu(const torch::Tensor& images);

}  // namespace clew::ops
