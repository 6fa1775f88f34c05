// SPDX-License-Identifier: Apache-2.0
// Masks of Mask R-CNN (He et al. 2017, arXiv 1703.06870): heads, targets, and masks of boxes drawn into pictures, with
// torchvision's parameter names and results.
#pragma once

#include <torch/nn/module.h>
#include <torch/nn/modules/conv.h>
#include <torch/nn/pimpl.h>
#include <torch/types.h>

#include <cstdint>
#include <vector>

#include "clew/ops/sampler.h"

namespace clew::detect {

constexpr std::int64_t kMaskBins = 14;             // of RoIAlign for the mask head
constexpr std::int64_t kMaskSide = 2 * kMaskBins;  // of its masks

constexpr int kMaskConvolutions = 4;

/// Figure 4, right: four convolutions 3x3.
class MaskHeadImpl : public torch::nn::Module {
 public:
  explicit MaskHeadImpl(std::int64_t channels);

  /// [K,C,14,14] -> [K,C,14,14]
  torch::Tensor forward(torch::Tensor x);

 private:
  std::vector<torch::nn::Conv2d> convolutions_;
};
TORCH_MODULE(MaskHead);

/// A transposed convolution to twice the side and one 1x1, a mask for each class.
class MaskPredictorImpl : public torch::nn::Module {
 public:
  MaskPredictorImpl(std::int64_t channels, std::int64_t classes);

  /// [K,C,14,14], labels [K] i64 in 0..classes-1 -> logits [K,28,28], each of its class
  torch::Tensor forward(const torch::Tensor& x, const torch::Tensor& labels);

 private:
  torch::nn::ConvTranspose2d larger_;
  torch::nn::Conv2d logits_;
};
TORCH_MODULE(MaskPredictor);

/// masks [N,H,W] u8 of a picture's objects, boxes [P,4] f xyxy in its pixels, objects [P] i64 -> [P,28,28]: the share of each
/// bin of a box that its object covers (RoIAlign). No gradient.
torch::Tensor mask_targets(const torch::Tensor& masks, const torch::Tensor& boxes,
                           const torch::Tensor& objects);

/// mask [M,M] f32 in [0,1] over a box [4] f32 xyxy -> [H,W] u8 of the picture, 1 where the mask, stretched bilinearly over
/// its box, is above `threshold`.
torch::Tensor paste_mask(const torch::Tensor& mask, const torch::Tensor& box,
                         ops::ImageSize picture, double threshold = 0.5);

/// Pixels of a mask as bits.
class MaskBits {
 public:
  /// mask [H,W] u8, 0 or not.
  explicit MaskBits(const torch::Tensor& mask);

  /// Pixels.
  std::int64_t area() const { return area_; }
  /// Pixels in both; of masks of equal size.
  std::int64_t intersection(const MaskBits& other) const;
  /// Intersection over union; `is_crowd`: over this mask's area alone. 0 where both are empty.
  double iou(const MaskBits& truth, bool is_crowd = false) const;

 private:
  std::vector<std::uint64_t> words_;
  std::int64_t area_ = 0;
};

}  // namespace clew::detect
