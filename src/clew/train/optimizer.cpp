// SPDX-License-Identifier: Apache-2.0
#include "clew/train/optimizer.h"

#include <ATen/Parallel.h>
#include <torch/types.h>
#include <torch/utils.h>

#include <algorithm>
#include <cmath>
#include <numeric>
#include <utility>

#include "clew/core/error.h"
#include "clew/ops/rmsprop.h"

namespace clew::train {

namespace {

torch::Tensor scaled(const torch::Tensor& values, const torch::Tensor& factors) {
  return factors.defined() ? values * factors : values;
}

/// True if ops::rmsprop_step supports these tensors (undefined ones are ignored).
bool is_plain(torch::TensorList tensors) {
  return std::all_of(tensors.begin(), tensors.end(), [](const torch::Tensor& t) {
    return !t.defined() ||
           (t.device().is_cpu() && t.scalar_type() == torch::kFloat32 && t.is_contiguous());
  });
}

}  // namespace

void OptimizerConfig::fields(Fields& v) {
  v("optimizer", optimizer, {.help = "how gradients become steps"});
  v("momentum", momentum, {.min = 0, .below = 1.0, .help = "of SGD and RMSProp"});
  v("decay", decay, {.min = 0, .below = 1.0, .help = "of RMSProp's mean squared gradient"});
  v("beta1", beta1, {.min = 0, .below = 1.0, .help = "of Adam's mean gradient"});
  v("beta2", beta2, {.min = 0, .below = 1.0, .help = "of Adam's mean squared gradient"});
  v("eps", eps,
    {.above = 0.0,
     .max = 10,
     .help = "added to the mean squared gradient's root (Adam) or under it (RMSProp)"});
  v("weight_decay", weight_decay, {.min = 0, .max = 10, .help = "pull of the weights to zero"});
  v("clip", clip, {.min = 0, .max = 1e9, .help = "largest norm of the gradient; 0: no limit"});
}

Optimizer::Optimizer(const OptimizerConfig& config, const torch::Tensor& like,
                     ParameterFactors factors)
    : config_(config), factors_(std::move(factors)), mean_(torch::zeros_like(like)) {
  if (config_.optimizer != OptimizerKind::kSgd) square_ = torch::zeros_like(like);
}

void Optimizer::step(const torch::Tensor& values, const torch::Tensor& gradients, double lr,
                     ThreadPool* pool) {
  ++steps_;
  // In blocks that stay in cache over all operators.
  const std::int64_t count = values.numel(), block = values.device().is_cpu() ? 16384 : count;
  const std::int64_t blocks = count == 0 ? 0 : (count + block - 1) / block;
  std::vector<double> norms(static_cast<std::size_t>(blocks));
  const auto move_blocks = [&](std::int64_t begin, std::int64_t end) {
    const torch::NoGradGuard no_grad;
    for (std::int64_t b = begin; b < end; ++b) {
      const std::int64_t at = b * block, size = std::min(block, count - at);
      move(values, gradients, lr, at, size);
      norms[static_cast<std::size_t>(b)] = values.narrow(0, at, size).norm().item<double>();
    }
  };
  if (pool != nullptr) {
    pool->run([&](int worker) {
      const auto [begin, end] = share_of(blocks, worker, pool->threads());
      move_blocks(begin, end);
    });
  } else {
    at::parallel_for(0, blocks, 1, move_blocks);
  }
  const double sum = std::accumulate(norms.begin(), norms.end(), 0.0);
  CLEW_CHECK(std::isfinite(sum), "the weights' norm is ", std::isnan(sum) ? "nan" : "infinite");
}

void Optimizer::move(const torch::Tensor& all_values, const torch::Tensor& all_gradients, double lr,
                     std::int64_t begin, std::int64_t size) const {
  const auto& [kind, momentum, decay, beta1, beta2, eps, weight_decay, clip] = config_;
  const auto part = [&](const torch::Tensor& all) {
    return all.defined() ? all.narrow(0, begin, size) : all;
  };
  const auto values = part(all_values), gradients = part(all_gradients), square = part(square_),
             mean = part(mean_), lr_factors = part(factors_.lr),
             decay_factors = part(factors_.decay);
  if (weight_decay > 0 && kind == OptimizerKind::kAdamW) {
    values.sub_(scaled(scaled(values, decay_factors), lr_factors), lr * weight_decay);
  } else if (weight_decay > 0) {
    gradients.add_(scaled(values, decay_factors), weight_decay);
  }
  if (kind == OptimizerKind::kSgd) {
    mean.mul_(momentum).add_(gradients);
    values.add_(scaled(mean, lr_factors), -lr);
    return;
  }
  const auto count = static_cast<double>(steps_);
  const double square_decay = kind == OptimizerKind::kRmsprop ? decay : beta2;
  const double square_correction = 1 - std::pow(square_decay, count);
  if (kind == OptimizerKind::kRmsprop && is_plain({values, gradients, square, mean, lr_factors})) {
    ops::rmsprop_step({.decay = static_cast<float>(decay),
                       .square_correction = static_cast<float>(square_correction),
                       .eps = static_cast<float>(eps),
                       .momentum = static_cast<float>(momentum),
                       .lr = static_cast<float>(lr)},
                      gradients.data_ptr<float>(),
                      lr_factors.defined() ? lr_factors.data_ptr<float>() : nullptr,
                      static_cast<std::size_t>(size), square.data_ptr<float>(),
                      mean.data_ptr<float>(), values.data_ptr<float>());
    return;
  }
  square.mul_(square_decay).addcmul_(gradients, gradients, 1 - square_decay);
  if (kind == OptimizerKind::kRmsprop) {
    const auto root = square.div(square_correction).add_(eps).sqrt_();
    mean.mul_(momentum).addcdiv_(gradients, root);
    values.add_(scaled(mean, lr_factors), -lr);
    return;
  }
  mean.mul_(beta1).add_(gradients, 1 - beta1);
  const double mean_correction = 1 - std::pow(beta1, count);
  const auto root = square.div(square_correction).sqrt_().add_(eps);
  values.addcdiv_(scaled(mean, lr_factors), root, -lr / mean_correction);
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
