// SPDX-License-Identifier: Apache-2.0
// A module's parameters as one flat tensor: sums over replicas, clipping, optimiser steps and
// checkpoints are then operations on one array. Parameters and gradients become views into it.
#pragma once

#include <functional>
#include <map>
#include <string>
#include <vector>

#include "clew/ops/tensor.h"

namespace clew::nn {

/// Where a parameter lies in the flat tensor.
struct FlatEntry {
  std::string name;
  std::vector<std::int64_t> shape;
  std::int64_t offset = 0, size = 0;
};

struct FlatParameters {
  std::vector<FlatEntry> entries;
  torch::Tensor values;     // [P] f32, shared by all replicas
  torch::Tensor gradients;  // [P] f32, this module's own
  std::map<std::string, torch::Tensor>
      frozen;  // parameters apart from these, shared by all replicas
};

/// Moves the parameters of `module` into a new flat tensor, but for those whose names `is_frozen` says
/// yes to: they stay what they are and want no gradient.
FlatParameters flatten(torch::nn::Module& module,
                       const std::function<bool(const std::string& name)>& is_frozen = {});
/// Makes `replica`, a module of the same shape, share `values` and `frozen`; its gradients are its own.
FlatParameters share(torch::nn::Module& replica, const FlatParameters& original);

}  // namespace clew::nn
