// SPDX-License-Identifier: Apache-2.0
#include "clew/train/optimizer.h"

#include <torch/torch.h>

#include <cmath>

namespace clew::train {

Optimizer::Optimizer(const OptimizerOptions& options, const torch::Tensor& like)
    : options_(options), square_(torch::zeros_like(like)), mean_(torch::zeros_like(like)) {}

void Optimizer::step(const torch::Tensor& values, const torch::Tensor& gradients, double lr) {
  const torch::NoGradGuard no_grad;
  ++steps_;
  square_.mul_(options_.decay).addcmul_(gradients, gradients, 1 - options_.decay);
  const auto count = static_cast<double>(steps_);
  const double square_correction = 1 - std::pow(options_.decay, count);
  if (options_.kind == OptimizerKind::kRmsprop) {
    const auto root = square_.div(square_correction).add_(options_.eps).sqrt_();
    mean_.mul_(options_.momentum).addcdiv_(gradients, root);
    values.add_(mean_, -lr);
    return;
  }
  mean_.mul_(options_.momentum).add_(gradients, 1 - options_.momentum);
  const double mean_correction = 1 - std::pow(options_.momentum, count);
  const auto root = square_.div(square_correction).sqrt_().add_(options_.eps);
  values.addcdiv_(mean_, root, -lr / mean_correction);
}

std::vector<std::pair<std::string, torch::Tensor>> Optimizer::state() const {
  return {{"optimizer.square", square_}, {"optimizer.mean", mean_}};
}

double clip_norm(const torch::Tensor& gradients, double limit) {
  const torch::NoGradGuard no_grad;
  const double norm = gradients.norm().item<double>();
  if (limit > 0 && norm > limit) gradients.mul_(limit / norm);
  return norm;
}

}  // namespace clew::train
