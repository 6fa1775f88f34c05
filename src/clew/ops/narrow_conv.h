// SPDX-License-Identifier: Apache-2.0
// Convolution of images with few channels, as in a first layer. LibTorch's CPU kernels need many
// channels to be fast, above all for the gradient w.r.t. the images, which a layer after a spatial
// transformer needs.
#pragma once

#include "clew/ops/tensor.h"

namespace clew::ops {

/// images [B,C,H,W], weight [O,C,K,L], bias [O], of one floating type -> [B,O,H-K+1,W-L+1],
/// channels last in memory: stride 1, no padding, no groups. As torch::conv2d up to rounding, made
/// for C of at most 8. Gradients to all three, of any order. Uses the weight's type also within an
/// Autocast.
torch::Tensor narrow_conv2d(const torch::Tensor& images, const torch::Tensor& weight,
                            const torch::Tensor& bias);

/// images in channels-last layout, with strides that say so even for one channel, where both
/// layouts are the same memory and LibTorch's convolution would choose slower kernels. Copies only
/// other layouts. Identity in a TorchScript trace.
torch::Tensor channels_last(const torch::Tensor& images);

}  // namespace clew::ops
