// SPDX-License-Identifier: Apache-2.0
// Task of training a detector: all losses at once, or a step of alternating training of Faster R-CNN (Ren et al. 2015,
// section 3.2).
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "clew/detect/config.h"
#include "clew/train/task.h"

namespace clew::detect {

class DetectTask : public train::Task {
 public:
  /// Opens the three splits. Classes other than data.classes: clew::Error.
  explicit DetectTask(const DetectConfig& config);

  /// An AlternatingRcnn but for joint training.
  std::shared_ptr<torch::nn::Module> make_network() const override;
  /// Training: the slice's losses that the training counts, each [B] f32, all elements alike. Evaluation: listed boxes
  /// [N,4] f32 xyxy in pixels, scores [N] f32, labels [N] i64 in 1..C, masks [N,28,28] f32 over the boxes; of a step that
  /// trains proposals, boxes alone, best first.
  data::Batch forward(torch::nn::Module& network, const data::Batch& batch,
                      const Key& key) const override;
  /// Best proposals [K,4] of each picture, K up to `count`, by the region proposals that the training learns or uses, in
  /// pixels of the original. images as of Detector::detect. No gradient.
  std::vector<torch::Tensor> propose(torch::nn::Module& network,
                                     const std::vector<torch::Tensor>& images,
                                     std::int64_t count) const;
  /// Detections of each picture, with those proposals; none of a step that trains proposals. No gradient.
  std::vector<Detections> detect(torch::nn::Module& network,
                                 const std::vector<torch::Tensor>& images) const;
  train::Loss loss(const data::Batch& outputs, const data::Batch& batch,
                   const Key& key) const override;

  /// A BoxEvaluator; of a step that trains proposals, a ProposalEvaluator.
  std::unique_ptr<train::Evaluator> make_evaluator() const override;
  std::string monitor() const override;
  const data::Dataset& train_set() const override { return *train_; }
  const data::Dataset& validation_set() const override { return *validation_; }
  const data::Dataset& test_set() const override { return *test_; }
  /// The frozen first layers of the body, the learning rate of its rest, and the parts that a step keeps.
  std::vector<train::ParameterRule> rules(const torch::nn::Module& network) const override;
  const DetectConfig& config() const { return config_; }

 private:
  DetectConfig config_;
  std::shared_ptr<const data::Dataset> train_, validation_, test_;
};

/// The network of a DetectTask.
Detector& detector_of(torch::nn::Module& network);

using DetectFunction = std::function<std::vector<Detections>(const std::vector<torch::Tensor>&)>;
/// Detector::detect of a network in evaluation mode; of Faster R-CNN by a FusedDetector.
DetectFunction fastest_detect(const std::shared_ptr<torch::nn::Module>& network);

/// Objects that a detector learns from, labels from 1: neither crowds nor difficult ones.
Objects learned_objects(const data::Batch& batch, std::size_t picture);

}  // namespace clew::detect
