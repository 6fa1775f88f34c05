// SPDX-License-Identifier: Apache-2.0
// Shapes and types for onnx_graph.cpp and onnx_operators.cpp. Not installed.
#pragma once

#include <algorithm>
#include <cstdint>
#include <string>
#include <vector>

#include "clew/nn/export/onnx_graph.h"
#include "clew/ops/tensor.h"

namespace clew::nn {

/// TensorProto.DataType. A type unknown to ONNX: clew::Error.
std::int64_t onnx_type(torch::ScalarType dtype);

/// "[B,3,?,?]": B for the batch, ? for free dimensions.
std::string text_of_shape(const std::vector<std::int64_t>& shape);

/// Shape of an elementwise operator's result. Shapes that do not fit: clew::Error.
std::vector<std::int64_t> broadcast_shape(const std::vector<std::int64_t>& a,
                                          const std::vector<std::int64_t>& b,
                                          const std::string& op);

inline bool is_free(const std::vector<std::int64_t>& shape) {
  return std::ranges::count(shape, kOnnxFree) > 0;
}

}  // namespace clew::nn
