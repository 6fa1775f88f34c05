// SPDX-License-Identifier: Apache-2.0
#include "clew/nn/bilinear.h"

#include <torch/types.h>

#include <cmath>
#include <utility>

#include "clew/core/error.h"
#include "clew/nn/export/onnx_dynamic.h"

namespace clew::nn {
namespace {

using torch::Tensor;

/// kernel [K,K] f32 of both axes.
Tensor square_kernel(const BilinearTaps& taps) {
  const auto line = torch::tensor(taps.kernel, torch::kFloat64);
  return torch::outer(line, line).to(torch::kFloat32);
}

/// Place of fine element 0 in a transposed convolution of the extended map.
std::int64_t crop_of(const BilinearTaps& taps) { return taps.factor * taps.before - taps.first; }

Tensor extended(const Tensor& x, const BilinearTaps& taps) {
  if (taps.before == 0 && taps.after == 0) return x;
  return torch::replication_pad2d(x, {taps.before, taps.after, taps.before, taps.after});
}

Tensor cropped(const Tensor& x, std::int64_t from, std::int64_t height, std::int64_t width) {
  return x.narrow(2, from, height).narrow(3, from, width);
}

/// ConvTranspose of the extended map and the crop to `factor` times the size of x.
OnnxValue onnx_transposed(OnnxGraph& graph, const OnnxValue& x, const BilinearTaps& taps,
                          const Tensor& weight, std::int64_t groups) {
  const auto sizes = graph.slice(onnx_sizes(graph, x), 0, 2, 4);
  auto wide = x;
  if (taps.before > 0 || taps.after > 0) wide = onnx_pad_edge(graph, x, taps.before, taps.after);
  const auto side = weight.size(2);
  const auto whole = graph.conv_transpose(wide, graph.constant(weight, "weight"), nullptr,
                                          {.kernel = {side, side},
                                           .stride = {taps.factor, taps.factor},
                                           .padding = {0, 0},
                                           .dilation = {1, 1}},
                                          groups);
  const auto result = graph.mul(sizes, onnx_integers(graph, {taps.factor}));
  return onnx_crop_to(graph, whole, crop_of(taps), result);
}

}  // namespace

BilinearTaps bilinear_taps(const MapGeometry& coarse, const MapGeometry& fine) {
  const double ratio = coarse.stride / fine.stride;
  BilinearTaps taps{.factor = std::llround(ratio)};
  CLEW_CHECK(taps.factor >= 1 && ratio == static_cast<double>(taps.factor),
             "a map is upsampled by a whole factor, got strides of ", coarse.stride, " and ",
             fine.stride);
  // Distance of fine element 0 behind coarse element 0, in fine elements.
  const double shift = (fine.offset - coarse.offset) / fine.stride;
  taps.first = static_cast<std::int64_t>(std::floor(-shift - ratio)) + 1;
  for (auto u = taps.first; static_cast<double>(u) + shift < ratio; ++u)
    taps.kernel.push_back(1 - std::abs(static_cast<double>(u) + shift) / ratio);
  // Coarse coordinates of the first fine element, and of the last one beyond the last coarse one.
  const double first = shift / ratio, last = first + (ratio - 1) / ratio;
  if (first < 0) taps.before = static_cast<std::int64_t>(std::ceil(-first));
  if (last > 0) taps.after = static_cast<std::int64_t>(std::ceil(last));
  return taps;
}

Tensor upsample_bilinear(const Tensor& x, const MapGeometry& coarse, const MapGeometry& fine) {
  CLEW_CHECK(x.dim() == 4 && x.size(2) > 0 && x.size(3) > 0,
             "a map must be [B,C,h,w] with elements, got ", x.sizes());
  const auto taps = bilinear_taps(coarse, fine);
  const auto height = taps.factor * x.size(2), width = taps.factor * x.size(3);
  // LibTorch has two alignments: of half elements, and of the centres of the outermost elements.
  const double centre = (coarse.offset - fine.offset) / fine.stride;  // of element 0
  const double half = static_cast<double>(taps.factor - 1) / 2 - centre;
  if (half == 0) return torch::upsample_bilinear2d(x, {height, width}, false);
  const auto wide = extended(x, taps);
  const bool is_half = half == std::floor(half);
  CLEW_CHECK(is_half || centre == std::floor(centre), "a map of stride ", coarse.stride,
             " must begin at a whole or half element of the fine one, got ", centre);
  const auto more = is_half ? 0 : 1 - taps.factor;
  const auto from = static_cast<std::int64_t>(is_half ? half : -centre) + taps.factor * taps.before;
  return cropped(
      torch::upsample_bilinear2d(
          wide, {taps.factor * wide.size(2) + more, taps.factor * wide.size(3) + more}, !is_half),
      from, height, width);
}

OnnxValue onnx_upsample_bilinear(OnnxGraph& graph, const OnnxValue& x, const MapGeometry& coarse,
                                 const MapGeometry& fine) {
  const auto taps = bilinear_taps(coarse, fine);
  const auto channels = x.shape.at(1);
  const auto kernel = square_kernel(taps).repeat({channels, 1, 1, 1});
  return onnx_transposed(graph, x, taps, kernel, channels);
}

UpsamplingImpl::UpsamplingImpl(std::int64_t channels, const MapGeometry& coarse,
                               const MapGeometry& fine)
    : taps_(bilinear_taps(coarse, fine)) {
  const auto kernel = square_kernel(taps_);
  weight = register_parameter(
      "weight", torch::einsum("ij,kl->ijkl", {torch::eye(channels), kernel}).contiguous());
}

Tensor UpsamplingImpl::forward(const Tensor& x) const {
  const auto whole = torch::conv_transpose2d(extended(x, taps_), weight, {}, taps_.factor);
  return cropped(whole, crop_of(taps_), taps_.factor * x.size(2), taps_.factor * x.size(3));
}

std::vector<OnnxValue> UpsamplingImpl::to_onnx(OnnxGraph& graph,
                                               const std::vector<OnnxValue>& inputs) const {
  return {onnx_transposed(graph, inputs.at(0), taps_, weight, 1)};
}

}  // namespace clew::nn
