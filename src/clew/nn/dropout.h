// SPDX-License-Identifier: Apache-2.0
// Dropout that draws from a key: the same for any number of threads and processes, and after a
// resume.
#pragma once

#include "clew/core/key.h"
#include "clew/ops/tensor.h"

namespace clew::nn {

/// x of any shape, f -> the same shape: each element is 0 with probability p in [0,1), and else
/// itself times 1 / (1 - p), as `key` draws (Srivastava et al. 2014). For training; evaluation leaves
/// it out. Another p: clew::Error.
torch::Tensor dropout(const torch::Tensor& x, double p, const Key& key);

/// The same for whole channels of x [B,C,...] (Tompson et al. 2015).
torch::Tensor channel_dropout(const torch::Tensor& x, double p, const Key& key);

}  // namespace clew::nn
