// SPDX-License-Identifier: Apache-2.0
// Nearest-neighbour upsampling to the size of another map.
#pragma once

#include "clew/ops/tensor.h"

namespace clew::nn {

/// x [B,C,h,w] f -> [B,C,H,W], the height and width of `like` [B,D,H,W], also in a TorchScript trace for other sizes
/// than the traced one. Gradient included.
torch::Tensor upsample_like(const torch::Tensor& x, const torch::Tensor& like);

}  // namespace clew::nn
