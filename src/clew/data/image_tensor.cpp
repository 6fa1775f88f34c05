// SPDX-License-Identifier: Apache-2.0
#include "clew/data/image_tensor.h"

#include <torch/utils.h>

#include <cstring>

#include "clew/core/error.h"

namespace clew::data {

torch::Tensor to_tensor(const image::FloatImage& picture,
                        const ops::ChannelStatistics& statistics) {
  const auto planes = image::to_planes(picture);
  const auto tensor =
      torch::empty({picture.channels, picture.height, picture.width}, torch::kFloat32);
  std::memcpy(tensor.data_ptr<float>(), planes.data(), planes.size() * sizeof(float));
  return ops::normalise(tensor, statistics);
}

torch::Tensor to_tensor(const image::Image& picture, const ops::ChannelStatistics& statistics) {
  return to_tensor(image::to_float(picture), statistics);
}

image::Image to_image(const torch::Tensor& tensor, const ops::ChannelStatistics& statistics) {
  CLEW_CHECK(tensor.defined() && tensor.dim() == 3 &&
                 (tensor.size(0) == 1 || tensor.size(0) == 3) &&
                 tensor.scalar_type() == torch::kFloat32,
             "a picture's tensor must be [1|3,H,W] of Float, got ",
             tensor.defined() ? concat(tensor.sizes(), " of ", tensor.scalar_type()) : "nothing");
  const torch::NoGradGuard no_grad;
  const auto pixels = ops::denormalise(tensor, statistics).to(torch::kCPU).contiguous();
  const float* const data = pixels.data_ptr<float>();
  return image::to_bytes(
      image::from_planes({data, data + pixels.numel()}, static_cast<int>(tensor.size(2)),
                         static_cast<int>(tensor.size(1)), static_cast<int>(tensor.size(0))));
}

}  // namespace clew::data
