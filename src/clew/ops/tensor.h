// SPDX-License-Identifier: Apache-2.0
// torch::Tensor, and torch::nn::Module by name: compiles in a third of the time of <torch/types.h>, of which it is a part. For
// headers; a source that calls LibTorch includes <torch/types.h> or more.
#pragma once

#include <ATen/core/Tensor.h>

namespace torch {
using namespace at;  // as <torch/types.h> has it
namespace nn {
class Module;
}
}  // namespace torch
