// SPDX-License-Identifier: Apache-2.0
// Class activation maps: Grad-CAM (Selvaraju et al. 2017).
#pragma once

#include <cstdint>

#include "clew/image/image.h"
#include "clew/nn/backbones/backbone.h"
#include "clew/ops/tensor.h"

namespace clew::classify {

/// image [3,H,W] f32 in [0,1] -> heat [H,W] f32 in [0,1]: Grad-CAM of logit `output` at the last
/// feature map, upsampled bilinearly, scaled to a maximum of 1; all 0 without positive evidence.
/// The network must be in evaluation mode.
torch::Tensor grad_cam(const nn::BackboneImpl& network, const torch::Tensor& image,
                       std::int64_t output);

/// image [3,H,W] f32 in [0,1], overlaid with heat [H,W] f32 in [0,1]: transparent to red to yellow.
image::Image draw_heat(const torch::Tensor& image, const torch::Tensor& heat);

}  // namespace clew::classify
