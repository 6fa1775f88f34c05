// SPDX-License-Identifier: Apache-2.0
// Conversion between pictures and tensors, with optional normalisation.
#pragma once

#include "clew/image/image.h"
#include "clew/ops/normalise.h"
#include "clew/ops/tensor.h"

namespace clew::data {

/// picture [H,W,C] u8 -> [C,H,W] f32 in [0,1], then normalised by `statistics`. Owns its memory.
[[nodiscard]] torch::Tensor to_tensor(const image::Image& picture,
                                      const ops::ChannelStatistics& statistics = {});
/// picture [H,W,C] f32, the same.
[[nodiscard]] torch::Tensor to_tensor(const image::FloatImage& picture,
                                      const ops::ChannelStatistics& statistics = {});
/// Inverse: tensor [1|3,H,W] f32 -> [H,W,C] u8, rounded and clamped. Another shape or dtype:
/// clew::Error.
[[nodiscard]] image::Image to_image(const torch::Tensor& tensor,
                                    const ops::ChannelStatistics& statistics = {});

}  // namespace clew::data
