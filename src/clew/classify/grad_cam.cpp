// SPDX-License-Identifier: Apache-2.0
#include "clew/classify/grad_cam.h"

#include <torch/csrc/autograd/autograd.h>
#include <torch/types.h>
#include <torch/utils.h>

#include "clew/core/error.h"
#include "clew/data/image_tensor.h"

namespace clew::classify {

torch::Tensor grad_cam(const nn::BackboneImpl& network, const torch::Tensor& image,
                       std::int64_t output) {
  const auto& map = network.feature_maps().back().name;
  torch::Tensor features;
  {
    const torch::NoGradGuard no_grad;
    features = network.maps(image.unsqueeze(0), {map})[0];
  }
  const torch::AutoGradMode grad_mode(true);
  const auto leaf = features.detach().clone().set_requires_grad(true);
  const auto logits = network.from_map(map, leaf);
  CLEW_CHECK(output >= 0 && output < logits.size(1), "an output must be in 0..", logits.size(1) - 1,
             ", got ", output, " (grad_cam)");
  const auto gradient = torch::autograd::grad({logits[0][output]}, {leaf})[0];
  const torch::NoGradGuard no_grad;
  const auto weights = gradient.mean({2, 3}, true);      // equation 1
  auto heat = (weights * features).sum(1, true).relu();  // equation 2
  heat = at::upsample_bilinear2d(heat, {image.size(1), image.size(2)}, false)[0][0];
  const auto most = heat.max();
  return most.item<float>() > 0 ? heat / most : heat;
}

image::Image draw_heat(const torch::Tensor& image, const torch::Tensor& heat) {
  constexpr double kMostCover = 0.6;
  const auto cover = heat * kMostCover;
  const auto colour = torch::stack({torch::ones_like(heat), heat * heat, torch::zeros_like(heat)});
  return data::to_image(image * (1 - cover) + colour * cover);
}

}  // namespace clew::classify
