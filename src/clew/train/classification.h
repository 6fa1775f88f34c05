// SPDX-License-Identifier: Apache-2.0
// What all rooms that sort examples into classes share: the loss, and a close look at a trained
// network: confusion matrix and worst mistakes. Not the training: that is supervised.h.
#pragma once

#include <torch/types.h>

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "clew/data/dataset.h"
#include "clew/train/supervised.h"

namespace clew::train {

/// Cross-entropy: logits [B,C] f (raw), targets [B] i64 in [0,C) -> the mean, and the metrics "loss"
/// (nats) and "error" (the share of examples whose largest logit is another class).
Loss classification_loss(const torch::Tensor& logits, const torch::Tensor& targets);

struct Mistake {
  std::int64_t index = 0;  // in the data set
  int target = 0, predicted = 0;
  double confidence = 0;  // probability of what was predicted
};
struct ClassificationReport {
  std::vector<std::string> classes;
  std::int64_t examples = 0;
  double error = 0, loss = 0;           // share; nats
  std::vector<std::int64_t> confusion;  // [C,C], row: target, column: predicted
  std::vector<Mistake> worst;           // most confident first
};
struct ClassificationOptions {
  int batch = 256;
  int worst = 24;
  int loaders = 1;
  Key key = {};                               // of the examples
  std::function<void(double)> on_progress{};  // the share that is done
};

/// Runs image and label of the whole of `set` through `forward`, images [B,...] -> logits [B,C]. Blocks. The same for
/// any number of loaders.
ClassificationReport classify_all(const std::function<torch::Tensor(const torch::Tensor&)>& forward,
                                  const data::Dataset& set, const ClassificationOptions& options);

}  // namespace clew::train
