// SPDX-License-Identifier: Apache-2.0
// Shapes and types as onnx_graph.cpp and onnx_operators.cpp write them. Not installed.
#pragma once

#include <algorithm>
#include <cstdint>
#include <string>
#include <vector>

#include "clew/nn/export/onnx_graph.h"
#include "clew/ops/tensor.h"

namespace clew::nn {

/// TensorProto.DataType; clew::Error for a type that ONNX has not.
std::int64_t onnx_type(torch::ScalarType dtype);

/// "[B,3,?,?]": the batch and free sides by signs.
std::string text_of_shape(const std::vector<std::int64_t>& shape);

inline bool is_free(const std::vector<std::int64_t>& shape) {
  return std::ranges::count(shape, kOnnxFree) > 0;
}

}  // namespace clew::nn
