// SPDX-License-Identifier: Apache-2.0
// Inference functions for the exporters.
#pragma once

#include <functional>
#include <vector>

#include "clew/ops/tensor.h"

namespace clew::nn {

/// inputs -> outputs.
using ForwardFunction =
    std::function<std::vector<torch::Tensor>(const std::vector<torch::Tensor>&)>;

}  // namespace clew::nn
