// SPDX-License-Identifier: Apache-2.0
// Bilinear upsampling by whole factors that keeps the centres of elements, fixed and learned (Long et al. 2015,
// section 3.3).
#pragma once

#include <torch/nn/module.h>
#include <torch/nn/pimpl.h>
#include <torch/types.h>

#include <cstdint>
#include <vector>

#include "clew/nn/backbones/layer_graph.h"
#include "clew/nn/export/onnx.h"

namespace clew::nn {

/// Weights along one axis: element i of the coarse map adds kernel[k] times its value to element factor i + first + k of
/// the fine one. `before` and `after` repeated border elements make the weights of every fine element sum to 1.
struct BilinearTaps {
  std::int64_t factor = 1, first = 0, before = 0, after = 0;
  std::vector<double> kernel;
};
/// Taps between maps of one picture, of h and factor h elements, so that each fine element gets the value at its centre.
/// Strides without a whole factor: clew::Error.
BilinearTaps bilinear_taps(const MapGeometry& coarse, const MapGeometry& fine);

/// x [B,C,h,w] f, a map of geometry `coarse` -> [B,C,factor h,factor w] at the centres of `fine`, constant beyond the
/// outermost centres of x. Centres that lie neither on whole nor on half elements of `fine`: clew::Error.
torch::Tensor upsample_bilinear(const torch::Tensor& x, const MapGeometry& coarse,
                                const MapGeometry& fine);
/// The same in an ONNX graph.
OnnxValue onnx_upsample_bilinear(OnnxGraph& graph, const OnnxValue& x, const MapGeometry& coarse,
                                 const MapGeometry& fine);

/// Transposed convolution with the shapes of upsample_bilinear, which it computes at first.
class UpsamplingImpl : public torch::nn::Module, public OnnxConvertible {
 public:
  UpsamplingImpl(std::int64_t channels, const MapGeometry& coarse, const MapGeometry& fine);

  torch::Tensor forward(const torch::Tensor& x) const;
  std::vector<OnnxValue> to_onnx(OnnxGraph& graph,
                                 const std::vector<OnnxValue>& inputs) const override;

  torch::Tensor weight;  // [C,C,K,K]

 private:
  BilinearTaps taps_;
};
TORCH_MODULE(Upsampling);

}  // namespace clew::nn
