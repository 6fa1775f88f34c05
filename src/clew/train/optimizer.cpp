// SPDX-License-Identifier: Apache-2.0
#include "clew/train/optimizer.h"

#include <torch/types.h>
#include <torch/utils.h>

#include <cmath>
#include <utility>

#include "clew/core/config.h"
#include "clew/core/error.h"

namespace clew::train {

namespace {

torch::Tensor scaled(const torch::Tensor& values, const torch::Tensor& factors) {
  return factors.defined() ? values * factors : values;
}

}  // namespace

OptimizerKind parse_optimizer(const std::string& name) {
  if (name == "sgd") return OptimizerKind::kSgd;
  if (name == "rmsprop") return OptimizerKind::kRmsprop;
  if (name == "adam") return OptimizerKind::kAdam;
  if (name == "adamw") return OptimizerKind::kAdamW;
  throw UsageError(concat("optimizer must be sgd, rmsprop, adam or adamw, got '", name, "'",
                          did_you_mean(name, {"sgd", "rmsprop", "adam", "adamw"})));
}

Optimizer::Optimizer(OptimizerOptions options, const torch::Tensor& like)
    : options_(std::move(options)), mean_(torch::zeros_like(like)) {
  if (options_.kind != OptimizerKind::kSgd) square_ = torch::zeros_like(like);
}

void Optimizer::step(const torch::Tensor& values, const torch::Tensor& gradients, double lr) {
  const torch::NoGradGuard no_grad;
  ++steps_;
  move(values, gradients, lr);
  const double norm = values.norm().item<double>();
  CLEW_CHECK(std::isfinite(norm), "the weights' norm is ", std::isnan(norm) ? "nan" : "infinite");
}

void Optimizer::move(const torch::Tensor& values, const torch::Tensor& gradients, double lr) {
  const auto& [kind, decay, eps, momentum, weight_decay, lr_factors, decay_factors] = options_;
  if (weight_decay > 0 && kind == OptimizerKind::kAdamW) {
    values.sub_(scaled(scaled(values, decay_factors), lr_factors), lr * weight_decay);
  } else if (weight_decay > 0) {
    gradients.add_(scaled(values, decay_factors), weight_decay);
  }
  if (kind == OptimizerKind::kSgd) {
    mean_.mul_(momentum).add_(gradients);
    values.add_(scaled(mean_, lr_factors), -lr);
    return;
  }
  square_.mul_(decay).addcmul_(gradients, gradients, 1 - decay);
  const auto count = static_cast<double>(steps_);
  const double square_correction = 1 - std::pow(decay, count);
  if (kind == OptimizerKind::kRmsprop) {
    const auto root = square_.div(square_correction).add_(eps).sqrt_();
    mean_.mul_(momentum).addcdiv_(gradients, root);
    values.add_(scaled(mean_, lr_factors), -lr);
    return;
  }
  mean_.mul_(momentum).add_(gradients, 1 - momentum);
  const double mean_correction = 1 - std::pow(momentum, count);
  const auto root = square_.div(square_correction).sqrt_().add_(eps);
  values.addcdiv_(scaled(mean_, lr_factors), root, -lr / mean_correction);
}

std::vector<std::pair<std::string, torch::Tensor>> Optimizer::state() const {
  std::vector<std::pair<std::string, torch::Tensor>> state{{"optimizer.mean", mean_}};
  if (square_.defined()) state.emplace_back("optimizer.square", square_);
  return state;
}

double clip_norm(const torch::Tensor& gradients, double limit) {
  const torch::NoGradGuard no_grad;
  const double norm = gradients.norm().item<double>();
  if (limit > 0 && norm > limit) gradients.mul_(limit / norm);
  return norm;
}

}  // namespace clew::train
