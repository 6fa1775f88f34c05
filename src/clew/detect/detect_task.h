// SPDX-License-Identifier: Apache-2.0
// Task of training a detector end to end: Faster R-CNN with approximate joint training (Ren et al. 2015, section 3.2).
#pragma once

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

  std::shared_ptr<torch::nn::Module> make_network() const override;
  /// Training: the slice's losses, each [B] f32, all elements alike. Evaluation: listed boxes [N,4] f32 xyxy in pixels, scores
  /// [N] f32, labels [N] i64 in 1..C, masks [N,28,28] f32 over the boxes.
  data::Batch forward(torch::nn::Module& network, const data::Batch& batch,
                      const Key& key) const override;
  train::Loss loss(const data::Batch& outputs, const data::Batch& batch,
                   const Key& key) const override;

  std::unique_ptr<train::Evaluator> make_evaluator() const override;
  std::string monitor() const override;
  const data::Dataset& train_set() const override { return *train_; }
  const data::Dataset& validation_set() const override { return *validation_; }
  const data::Dataset& test_set() const override { return *test_; }
  /// The frozen first layers of the body, and the learning rate of its rest.
  std::vector<train::ParameterRule> rules(const torch::nn::Module& network) const override;

 private:
  DetectConfig config_;
  std::shared_ptr<const data::Dataset> train_, validation_, test_;
};

/// The network of a DetectTask.
FasterRcnnImpl& detector_of(torch::nn::Module& network);

/// Objects that a detector learns from, labels from 1: neither crowds nor difficult ones.
Objects learned_objects(const data::Batch& batch, std::size_t picture);

}  // namespace clew::detect
