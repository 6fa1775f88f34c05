// SPDX-License-Identifier: Apache-2.0
// Channels of images brought to the mean and spread that a network was trained with, and back.
#pragma once

#include <vector>

#include "clew/ops/tensor.h"

namespace clew::ops {

/// Mean and standard deviation of each channel of images in [0,1]; empty: images stay as they are.
struct ChannelStatistics {
  std::vector<double> mean, deviation;
  bool operator==(const ChannelStatistics&) const = default;
};
/// Those of ImageNet's training images, RGB, which torchvision's networks are trained with.
[[nodiscard]] ChannelStatistics imagenet_statistics();

/// images [...,C,H,W] floating, in [0,1] -> (images - mean) / deviation, the same type. As many means and
/// deviations as channels, deviations above 0: else clew::Error. With gradient.
[[nodiscard]] torch::Tensor normalise(const torch::Tensor& images,
                                      const ChannelStatistics& statistics);
/// The way back: images * deviation + mean.
[[nodiscard]] torch::Tensor denormalise(const torch::Tensor& images,
                                        const ChannelStatistics& statistics);

}  // namespace clew::ops
