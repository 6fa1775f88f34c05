// SPDX-License-Identifier: Apache-2.0
#include "clew/train/classification.h"

#include <torch/types.h>
#include <torch/utils.h>

#include <algorithm>

#include "clew/core/error.h"
#include "clew/data/loader.h"

namespace clew::train {

Loss classification_loss(const torch::Tensor& logits, const torch::Tensor& targets) {
  CLEW_CHECK(logits.dim() == 2 && targets.dim() == 1 && targets.size(0) == logits.size(0),
             "logits must be [B,C] and targets [B], got ", logits.sizes(), " and ", targets.sizes(),
             " (classification_loss)");
  const auto value = torch::cross_entropy_loss(logits.to(torch::kFloat32), targets);
  const auto wrong = logits.detach().argmax(1).ne(targets).sum().item<double>();
  return {value,
          {{"loss", value.item<double>()},
           {"error", wrong / static_cast<double>(std::max<std::int64_t>(1, targets.size(0)))}}};
}

ClassificationReport classify_all(const std::function<torch::Tensor(const torch::Tensor&)>& forward,
                                  const data::Dataset& set, const ClassificationOptions& options) {
  const torch::NoGradGuard no_grad;
  data::Loader loader(set, {.batch_size = options.batch,
                            .is_shuffled = false,
                            .key = options.key,
                            .workers = options.loaders});
  ClassificationReport report;
  report.classes = set.class_names();
  report.examples = set.size();
  double loss = 0;
  std::int64_t wrong = 0;
  for (std::int64_t b = 0; b < loader.batches_per_epoch(); ++b) {
    const auto batch = loader.next();
    const auto logits = forward(batch["image"]).to(torch::kFloat32);
    const auto classes = logits.size(1);
    if (report.classes.empty()) {
      for (std::int64_t i = 0; i < classes; ++i) report.classes.push_back(std::to_string(i));
    }
    CLEW_CHECK(static_cast<std::int64_t>(report.classes.size()) == classes, "the network tells ",
               classes, " classes apart, the data set has ", report.classes.size());
    if (report.confusion.empty())
      report.confusion.assign(static_cast<std::size_t>(classes * classes), 0);
    const auto& labels = batch["label"];
    const auto losses = torch::cross_entropy_loss(logits, labels, {}, at::Reduction::None);
    loss += losses.to(torch::kFloat64).sum().item<double>();
    const auto [confidences, predictions] = torch::softmax(logits, 1).max(1);
    for (std::int64_t i = 0; i < logits.size(0); ++i) {
      const auto target = labels[i].item<std::int64_t>(),
                 predicted = predictions[i].item<std::int64_t>();
      ++report.confusion[static_cast<std::size_t>(target * classes + predicted)];
      if (target == predicted) continue;
      ++wrong;
      report.worst.push_back({.index = batch.indices[i].item<std::int64_t>(),
                              .target = static_cast<int>(target),
                              .predicted = static_cast<int>(predicted),
                              .confidence = confidences[i].item<double>()});
    }
    if (options.on_progress)
      options.on_progress(static_cast<double>(b + 1) /
                          static_cast<double>(loader.batches_per_epoch()));
  }
  std::stable_sort(report.worst.begin(), report.worst.end(),
                   [](const auto& a, const auto& b) { return a.confidence > b.confidence; });
  if (report.worst.size() > static_cast<std::size_t>(options.worst))
    report.worst.resize(static_cast<std::size_t>(options.worst));
  const auto examples = static_cast<double>(std::max<std::int64_t>(1, report.examples));
  report.error = static_cast<double>(wrong) / examples;
  report.loss = loss / examples;
  return report;
}

}  // namespace clew::train
