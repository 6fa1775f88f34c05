// SPDX-License-Identifier: Apache-2.0
// Argument checks of the operators on boxes. Private to the folder.
#pragma once

#include <torch/types.h>

#include <cmath>
#include <cstdint>
#include <string>

#include "clew/core/error.h"
#include "clew/ops/tape.h"

namespace clew::ops {

/// Shape, type and device, for error messages.
inline std::string described(const torch::Tensor& t) {
  return t.defined() ? concat(t.sizes(), " ", t.scalar_type(), " on ", t.device())
                     : "an undefined tensor";
}

inline bool is_f32_or_f64(const torch::Tensor& t) {
  return t.scalar_type() == torch::kFloat32 || t.scalar_type() == torch::kFloat64;
}

/// Throws unless it is [N,columns] f32 or f64; `letter` stands for N in the message.
inline void check_table(const torch::Tensor& table, const char* name, const char* letter,
                        std::int64_t columns, const char* where) {
  CLEW_CHECK(
      table.defined() && table.dim() == 2 && table.size(1) == columns && is_f32_or_f64(table), name,
      " must be [", letter, ",", columns, "] f32 or f64, got ", described(table), " (", where, ")");
}

inline void check_boxes(const torch::Tensor& boxes, const char* name, const char* where) {
  check_table(boxes, name, "N", 4, where);
}

/// Throws unless type and device are those of `other`.
inline void check_like(const torch::Tensor& tensor, const char* name, const torch::Tensor& other,
                       const char* other_name, const char* where) {
  CLEW_CHECK(tensor.scalar_type() == other.scalar_type() && tensor.device() == other.device(), name,
             " must be ", other.scalar_type(), " on ", other.device(), " as the ", other_name,
             ", got ", described(tensor), " (", where, ")");
}

inline void refuse_create_graph(const char* where) {
  CLEW_CHECK(!at::GradMode::is_enabled(), where,
             " has no second derivative: backward must not be called with create_graph");
}

/// Features and RoIs of the operators that pool them.
inline void check_features(const torch::Tensor& features, const char* where) {
  CLEW_CHECK(features.defined() && features.dim() == 4 && is_f32_or_f64(features) &&
                 features.size(2) > 0 && features.size(3) > 0,
             "features must be [B,C,H,W] f32 or f64 with H and W at least 1, got ",
             described(features), " (", where, ")");
  CLEW_CHECK(features.device().is_cpu(), "features must be on the CPU, got ", described(features),
             " (", where, ")");
  CLEW_CHECK(features.size(2) < std::int64_t{1} << 24 && features.size(3) < std::int64_t{1} << 24,
             "features must have sides below 2^24, got ", described(features), " (", where, ")");
  CLEW_CHECK(!is_tracing(), where, " cannot be recorded by TorchScript");
}

inline void check_rois(const torch::Tensor& rois, const torch::Tensor& features,
                       const char* where) {
  check_table(rois, "rois", "K", 5, where);
  check_like(rois, "rois", features, "features", where);
  const torch::Tensor images = rois.detach().select(1, 0).to(torch::kFloat64).contiguous();
  const double* const image = images.data_ptr<double>();
  for (std::int64_t k = 0; k < rois.size(0); ++k) {
    CLEW_CHECK(image[k] >= 0 && image[k] < static_cast<double>(features.size(0)) &&
                   image[k] == std::floor(image[k]),
               "rois must begin with the number of one of ", features.size(0), " images, got ",
               image[k], " in row ", k, " (", where, ")");
  }
}

}  // namespace clew::ops
