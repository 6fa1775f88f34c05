// SPDX-License-Identifier: Apache-2.0
// The convolution of a network's first layer, whose images have few channels. LibTorch's CPU
// kernels need many channels to be fast, above all for the gradient by the images, which a layer
// behind a spatial transformer must give.
#pragma once

#include "clew/ops/tensor.h"

namespace clew::ops {

/// images [B,C,H,W], weight [O,C,K,L], bias [O], all of one floating type -> [B,O,H-K+1,W-L+1],
/// channels last in memory: stride 1, no padding, no groups. As torch::conv2d to rounding, made for
/// C of at most 8. Gradients to all three, of any order. Computes in the
/// weight's type also under Autocast.
torch::Tensor narrow_conv2d(const torch::Tensor& images, const torch::Tensor& weight,
                            const torch::Tensor& bias);

/// The same images with strides that say "channels last" even where there is one channel, for which
/// both layouts are the same memory and LibTorch's convolution would take its slower kernels. Copies
/// only what lies otherwise. In a recording (TorchScript) the images as they are.
torch::Tensor channels_last(const torch::Tensor& images);

}  // namespace clew::ops
