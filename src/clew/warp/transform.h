// SPDX-License-Identifier: Apache-2.0
// Parametrised transforms of a spatial transformer (arXiv 1506.02025, section 3.2), from output to
// input coordinates. Sampling: ops/sampler.h.
//
// Coordinates are normalised (x,y); whether -1 and +1 are edges or centres of the border pixels is
// the sampler's convention (half-pixel by default). Parameters are [B,P] f, P and meaning by kind.
// Differentiable, on any device.
#pragma once

#include <array>
#include <cstdint>

#include "clew/core/names.h"
#include "clew/ops/sampler.h"
#include "clew/ops/tensor.h"

namespace clew::warp {

enum class TransformKind : std::uint8_t {
  kAffine,       // 6: rows of [[a,b,tx],[c,d,ty]]
  kAttention,    // 3: s, tx, ty of [[s,0,tx],[0,s,ty]]
  kTranslation,  // 2: tx, ty
  kProjective,   // 8: rows of a 3x3 matrix whose last entry is 1
  kThinPlate,    // 32: displacements (dx,dy) of 16 control points, a row-major 4x4 grid over
  // [-1,1]^2
};
constexpr auto names(TransformKind) {
  using enum TransformKind;
  return std::to_array<Named<TransformKind>>({{kAffine, "affine"},
                                              {kAttention, "attention"},
                                              {kTranslation, "translation"},
                                              {kProjective, "projective"},
                                              {kThinPlate, "tps"}});
}

std::int64_t parameter_count(TransformKind kind);
/// Parameters [P] of the identity.
torch::Tensor identity_parameters(TransformKind kind,
                                  const torch::TensorOptions& tensor_options = {});

/// True for transforms that are a 2x3 matrix: affine, attention, translation.
bool is_affine(TransformKind kind);
/// Parameters [B,P] of such a transform -> theta [B,2,3] for ops::affine_sample.
torch::Tensor affine_matrix(TransformKind kind, const torch::Tensor& parameters);

/// Minimal denominator of a projective point.
constexpr double kHorizon = 1e-3;

/// Parameters [B,P], output points [N,2] -> input points [B,N,2]. Projective points on or behind
/// the horizon (denominator below kHorizon) are mapped far away, not to the opposite side.
torch::Tensor transform_points(TransformKind kind, const torch::Tensor& parameters,
                               const torch::Tensor& points);

/// Grids for ops::grid_sample, with cached tensors for the size.
class GridGenerator {
 public:
  /// `tensor_options`: dtype and device of the grids.
  GridGenerator(TransformKind kind, ops::ImageSize size, bool align_corners,
                const torch::TensorOptions& tensor_options = {});
  /// Parameters [B,P] -> grid [B,height,width,2]. The identity gives ops::identity_grid bit for
  /// bit.
  torch::Tensor operator()(const torch::Tensor& parameters) const;

 private:
  TransformKind kind_;
  ops::ImageSize size_;
  torch::Tensor points_;  // [h*w,2]
  torch::Tensor basis_;   // [h*w,16] of thin plates
};

/// Parameters of the inverse. None for thin plates, a singular matrix, or a projective inverse that
/// maps (0,0) on or behind the horizon, so that its last entry cannot be 1: clew::Error.
torch::Tensor invert(TransformKind kind, const torch::Tensor& parameters);
/// Parameters of `outer` after `inner`; not for thin plates. Warping by A, then by B, is one warp
/// by compose(A, B), since the last warp's coordinates are transformed first. A projective result
/// that maps (0,0) on or behind the horizon: clew::Error.
torch::Tensor compose(TransformKind kind, const torch::Tensor& outer, const torch::Tensor& inner);

}  // namespace clew::warp
