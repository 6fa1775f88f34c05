// SPDX-License-Identifier: Apache-2.0
// Networks of the paper's digit experiments (arXiv 1506.02025, appendix A): a fully connected or
// convolutional classifier after zero or more spatial transformers.
#pragma once

#include <torch/nn/module.h>
#include <torch/nn/pimpl.h>
#include <torch/types.h>

#include <cstdint>
#include <vector>

#include "clew/nn/export/onnx.h"
#include "clew/nn/layers.h"
#include "clew/warp/config.h"
#include "clew/warp/spatial_transformer.h"

namespace clew::warp {

struct DigitShape {
  std::int64_t channels = 1, side = 42, classes = 10;
};

/// images [B,C,S,S] f32 in [0,1] -> logits [B,classes] f32 (raw). Every transformer localises from
/// and warps all channels; their outputs are concatenated as channels, average-pooled and
/// classified.
struct DigitNetworkImpl : torch::nn::Module, nn::OnnxConvertible {
  /// The body's width is chosen for a number of parameters nearest to config.parameters. Even a
  /// width of 1 has over 5 % more, or images too small for the layers: UsageError.
  DigitNetworkImpl(const NetworkConfig& config, const DigitShape& shape);

  torch::Tensor forward(const torch::Tensor& images);
  /// images -> inputs of the body [B,C*transformers,s,s].
  torch::Tensor warp(const torch::Tensor& images);

  /// Inputs of the body -> its activations [B,...] after each ReLU, and the logits.
  std::vector<torch::Tensor> activations(const torch::Tensor& seen);

  std::vector<nn::OnnxValue> to_onnx(nn::OnnxGraph& graph,
                                     const std::vector<nn::OnnxValue>& inputs) const override;

  const std::vector<SpatialTransformer>& transformers() const { return transformers_; }
  std::int64_t width() const { return width_; }

 private:
  NetworkConfig config_;
  std::int64_t width_ = 0;
  std::vector<SpatialTransformer> transformers_;
  nn::Layers body_{nullptr};
};
TORCH_MODULE(DigitNetwork);

}  // namespace clew::warp
