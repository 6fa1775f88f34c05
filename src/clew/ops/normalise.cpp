// SPDX-License-Identifier: Apache-2.0
#include "clew/ops/normalise.h"

#include <torch/utils.h>

#include <algorithm>
#include <cmath>

#include "clew/core/error.h"

namespace clew::ops {
namespace {

/// False for the identity.
bool check_statistics(const torch::Tensor& images, const ChannelStatistics& statistics) {
  CLEW_CHECK(images.defined() && images.dim() >= 3 && images.is_floating_point(),
             "images to normalise must be [...,C,H,W] of floats, got ",
             images.defined() ? concat(images.sizes(), " of ", images.scalar_type()) : "nothing");
  const auto& [mean, deviation] = statistics;
  if (mean.empty() && deviation.empty()) return false;
  const auto channels = static_cast<std::size_t>(images.size(-3));
  CLEW_CHECK(mean.size() == channels && deviation.size() == channels, "images of ", channels,
             " channels need as many means and deviations, got ", mean.size(), " and ",
             deviation.size());
  CLEW_CHECK(std::ranges::all_of(mean, [](double x) { return std::isfinite(x); }) &&
                 std::ranges::all_of(deviation, [](double x) { return std::isfinite(x) && x > 0; }),
             "means of channels must be numbers and deviations above 0");
  return true;
}

/// [C,1,1] of the images' type.
torch::Tensor column_of(const std::vector<double>& values, const torch::Tensor& images) {
  return torch::tensor(values, torch::kFloat64).to(images.options()).view({-1, 1, 1});
}

}  // namespace

ChannelStatistics imagenet_statistics() {
  return {.mean = {0.485, 0.456, 0.406}, .deviation = {0.229, 0.224, 0.225}};
}

torch::Tensor normalise(const torch::Tensor& images, const ChannelStatistics& statistics) {
  if (!check_statistics(images, statistics)) return images;
  return (images - column_of(statistics.mean, images)) / column_of(statistics.deviation, images);
}

torch::Tensor denormalise(const torch::Tensor& images, const ChannelStatistics& statistics) {
  if (!check_statistics(images, statistics)) return images;
  return images * column_of(statistics.deviation, images) + column_of(statistics.mean, images);
}

}  // namespace clew::ops
