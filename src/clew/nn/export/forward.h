// SPDX-License-Identifier: Apache-2.0
// Inference functions for the exporters.
#pragma once

#include <torch/types.h>

#include <functional>
#include <vector>

namespace clew::nn {

/// inputs -> outputs.
using ForwardFunction =
    std::function<std::vector<torch::Tensor>(const std::vector<torch::Tensor>&)>;

}  // namespace clew::nn
