// SPDX-License-Identifier: Apache-2.0
// Normalisation of image channels by mean and standard deviation, and its inverse.
#pragma once

#include <vector>

#include "clew/ops/tensor.h"

namespace clew::ops {

/// Mean and standard deviation per channel, of images in [0,1]; empty: no normalisation.
struct ChannelStatistics {
  std::vector<double> mean, deviation;
  bool operator==(const ChannelStatistics&) const = default;
};
/// ImageNet's RGB statistics, as in torchvision.
[[nodiscard]] ChannelStatistics imagenet_statistics();

/// images [...,C,H,W] f in [0,1] -> (images - mean) / deviation, the same type, with gradient.
/// Another number of channels, deviations not above 0: clew::Error.
[[nodiscard]] torch::Tensor normalise(const torch::Tensor& images,
                                      const ChannelStatistics& statistics);
/// Inverse: images * deviation + mean.
[[nodiscard]] torch::Tensor denormalise(const torch::Tensor& images,
                                        const ChannelStatistics& statistics);

}  // namespace clew::ops
