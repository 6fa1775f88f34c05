// SPDX-License-Identifier: Apache-2.0
// Detection by classification of all windows: a small network without padding classifies square windows of several sizes,
// one by one or a whole picture as one convolution, to the same results (Sermanet et al. 2014, arXiv 1312.6229, section 3.5).
#pragma once

#include <torch/nn/pimpl.h>
#include <torch/types.h>

#include <cstdint>
#include <memory>
#include <vector>

#include "clew/detect/detector.h"
#include "clew/nn/backbones/layer_graph.h"
#include "clew/ops/normalise.h"
#include "clew/ops/sampler.h"

namespace clew::detect {

inline constexpr const char* kWindowsName = "windows";
// Pixels of the resized picture: sides of a window, and steps between windows.
inline constexpr std::int64_t kWindowSide = 32, kWindowStride = 4;

struct WindowsOptions {
  std::int64_t classes = 91;  // 0 is the background
  // Window sizes are pixels of a picture with this short side, or this long one if that is smaller.
  std::int64_t short_side = 128, long_side = 256;
  std::vector<double> sizes = {24, 34, 48, 68, 96, 120};
  ops::ChannelStatistics statistics = ops::imagenet_statistics();
  DetectionLimits detections{.overlap = 0.3};
  bool is_one_by_one = false;  // detect() passes each window through the network alone
};

/// Boxes [N,4] f32 xyxy of the windows of one size over a picture resized to `resized`, row by row, in pixels of the picture
/// and cut at its edges. Windows are centred at multiples of kWindowStride from 0, both edges included.
torch::Tensor window_boxes(ops::ImageSize picture, ops::ImageSize resized);

/// Classes [N] i64 of windows [N,4] f32: of the object they overlap by an IoU of 0.5 at least or better than all others do, 0
/// below 0.4, -1, ignored, between. Without objects all are 0.
torch::Tensor window_labels(const torch::Tensor& boxes, const Objects& objects);

/// A picture resized to each size of windows.
struct WindowPyramid {
  // [1,3,h+32,w+32] f32, normalised, with zeros half a window wide on all sides; by size.
  std::vector<torch::Tensor> pictures;
  torch::Tensor boxes;  // [N,4] f32 (window_boxes), one size after another
  /// Window `number` of 0..N-1 -> [1,3,32,32], without a copy.
  torch::Tensor window(std::int64_t number) const;
};

class WindowsImpl : public Detector {
 public:
  /// Random weights from LibTorch's generator. Fewer than two classes, no sizes: clew::Error.
  explicit WindowsImpl(const WindowsOptions& options);

  /// Normalised images [B,3,H,W] f32 of at least 32 x 32 -> logits [B,classes,h,w] (raw) of windows in steps of 4 pixels; of
  /// one window [B,classes,1,1].
  torch::Tensor forward(const torch::Tensor& images) const;
  /// image [3,H,W] f in [0,1], RGB; `short_side` in pixels instead of the options', 0: theirs.
  WindowPyramid pyramid(const torch::Tensor& image, std::int64_t short_side = 0) const;
  /// Logits [N,classes] (raw) of all windows, as one convolution of each size or one by one.
  torch::Tensor logits(const WindowPyramid& pyramid, bool is_one_by_one) const;

  std::vector<Detections> detect(const std::vector<torch::Tensor>& images) override;
  /// Cross-entropy of windows that are sampled as proposals are (TrainingOptions::sampled_proposals).
  DetectorLosses losses(const TrainingPictures& pictures, const Key& key,
                        const TrainingOptions& options) override;

 private:
  WindowsOptions options_;
  std::shared_ptr<nn::LayerGraph> layers_;
  nn::LayerId output_;
};
TORCH_MODULE(Windows);

}  // namespace clew::detect
