// SPDX-License-Identifier: Apache-2.0
// Classification of distorted digits as a task.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "clew/data/dataset.h"
#include "clew/train/task.h"
#include "clew/warp/config.h"
#include "clew/warp/digit_network.h"

namespace clew::warp {

/// Input and output shapes and names for a kind of digits. Needs no data.
struct DigitLook {
  DigitShape shape;
  std::vector<std::string> class_names;
};
DigitLook look_of(data::DigitsKind kind);

class DigitTask : public train::Task {
 public:
  /// Loads the digits. Invalid data or network: clew::Error or UsageError.
  explicit DigitTask(const WarpConfig& config);

  std::shared_ptr<torch::nn::Module> make_network() const override;
  /// logits [B,classes] (raw).
  data::Batch forward(torch::nn::Module& network, const data::Batch& batch,
                      const Key& key) const override;
  train::Loss loss(const data::Batch& outputs, const data::Batch& batch,
                   const Key& key) const override;
  /// A train::ClassificationEvaluator.
  std::unique_ptr<train::Evaluator> make_evaluator() const override;
  std::string monitor() const override { return "error"; }
  const data::Dataset& train_set() const override { return *train_; }
  const data::Dataset& validation_set() const override { return *validation_; }
  const data::Dataset& test_set() const override { return *test_; }
  std::vector<train::ParameterRule> rules(const torch::nn::Module& network) const override;

  const DigitShape& shape() const { return shape_; }

 private:
  WarpConfig config_;
  DigitShape shape_;
  std::unique_ptr<data::Dataset> train_, validation_, test_;
};

}  // namespace clew::warp
