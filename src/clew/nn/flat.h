// SPDX-License-Identifier: Apache-2.0
// A module's parameters as one flat tensor: sums over replicas, clipping, optimiser steps and
// checkpoints are then operations on one array. Parameters and gradients become views into it.
#pragma once

#include <torch/nn/module.h>
#include <torch/types.h>

#include <string>
#include <vector>

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
};

/// Moves the parameters of `module` into a new flat tensor.
FlatParameters flatten(torch::nn::Module& module);
/// Makes `replica`, a module of the same shape, share `values`; its gradients are its own.
FlatParameters share(torch::nn::Module& replica, const FlatParameters& original);

}  // namespace clew::nn
