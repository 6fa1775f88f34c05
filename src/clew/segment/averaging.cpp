// SPDX-License-Identifier: Apache-2.0
#include "clew/segment/averaging.h"

#include <torch/types.h>

#include <algorithm>

namespace clew::segment {
namespace {

using torch::Tensor;

/// images [B,3,h,w] -> [B,C,h,w] f32.
Tensor probabilities(const SegmentationNetwork& network, const Tensor& images, bool has_flip) {
  const auto of = [&](const Tensor& own) {
    return network.forward(own).logits().to(torch::kFloat32).softmax(1);
  };
  if (!has_flip) return of(images);
  return (of(images) + of(images.flip({3})).flip({3})) / 2;
}

}  // namespace

std::vector<std::int64_t> window_starts(std::int64_t side, std::int64_t window) {
  if (side <= window) return {0};
  const auto step = std::max<std::int64_t>(1, 2 * window / 3), free = side - window;
  const auto gaps = (free + step - 1) / step;
  std::vector<std::int64_t> starts;
  for (std::int64_t i = 0; i <= gaps; ++i) starts.push_back(i * free / gaps);
  return starts;
}

Tensor mean_probabilities(const SegmentationNetwork& network, const Tensor& image,
                          const AveragingOptions& options) {
  const torch::NoGradGuard no_grad;
  const auto images = image.unsqueeze(0);
  const auto height = image.size(1), width = image.size(2);
  const std::int64_t side = options.window == 0 ? std::max(height, width) : options.window;
  if (side >= height && side >= width) return probabilities(network, images, options.has_flip)[0];
  const auto window_height = std::min(side, height), window_width = std::min(side, width);
  Tensor sums, counts;
  for (const auto top : window_starts(height, side)) {
    for (const auto left : window_starts(width, side)) {
      const auto cut = [&](const Tensor& map) {
        return map.narrow(2, top, window_height).narrow(3, left, window_width);
      };
      const auto own = probabilities(network, cut(images), options.has_flip);
      if (!sums.defined()) {
        sums = torch::zeros({1, own.size(1), height, width}, own.options());
        counts = torch::zeros({1, 1, height, width}, own.options());
      }
      cut(sums).add_(own);
      cut(counts).add_(1);
    }
  }
  return (sums / counts)[0];
}

}  // namespace clew::segment
