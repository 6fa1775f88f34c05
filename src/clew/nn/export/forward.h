// SPDX-License-Identifier: Apache-2.0
// The type of a network's inference, as the exporters take it.
#pragma once

#include <functional>
#include <vector>

#include "clew/ops/tensor.h"

namespace clew::nn {

/// Inference of a network: inputs -> results.
using ForwardFunction =
    std::function<std::vector<torch::Tensor>(const std::vector<torch::Tensor>&)>;

}  // namespace clew::nn
