// SPDX-License-Identifier: Apache-2.0
#include "clew/navigate/losses.h"

#include <torch/types.h>
#include <torch/utils.h>

#include "clew/core/error.h"
#include "clew/ops/cross_entropy.h"

namespace clew::navigate {

VtraceTargets vtrace(const VtraceInput& input) {
  const torch::NoGradGuard no_grad;
  CLEW_CHECK(input.rewards.dim() == 2 && input.values.sizes() == input.rewards.sizes() &&
                 input.discounts.sizes() == input.rewards.sizes() &&
                 input.log_rhos.sizes() == input.rewards.sizes(),
             "rewards, values, discounts and log_rhos must all be [T,N], got ",
             input.rewards.sizes(), ", ", input.values.sizes(), ", ", input.discounts.sizes(), ", ",
             input.log_rhos.sizes(), " (vtrace)");
  CLEW_CHECK(
      !input.timeout_returns.defined() || input.timeout_returns.sizes() == input.rewards.sizes(),
      "timeout_returns must be [T,N] = ", input.rewards.sizes(), ", got ",
      input.timeout_returns.sizes(), " (vtrace)");
  const auto steps = input.rewards.size(0);
  const auto ratios = input.log_rhos.exp();
  const auto rho = ratios.clamp_max(input.rho_max);
  const auto c = ratios.clamp_max(input.c_max) * input.lambda;
  const auto next_values = torch::cat({input.values.slice(0, 1), input.bootstrap.unsqueeze(0)});
  const auto rewards =
      input.timeout_returns.defined() ? input.rewards + input.timeout_returns : input.rewards;
  const auto deltas = rho * (rewards + input.discounts * next_values - input.values);

  // v_t - V(x_t) = delta_t + discount_t c_t (v_{t+1} - V(x_{t+1})), backward in time.
  VtraceTargets targets;
  targets.values = torch::empty_like(input.values);
  auto correction = torch::zeros_like(input.bootstrap);
  for (auto t = steps - 1; t >= 0; --t) {
    correction = deltas[t] + input.discounts[t] * c[t] * correction;
    targets.values[t].copy_(input.values[t] + correction);
  }
  const auto next_targets = torch::cat({targets.values.slice(0, 1), input.bootstrap.unsqueeze(0)});
  targets.advantages = rho * (rewards + input.discounts * next_targets - input.values);
  return targets;
}

Losses compute_losses(const LossInput& input, const LossWeights& weights) {
  Losses losses;
  const auto log_policy = torch::log_softmax(input.logits, -1);
  const auto taken = log_policy.gather(-1, input.actions.unsqueeze(-1)).squeeze(-1);
  losses.policy = -(taken * input.targets.advantages).mean();
  losses.value = 0.5 * (input.targets.values - input.values).square().mean();
  losses.entropy = -(log_policy.exp() * log_policy).sum(-1).mean();
  losses.total = losses.policy + weights.value * losses.value - weights.entropy * losses.entropy;
  if (input.auxiliary.depth1.defined()) {
    losses.depth1 = ops::cross_entropy(input.auxiliary.depth1, input.depth_classes);
    losses.total = losses.total + weights.depth1 * losses.depth1;
  }
  if (input.auxiliary.depth2.defined()) {
    losses.depth2 = ops::cross_entropy(input.auxiliary.depth2, input.depth_classes);
    losses.total = losses.total + weights.depth2 * losses.depth2;
  }
  if (input.auxiliary.loop.defined()) {
    losses.loop = torch::binary_cross_entropy_with_logits(input.auxiliary.loop, input.is_loop);
    losses.total = losses.total + weights.loop * losses.loop;
  }
  return losses;
}

}  // namespace clew::navigate
