// SPDX-License-Identifier: Apache-2.0
// A module's parameters as one flat tensor, so that gradient sums, clipping, optimiser steps and
// checkpoints work on one array. Parameters and gradients become views into it.
#pragma once

#include <functional>
#include <map>
#include <string>
#include <vector>

#include "clew/ops/tensor.h"

namespace clew::nn {

/// Range of a parameter in the flat tensor.
struct FlatEntry {
  std::string name;
  std::vector<std::int64_t> shape;
  std::int64_t offset = 0, size = 0;
};

struct FlatParameters {
  std::vector<FlatEntry> entries;
  torch::Tensor values;     // [P] f32, shared by all replicas
  torch::Tensor gradients;  // [P] f32, of this module
  std::map<std::string, torch::Tensor>
      frozen;  // parameters outside of `values`, shared by all replicas
};

/// Moves the parameters of `module` into a new flat tensor, except frozen ones, which no longer
/// require a gradient.
FlatParameters flatten(torch::nn::Module& module,
                       const std::function<bool(const std::string& name)>& is_frozen = {});
/// Makes `replica`, a module with the same parameters, share `values` and `frozen`; gradients are
/// separate.
FlatParameters share(torch::nn::Module& replica, const FlatParameters& original);

}  // namespace clew::nn
