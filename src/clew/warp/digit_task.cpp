// SPDX-License-Identifier: Apache-2.0
#include "clew/warp/digit_task.h"

#include <torch/nn/module.h>
#include <torch/types.h>

#include <utility>
#include <vector>

#include "clew/train/classification.h"

namespace clew::warp {
namespace {

constexpr std::uint64_t kKeyTrainDigits = 1, kKeyTestDigits = 2;

}  // namespace

DigitLook look_of(data::DigitsKind kind) {
  const auto digit = std::make_shared<const data::DrawnDigits>(
      data::DrawnDigitsOptions{.size = 1, .is_fixed = true});
  const auto set = data::make_kind(kind, digit, data::Split::kTest, Key{});
  const auto image = set->get(0, Key{})["image"];
  auto names = set->class_names();
  return {.shape = {.channels = image.size(0),
                    .side = image.size(1),
                    .classes = static_cast<std::int64_t>(names.size())},
          .class_names = std::move(names)};
}

DigitTask::DigitTask(const WarpConfig& config)
    : config_(config),
      shape_(look_of(config.data.kind).shape),
      train_(data::make_digits(config.data, data::Split::kTrain,
                               fold_in(Key{config.seed}, kKeyTrainDigits))),
      validation_(data::make_digits(config.data, data::Split::kValidation,
                                    fold_in(Key{config.seed}, kKeyTrainDigits))),
      test_(data::make_digits(config.data, data::Split::kTest,
                              fold_in(Key{config.seed}, kKeyTestDigits))) {}

std::shared_ptr<torch::nn::Module> DigitTask::make_network() const {
  return DigitNetwork(config_.network, shape_).ptr();
}

data::Batch DigitTask::forward(torch::nn::Module& network, const data::Batch& batch,
                               const Key& /*key*/) const {
  data::Batch outputs;
  outputs.set("logits", dynamic_cast<DigitNetworkImpl&>(network).forward(batch["image"]));
  return outputs;
}

train::Loss DigitTask::loss(const data::Batch& outputs, const data::Batch& batch,
                            const Key& /*key*/) const {
  return train::classification_loss(outputs["logits"], batch["label"]);
}

std::unique_ptr<train::Evaluator> DigitTask::make_evaluator() const {
  return std::make_unique<train::ClassificationEvaluator>(train_->class_names());
}

std::vector<train::ParameterRule> DigitTask::rules(const torch::nn::Module& network) const {
  std::vector<train::ParameterRule> rules;
  if (config_.network.localiser_lr == 1) return rules;
  for (const auto& prefix : localiser_prefixes(network)) {
    rules.push_back({.what = "network.localiser_lr",
                     .matches = [prefix](const auto& name) { return name.starts_with(prefix); },
                     .lr_factor = config_.network.localiser_lr});
  }
  return rules;
}

}  // namespace clew::warp
