// SPDX-License-Identifier: Apache-2.0
// Anchors: boxes of fixed sizes and shapes around every pixel of feature maps (Ren et al. 2015, arXiv 1506.01497,
// section 3.1.1), by torchvision's rules.
#pragma once

#include <cstdint>
#include <vector>

#include "clew/ops/sampler.h"
#include "clew/ops/tensor.h"

namespace clew::ops {

/// Shapes of one level's anchors; each size comes in each ratio.
struct AnchorShapes {
  std::vector<double> sizes;                 // pixels of the image: the root of the area
  std::vector<double> ratios = {0.5, 1, 2};  // height to width
  std::int64_t count() const { return static_cast<std::int64_t>(sizes.size() * ratios.size()); }
};

/// Anchors [A,4] around (0,0), rounded to whole pixels (half to even), the sizes of the first ratio first.
torch::Tensor base_anchors(const AnchorShapes& shapes, const torch::TensorOptions& options = {});

/// base [A,4] f at each pixel of a map, steps of `stride` pixels from (offset,offset) -> [height*width*A,4], row by
/// row, a pixel's anchors side by side.
torch::Tensor grid_anchors(const torch::Tensor& base, ImageSize map, ImageSize stride,
                           double offset = 0);

/// Anchors of all levels [N,4], one after another: levels[i] on maps[i], whose strides are the whole parts of
/// image size by map size, and whose first element lies at offsets[i] pixels; no offsets: at 0.
torch::Tensor pyramid_anchors(const std::vector<AnchorShapes>& levels, ImageSize image,
                              const std::vector<ImageSize>& maps,
                              const torch::TensorOptions& options = {},
                              const std::vector<double>& offsets = {});

}  // namespace clew::ops
