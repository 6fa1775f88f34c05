// SPDX-License-Identifier: Apache-2.0
// Heat maps of the places that speak for a class: Grad-CAM (Selvaraju et al. 2017).
#pragma once

#include <cstdint>

#include "clew/image/image.h"
#include "clew/nn/backbones/backbone.h"
#include "clew/ops/tensor.h"

namespace clew::classify {

/// image [3,H,W] f32 in [0,1] -> [H,W] f32 in [0,1]: how much each place of the last map of features
/// raises the logit of `output`, enlarged bilinearly; the largest is 1, and 0 where nothing does. The network is to
/// be in evaluation mode.
torch::Tensor grad_cam(const nn::BackboneImpl& network, const torch::Tensor& image,
                       std::int64_t output);

/// image [3,H,W] f32 in [0,1] under heat [H,W] f32 in [0,1], from clear to red and yellow.
image::Image draw_heat(const torch::Tensor& image, const torch::Tensor& heat);

}  // namespace clew::classify
