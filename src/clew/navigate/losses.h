// SPDX-License-Identifier: Apache-2.0
// The navigator's losses: actor-critic with V-trace targets, entropy, depth classes, loop closure.
// Pure functions of tensors.
#pragma once

#include <cstdint>

#include "clew/navigate/agent.h"
#include "clew/ops/tensor.h"

namespace clew::navigate {

/// V-trace targets of Espeholt et al. 2018 (IMPALA, arXiv 1802.01561), equation 1 and section 4.2.
/// No gradient.
struct VtraceInput {
  torch::Tensor log_rhos;   // [T,N] log importance ratio, target over behaviour policy;
                            // zeros when on-policy
  torch::Tensor discounts;  // [T,N] gamma, or 0 where the episode ended in this step
  torch::Tensor rewards;    // [T,N]
  torch::Tensor values;     // [T,N] V(x_t)
  torch::Tensor bootstrap;  // [N] V(x_T)
  // [T,N] gamma V(x'), x' being the last observation of an episode truncated in this step, else 0;
  // undefined: 0 everywhere
  torch::Tensor timeout_returns = {};
  double rho_max = 1, c_max = 1, lambda = 1;
};
struct VtraceTargets {
  torch::Tensor values;      // [T,N] v_t
  torch::Tensor advantages;  // [T,N] rho_t (r_t + discount_t v_{t+1} + timeout_return_t - V(x_t))
};
VtraceTargets vtrace(const VtraceInput& input);

struct LossWeights {
  double value = 0.5, entropy = 0.001, depth1 = 1, depth2 = 1, loop = 1;
};

/// Rollout data. Auxiliary tensors are undefined without such a head.
struct LossInput {
  torch::Tensor logits;   // [T,N,8] raw
  torch::Tensor values;   // [T,N]
  torch::Tensor actions;  // [T,N] i64 in 0..7
  VtraceTargets targets;
  AuxiliaryOutput auxiliary;    // of T*N observations, in the order of [T,N]
  torch::Tensor depth_classes;  // [T*N,64] i64 in 0..7
  torch::Tensor is_loop;        // [T*N] in {0,1}, the dtype of the logits
};

/// Means over T*N. total = policy + value.w * value - entropy.w * entropy + depth.w * depth +
/// loop.w * loop.
struct Losses {
  torch::Tensor total, policy, value, entropy, depth1, depth2,
      loop;  // scalars; undefined without such a head
};
Losses compute_losses(const LossInput& input, const LossWeights& weights);

}  // namespace clew::navigate
