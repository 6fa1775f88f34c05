// SPDX-License-Identifier: Apache-2.0
// Dropout from a key: the same for any number of threads and processes, and after a resume.
#pragma once

#include "clew/core/key.h"
#include "clew/ops/tensor.h"

namespace clew::nn {

/// Inverted dropout (Srivastava et al. 2014): x of any shape, f -> the same shape, p in [0,1). For
/// training only. Another p: clew::Error.
torch::Tensor dropout(const torch::Tensor& x, double p, const Key& key);

/// Dropout of whole channels of x [B,C,...] (Tompson et al. 2015).
torch::Tensor channel_dropout(const torch::Tensor& x, double p, const Key& key);

}  // namespace clew::nn
