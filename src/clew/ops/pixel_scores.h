// SPDX-License-Identifier: Apache-2.0
// Scores of classes on a coarse map, interpolated to pixels: cross-entropy and most likely classes without ever holding
// the scores of all pixels.
#pragma once

#include <cstdint>

#include "clew/ops/tensor.h"

namespace clew::ops {

/// Places of rows or columns of pixels on a map: pixel i lies first + i * step elements from the centre of element 0, and
/// not beyond the centres of the outermost elements.
struct MapAxis {
  double first = 0, step = 1;
};
struct MapAxes {
  MapAxis rows, columns;
};

/// scores [B,C,h,w] f -> [B,C,height,width], bilinear.
torch::Tensor interpolate_scores(const torch::Tensor& scores, const MapAxes& axes,
                                 std::int64_t height, std::int64_t width);

struct PixelCrossEntropy {
  torch::Tensor
      sum;  // 0-d, of -weight[class] log softmax(scores)[class] of the counted pixels, in nats
  double weight = 0;  // sum of the weights of the counted pixels, or their number
  std::int64_t counted = 0;
  std::int64_t right = 0;  // counted pixels whose class has the largest score
};
/// Of interpolated scores [B,C,h,w] f (raw), for the classes [B,H,W] u8 of the pixels, of which those of `ignored` are not
/// counted; weights [C] f32 or undefined, of classes. Fast for f32 on the CPU, without second derivatives, the same bytes
/// for any number of threads; else LibTorch's operators. Other shapes, types or classes: clew::Error.
PixelCrossEntropy pixel_cross_entropy(const torch::Tensor& scores, const MapAxes& axes,
                                      const torch::Tensor& classes,
                                      const torch::Tensor& weights = {},
                                      std::int64_t ignored = 255);

/// Class with the largest interpolated score of each pixel: scores [B,C,h,w] f (raw), C at most 256 -> [B,height,width]
/// u8. No gradient.
torch::Tensor pixel_classes(const torch::Tensor& scores, const MapAxes& axes, std::int64_t height,
                            std::int64_t width);

}  // namespace clew::ops
