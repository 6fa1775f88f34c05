// SPDX-License-Identifier: Apache-2.0
// RoIAlign (He et al. 2017, arXiv 1703.06870, section 3): a grid of bins over each box, each bin the mean of
// bilinear samples of the features. Values and gradients are torchvision's, to rounding, and do not depend on
// the number of threads.
//
// A sample is at least -1 and at most the map's height or width along its axis, or it counts as zero; up to the
// centres of the border pixels it is theirs. A coordinate that is NaN has no such samples. With box
// gradients, the slope is that of the interpolation, from the right at whole pixels and zero beyond the border.
#pragma once

#include <cstdint>
#include <vector>

#include "clew/ops/sampler.h"
#include "clew/ops/tensor.h"

namespace clew::ops {

struct RoiAlignOptions {
  std::int64_t height = 7, width = 7;  // bins
  double scale = 1;                    // pixels of the features to a pixel of the boxes
  std::int64_t sampling_ratio = 0;     // samples along a bin; 0: one for each pixel begun
  bool is_aligned =
      false;  // pixel centres at halves; otherwise at whole numbers, and sides are 1 at least
  bool has_box_gradient = false;  // also differentiate by the boxes, which are constants otherwise
};

/// boxes [N_i,4] of each image -> rois [K,5]: image, x1, y1, x2, y2. Gradient included.
torch::Tensor rois_of(const std::vector<torch::Tensor>& boxes);

/// features [B,C,H,W] f32 or f64, rois [K,5] of the same type: number of the image, x1, y1, x2, y2 ->
/// [K,C,height,width], dense. On the CPU; features with channels last in memory are used without a copy, and so
/// their gradient. No second derivative.
torch::Tensor roi_align(const torch::Tensor& features, const torch::Tensor& rois,
                        const RoiAlignOptions& options = {});

struct PyramidOptions {
  std::int64_t height = 7, width = 7;  // bins
  std::int64_t sampling_ratio = 2;
  bool is_aligned = false;
  bool has_box_gradient = false;
  double canonical_size = 224;  // pixels: root of the area of boxes that belong to canonical_level
  std::int64_t canonical_level = 4;  // stride 2^4
  std::vector<double> offsets = {};  // pixel at which each map's first element lies; none: 0
};

/// boxes [K,4] f -> their levels [K] i64 in [lowest,highest]: floor(canonical_level + log2(sqrt(area) /
/// canonical_size)) (Lin et al. 2017, arXiv 1612.03144, eq. 1); lowest where that is NaN.
torch::Tensor pyramid_levels(const torch::Tensor& boxes, std::int64_t lowest, std::int64_t highest,
                             const PyramidOptions& options = {});

/// RoIAlign of each box on the map of its level (torchvision's MultiScaleRoIAlign): features [B,C,H_l,W_l] from
/// the finest to the coarsest, boxes [N_i,4] of each image, and their sizes before padding, the largest of which
/// stands for the features' -> [K,C,height,width], image by image. The strides are taken for powers of two.
torch::Tensor pyramid_roi_align(const std::vector<torch::Tensor>& features,
                                const std::vector<torch::Tensor>& boxes,
                                const std::vector<ImageSize>& images,
                                const PyramidOptions& options = {});

}  // namespace clew::ops
