// SPDX-License-Identifier: Apache-2.0
// ONNX export of spatial transformers and their networks: transform.cpp's grids from constants and
// products, and GridSample.
#include <torch/types.h>

#include <algorithm>

#include "clew/core/error.h"
#include "clew/warp/digit_network.h"
#include "clew/warp/spatial_transformer.h"

namespace clew::warp {
namespace {

using nn::OnnxGraph;
using nn::OnnxValue;
using torch::Tensor;

/// parameters [B,P] times a constant [P,N], plus a constant [N] -> [B,rows,columns].
OnnxValue matrix_of(OnnxGraph& graph, const OnnxValue& parameters, const Tensor& map,
                    const Tensor& shift, std::int64_t rows) {
  const auto bias = graph.constant(shift, "matrix_bias");
  const auto flat = graph.gemm(parameters, graph.constant(map, "matrix_map"), &bias);
  return graph.reshape(flat, {-1, rows, shift.size(0) / rows});
}

/// theta [B,2,3] of affine kinds.
OnnxValue affine_of(OnnxGraph& graph, TransformKind kind, const OnnxValue& parameters) {
  const auto count = parameter_count(kind);
  const auto shift = affine_matrix(kind, torch::zeros({1, count})).flatten();
  const auto columns = affine_matrix(kind, torch::eye(count)).view({count, 6}) - shift;
  return matrix_of(graph, parameters, columns.t(), shift, 2);
}

OnnxValue projective_grid(OnnxGraph& graph, const OnnxValue& parameters, const Tensor& points) {
  const auto shift = torch::zeros({9});
  shift[8] = 1;
  const auto matrix = matrix_of(graph, parameters, torch::eye(9).slice(1, 0, 8), shift, 3);
  const auto base =
      graph.constant(torch::cat({points, torch::ones({points.size(0), 1})}, 1), "base_grid");
  const auto out = graph.matmul(base, graph.transpose(matrix, {0, 2, 1}));
  const auto least = graph.constant(torch::tensor(kHorizon, torch::kFloat32), "horizon");
  return graph.div(graph.slice(out, 2, 0, 2), graph.max(graph.slice(out, 2, 2, 3), least));
}

OnnxValue thin_plate_grid(OnnxGraph& graph, const OnnxValue& parameters, const Tensor& points) {
  // Displacement of each point per unit displacement of a control point.
  const auto count = parameter_count(TransformKind::kThinPlate) / 2;
  const auto moves =
      torch::stack({torch::eye(count), torch::zeros({count, count})}, 2).view({count, 2 * count});
  const auto moved = transform_points(TransformKind::kThinPlate, moves.to(torch::kFloat64),
                                      points.to(torch::kFloat64));
  const auto basis = (moved - points.to(torch::kFloat64)).select(2, 0).t().to(torch::kFloat32);
  const auto offsets = graph.reshape(parameters, {-1, count, 2});
  return graph.add(graph.matmul(graph.constant(basis, "basis"), offsets),
                   graph.constant(points, "base_grid"));
}

OnnxValue grid_of(OnnxGraph& graph, const OnnxValue& parameters, TransformKind kind,
                  ops::ImageSize size, bool align_corners) {
  if (is_affine(kind))
    return graph.affine_grid(affine_of(graph, kind, parameters), size.height, size.width,
                             align_corners);
  const auto points = ops::identity_grid(size, align_corners).view({-1, 2});
  const auto grid = kind == TransformKind::kProjective ? projective_grid(graph, parameters, points)
                                                       : thin_plate_grid(graph, parameters, points);
  return graph.reshape(grid, {-1, size.height, size.width, 2});
}

}  // namespace

std::vector<OnnxValue> SpatialTransformerImpl::to_onnx(OnnxGraph& graph,
                                                       const std::vector<OnnxValue>& inputs) const {
  CLEW_CHECK(inputs.size() == 1 && inputs[0].shape.size() == 4,
             "a spatial transformer takes images [B,C,H,W] to be exported to ONNX");
  const auto& images = inputs[0];
  graph.begin_scope("localiser");
  const auto children = named_children();
  const auto net = children["localiser"]->named_children()["net"];
  const auto features = graph.flatten(nn::onnx_child(graph, "net", *net, images));
  const auto parameters = nn::onnx_child(graph, "last", *last_, features);
  graph.end_scope();
  ops::ImageSize size = options_.output_size;
  if (size.height == 0) size = {images.shape[2], images.shape[3]};
  CLEW_CHECK(size.height > 0 && size.width > 0,
             "cannot export to ONNX: a spatial transformer without output_size needs images of a "
             "fixed size");
  constexpr const char* kModes[] = {"bilinear", "nearest", "bicubic"};
  constexpr const char* kBorders[] = {"zeros", "border", "reflection"};
  const auto& sample = options_.sample;
  const auto grid = grid_of(graph, parameters, options_.transform, size, sample.align_corners);
  return {graph.grid_sample(images, grid,
                            {.mode = kModes[static_cast<std::size_t>(sample.kernel)],
                             .border = kBorders[static_cast<std::size_t>(sample.border)],
                             .align_corners = sample.align_corners})};
}

std::vector<OnnxValue> DigitNetworkImpl::to_onnx(OnnxGraph& graph,
                                                 const std::vector<OnnxValue>& inputs) const {
  CLEW_CHECK(inputs.size() == 1, "a digit network takes images [B,C,S,S]");
  OnnxValue seen = inputs[0];
  std::vector<OnnxValue> warped;
  for (std::size_t i = 0; i < transformers_.size(); ++i)
    warped.push_back(nn::onnx_child(graph, concat("transformer", i), *transformers_[i], inputs[0]));
  if (warped.size() == 1) seen = warped[0];
  if (warped.size() > 1) seen = graph.concat(warped, 1);
  if (!warped.empty() && config_.pool > 1)
    seen = graph.average_pool(
        seen, {{config_.pool, config_.pool}, {config_.pool, config_.pool}, {0, 0}, {1, 1}});
  return {nn::onnx_child(graph, "body", *body_, seen)};
}

}  // namespace clew::warp
