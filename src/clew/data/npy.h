// SPDX-License-Identifier: Apache-2.0
// NumPy's .npy files.
#pragma once

#include <filesystem>

#include "clew/ops/tensor.h"

namespace clew::data {

/// Writes `values` f32 of any shape as .npy version 1.0, atomically.
void write_npy(const std::filesystem::path& path, const torch::Tensor& values);

}  // namespace clew::data
