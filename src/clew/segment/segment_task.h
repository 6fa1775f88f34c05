// SPDX-License-Identifier: Apache-2.0
// Task of semantic segmentation: pixelwise cross-entropy, mean intersection over union.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "clew/ops/tensor.h"
#include "clew/segment/config.h"
#include "clew/train/task.h"

namespace clew::segment {

/// Cross-entropy in nats: interpolated scores, targets [B,H,W] u8 of 0..C-1, or data::kVoid where they are not counted, weights [C] f32 or undefined -> mean over the counted pixels, by weight; without any 0, with a gradient of 0.
/// `weight` of the result is the sum of the weights, the number of counted pixels without them; metrics are loss and
/// pixel_accuracy. Other shapes, a target that is no class: clew::Error.
train::Loss pixel_loss(const MapScores& scores, const torch::Tensor& targets,
                       const torch::Tensor& weights = {});

class SegmentTask : public train::Task {
 public:
  /// Opens the three splits. Classes other than data.classes: clew::Error.
  explicit SegmentTask(const SegmentConfig& config);

  std::shared_ptr<torch::nn::Module> make_network() const override;
  /// Pictures of one size are stacked; others are padded with black for training, and run one by one in evaluation.
  /// Training: scores [B,C,h,w] f (raw) and their axes [B,4] f64 (first and step of rows, of columns), and auxiliary ones
  /// of torchvision's networks.
  /// Evaluation: listed classes [H,W] u8.
  data::Batch forward(torch::nn::Module& network, const data::Batch& batch,
                      const Key& key) const override;
  train::Loss loss(const data::Batch& outputs, const data::Batch& batch,
                   const Key& key) const override;
  std::unique_ptr<train::Evaluator> make_evaluator() const override;
  std::string monitor() const override { return "miou"; }
  const data::Dataset& train_set() const override { return *train_; }
  const data::Dataset& validation_set() const override { return *validation_; }
  const data::Dataset& test_set() const override { return *test_; }
  /// The rate of biases.
  std::vector<train::ParameterRule> rules(const torch::nn::Module& network) const override;

 private:
  SegmentConfig config_;
  std::shared_ptr<const data::Dataset> train_, validation_, test_;
  torch::Tensor class_weights_;  // [C] f32; undefined: all alike
};

/// The network of a SegmentTask.
SegmentationNetwork& network_of(torch::nn::Module& network);

/// Most likely class of each pixel: image [3,H,W] f32 in [0,1] -> [H,W] u8. No gradient.
torch::Tensor classes_of(const SegmentationNetwork& network, const torch::Tensor& image,
                         const AveragingOptions& averaging = {});

}  // namespace clew::segment
