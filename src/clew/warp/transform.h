// SPDX-License-Identifier: Apache-2.0
// The transformations of a spatial transformer (arXiv 1506.02025, section 3.2): numbers that say
// where in the input each place of the output is read. Not the reading: that is ops/sampler.h.
//
// Places are normalised (x,y); what -1 and +1 are, edges or centres of the border pixels, is the
// sampler's convention (half-pixel by default). Parameters are [B,P] f, P and meaning by kind.
// All is differentiable by LibTorch's operators, on any device.
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
  kThinPlate,    // 32: (dx,dy) of 16 control points, row after row of a 4x4 grid over [-1,1]^2: the
                 // place of each in the input is its own plus this
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
/// Parameters [P] that leave every place where it is.
torch::Tensor identity_parameters(TransformKind kind,
                                  const torch::TensorOptions& tensor_options = {});

/// Whether the transform is a 2x3 matrix: affine, attention, translation.
bool is_affine(TransformKind kind);
/// Parameters [B,P] of such a transform -> [B,2,3], as ops::affine_sample takes it.
torch::Tensor affine_matrix(TransformKind kind, const torch::Tensor& parameters);

/// The least denominator of a projective point.
constexpr double kHorizon = 1e-3;

/// Parameters [B,P], points [N,2] of the output, the same for all -> [B,N,2] of the input. Projective
/// points on or behind the horizon (denominator under kHorizon) go far away, not to the other side.
torch::Tensor transform_points(TransformKind kind, const torch::Tensor& parameters,
                               const torch::Tensor& points);

/// Grids for ops::grid_sample; keeps what depends on the size alone.
class GridGenerator {
 public:
  /// Grids of this size, of the type and on the device of `tensor_options`.
  GridGenerator(TransformKind kind, ops::ImageSize size, bool align_corners,
                const torch::TensorOptions& tensor_options = {});
  /// Parameters [B,P] -> [B,height,width,2]. The identity gives ops::identity_grid bit for bit.
  torch::Tensor operator()(const torch::Tensor& parameters) const;

 private:
  TransformKind kind_;
  ops::ImageSize size_;
  torch::Tensor points_;  // [h*w,2]
  torch::Tensor basis_;   // [h*w,16] of thin plates
};

/// Parameters of the transform back, kind by kind. There is none for thin plates, for a matrix without
/// an inverse, and for a projective one whose way back puts (0,0) on or behind the horizon, so that its
/// last entry could not be 1: clew::Error.
torch::Tensor invert(TransformKind kind, const torch::Tensor& parameters);
/// Parameters of first `inner`, then `outer`; not for thin plates. Warping by A and the result by B
/// is one warp by compose(A, B): the last warp's places are transformed first. A
/// projective result that puts (0,0) on or behind the horizon: clew::Error.
torch::Tensor compose(TransformKind kind, const torch::Tensor& outer, const torch::Tensor& inner);

}  // namespace clew::warp
