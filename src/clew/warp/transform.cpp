// SPDX-License-Identifier: Apache-2.0
#include "clew/warp/transform.h"

#include <torch/types.h>

#include <algorithm>
#include <limits>
#include <tuple>
#include <vector>

#include "clew/core/error.h"
#include "clew/ops/linear.h"

namespace clew::warp {
namespace {

using torch::Tensor;
using torch::indexing::Slice;

constexpr std::int64_t kSide = 4, kControls = kSide * kSide;

const std::vector<double>& identity_of(TransformKind kind) {
  static const std::vector<double> kRows[] = {// in the order of TransformKind
                                              {1, 0, 0, 0, 1, 0},
                                              {1, 0, 0},
                                              {0, 0},
                                              {1, 0, 0, 0, 1, 0, 0, 0},
                                              std::vector<double>(2 * kControls, 0.0)};
  return kRows[static_cast<std::size_t>(kind)];
}

void check_parameters(TransformKind kind, const Tensor& parameters, const char* where) {
  CLEW_CHECK(parameters.defined() && parameters.dim() == 2 &&
                 parameters.size(1) == parameter_count(kind) && parameters.is_floating_point(),
             "parameters of '", name_of(kind), "' must be [B,", parameter_count(kind),
             "] of a floating type, got ",
             parameters.defined() ? concat(parameters.sizes(), " ", parameters.scalar_type())
                                  : "an undefined tensor",
             " (", where, ")");
}

Tensor column(const Tensor& parameters, std::int64_t i) { return parameters.select(1, i); }

// Matrix [B,3,3] of any kind but thin plates.
Tensor square_matrix(TransformKind kind, const Tensor& p) {
  if (kind == TransformKind::kProjective)
    return torch::cat({p, torch::ones_like(p.slice(1, 0, 1))}, 1).view({-1, 3, 3});
  const Tensor last = torch::tensor({0.0, 0.0, 1.0}, p.options()).expand({p.size(0), 1, 3});
  return torch::cat({affine_matrix(kind, p), last}, 1);
}

// True for each well-conditioned matrix of [B,3,3]: determinant relative to the sum of absolute
// values of its six products, independent of row and column scales.
Tensor is_regular(const Tensor& matrix) {
  const Tensor m = matrix.detach(), size = m.abs();
  const auto at = [](const Tensor& t, int row, int column) {
    return t.select(1, row % 3).select(1, column % 3);
  };
  Tensor determinant = torch::zeros_like(at(m, 0, 0)), bound = torch::zeros_like(determinant);
  for (int j = 0; j < 3; ++j) {
    determinant = determinant + at(m, 0, j) * (at(m, 1, j + 1) * at(m, 2, j + 2) -
                                               at(m, 1, j + 2) * at(m, 2, j + 1));
    bound = bound + at(size, 0, j) * (at(size, 1, j + 1) * at(size, 2, j + 2) +
                                      at(size, 1, j + 2) * at(size, 2, j + 1));
  }
  const double rounding = m.scalar_type() == torch::kFloat64
                              ? std::numeric_limits<double>::epsilon()
                              : std::numeric_limits<float>::epsilon();
  return determinant.abs() > 8 * rounding * bound;
}

// True for each matrix that parameters of this kind can represent: a projective one is divided by
// its last entry, which must be positive, or points would change sides of the horizon.
Tensor is_of_kind(TransformKind kind, const Tensor& matrix, const Tensor& parameters) {
  const Tensor is_finite = torch::isfinite(parameters.detach()).all(1);
  if (kind != TransformKind::kProjective) return is_finite;
  return is_finite.logical_and(matrix.detach().select(1, 2).select(1, 2) > 0);
}

void check_all(const Tensor& good, TransformKind kind, const char* what, const char* where) {
  CLEW_CHECK(good.all().item<bool>(), "transform ",
             good.logical_not().nonzero()[0].item<std::int64_t>(), " of the batch has no ", what,
             " that is '", name_of(kind), "' (", where, ")");
}

// Parameters of a representable 3x3 matrix.
Tensor parameters_of(TransformKind kind, const Tensor& m) {
  const Tensor flat = m.reshape({-1, 9});
  const auto pick = [&](std::initializer_list<std::int64_t> columns) {
    std::vector<Tensor> parts;
    for (const std::int64_t c : columns) parts.push_back(flat.select(1, c));
    return torch::stack(parts, 1);
  };
  switch (kind) {
    case TransformKind::kAffine:
      return flat.index({Slice(), Slice(0, 6)});
    case TransformKind::kAttention:
      return pick({0, 2, 5});
    case TransformKind::kTranslation:
      return pick({2, 5});
    default:
      return flat.index({Slice(), Slice(0, 8)}) / flat.index({Slice(), Slice(8, 9)});
  }
}

void check_has_matrix(TransformKind kind, const char* what) {
  CLEW_CHECK(kind != TransformKind::kThinPlate, "'tps' has no ", what,
             " among its kind; wanted affine, attention, translation or projective");
}

// r^2 log r^2 between points [N,2] and [M,2] f64 -> [N,M]. The clamp changes no value; without it
// the gradient at coincident points would be 0 times infinity.
Tensor thin_plate(const Tensor& a, const Tensor& b) {
  const Tensor r2 = (a.unsqueeze(1) - b.unsqueeze(0)).square().sum(2);
  return torch::xlogy(r2, r2.clamp_min(std::numeric_limits<double>::min()));
}

Tensor control_points() {
  return ops::identity_grid({kSide, kSide}, true, torch::kFloat64).view({kControls, 2});
}

// points [N,2] -> basis [N,16]: displacement of each point per control point's displacement, by the
// thin-plate spline (Bookstein 1989), which is asymptotically affine.
Tensor thin_plate_basis(const Tensor& points) {
  const auto with_affine = [](const Tensor& p) {
    return torch::cat({torch::ones({p.size(0), 1}, torch::kFloat64), p}, 1);
  };
  const Tensor controls = control_points(), at = points.to(torch::kCPU, torch::kFloat64);
  const Tensor border = with_affine(controls);
  const Tensor system =
      torch::cat({torch::cat({thin_plate(controls, controls), border}, 1),
                  torch::cat({border.t(), torch::zeros({3, 3}, torch::kFloat64)}, 1)},
                 0);
  const Tensor inverse = torch::linalg_inv(system).index({Slice(), Slice(0, kControls)});
  const Tensor rows = torch::cat({thin_plate(at, controls), with_affine(at)}, 1);
  return torch::matmul(rows, inverse).to(points.options());
}

// x [B,K] times transposed weight [N,K] -> [B,N]; B may be 0.
Tensor product(const Tensor& x, const Tensor& weight) {
  if (x.size(0) == 0) return torch::mm(x, weight.t());
  return ops::linear(x, weight, torch::zeros({weight.size(0)}, weight.options()));
}

Tensor moved(TransformKind kind, const Tensor& p, const Tensor& points, const Tensor& basis) {
  if (kind == TransformKind::kThinPlate) {
    const Tensor offsets =
        p.reshape({-1, kControls, 2}).permute({2, 0, 1}).reshape({-1, kControls});
    const auto axes = product(offsets, basis).view({2, -1, points.size(0)}).unbind(0);
    const auto from = points.unbind(1);
    return torch::stack({axes[0] + from[0], axes[1] + from[1]}, 2);
  }
  // Products with the identity are exact in any summation order.
  const Tensor homogeneous = torch::cat({points, torch::ones_like(points).slice(1, 0, 1)}, 1);
  if (is_affine(kind)) return torch::matmul(homogeneous, affine_matrix(kind, p).transpose(1, 2));
  // Three planes [B,N], so that the following operators run along the points.
  const Tensor rows = square_matrix(kind, p).transpose(0, 1).reshape({-1, 3});
  const auto planes = product(rows, homogeneous).view({3, -1, points.size(0)}).unbind(0);
  const Tensor depth = planes[2].clamp_min(kHorizon);
  return torch::stack({planes[0] / depth, planes[1] / depth}, 2);
}

}  // namespace

std::int64_t parameter_count(TransformKind kind) {
  return static_cast<std::int64_t>(identity_of(kind).size());
}

Tensor identity_parameters(TransformKind kind, const torch::TensorOptions& tensor_options) {
  return torch::tensor(identity_of(kind), tensor_options);
}

bool is_affine(TransformKind kind) { return kind <= TransformKind::kTranslation; }

Tensor affine_matrix(TransformKind kind, const Tensor& parameters) {
  check_parameters(kind, parameters, "affine_matrix");
  CLEW_CHECK(is_affine(kind), "'", name_of(kind),
             "' is no 2x3 matrix; wanted affine, attention or translation (affine_matrix)");
  if (kind == TransformKind::kAffine) return parameters.reshape({-1, 2, 3});
  const bool has_scale = kind == TransformKind::kAttention;
  const Tensor tx = column(parameters, has_scale ? 1 : 0),
               ty = column(parameters, has_scale ? 2 : 1);
  const Tensor zero = torch::zeros_like(tx),
               scale = has_scale ? column(parameters, 0) : torch::ones_like(tx);
  return torch::stack({scale, zero, tx, zero, scale, ty}, 1).view({-1, 2, 3});
}

Tensor transform_points(TransformKind kind, const Tensor& parameters, const Tensor& points) {
  check_parameters(kind, parameters, "transform_points");
  CLEW_CHECK(
      points.defined() && points.dim() == 2 && points.size(1) == 2 &&
          points.scalar_type() == parameters.scalar_type(),
      "points must be [N,2] ", parameters.scalar_type(), ", got ",
      points.defined() ? concat(points.sizes(), " ", points.scalar_type()) : "an undefined tensor",
      " (transform_points)");
  return moved(kind, parameters, points,
               kind == TransformKind::kThinPlate ? thin_plate_basis(points) : Tensor());
}

GridGenerator::GridGenerator(TransformKind kind, ops::ImageSize size, bool align_corners,
                             const torch::TensorOptions& tensor_options)
    : kind_(kind),
      size_(size),
      points_(ops::identity_grid(size, align_corners, tensor_options).view({-1, 2})) {
  if (kind == TransformKind::kThinPlate) basis_ = thin_plate_basis(points_);
}

Tensor GridGenerator::operator()(const Tensor& parameters) const {
  check_parameters(kind_, parameters, "GridGenerator");
  CLEW_CHECK(
      parameters.scalar_type() == points_.scalar_type() && parameters.device() == points_.device(),
      "parameters must be ", points_.scalar_type(), " on ", points_.device(),
      " as the generator, got ", parameters.scalar_type(), " on ", parameters.device(),
      " (GridGenerator)");
  return moved(kind_, parameters, points_, basis_).view({-1, size_.height, size_.width, 2});
}

Tensor invert(TransformKind kind, const Tensor& parameters) {
  check_parameters(kind, parameters, "invert");
  check_has_matrix(kind, "inverse");
  const Tensor matrix = square_matrix(kind, parameters);
  const Tensor inverse = std::get<0>(torch::linalg_inv_ex(matrix));
  const Tensor result = parameters_of(kind, inverse);
  check_all(is_regular(matrix).logical_and(is_of_kind(kind, inverse, result)), kind, "inverse",
            "invert");
  return result;
}

Tensor compose(TransformKind kind, const Tensor& outer, const Tensor& inner) {
  check_parameters(kind, outer, "compose");
  check_parameters(kind, inner, "compose");
  check_has_matrix(kind, "composition");
  CLEW_CHECK(outer.size(0) == inner.size(0), "outer and inner must be of one batch size, got ",
             outer.size(0), " and ", inner.size(0), " (compose)");
  const Tensor matrix = torch::matmul(square_matrix(kind, outer), square_matrix(kind, inner));
  const Tensor result = parameters_of(kind, matrix);
  check_all(is_of_kind(kind, matrix, result), kind, "composition", "compose");
  return result;
}

}  // namespace clew::warp
