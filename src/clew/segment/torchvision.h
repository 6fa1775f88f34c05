// SPDX-License-Identifier: Apache-2.0
// torchvision's fcn_resnet50 and deeplabv3_resnet50 (Chen et al. 2017), by its parameter names.
#pragma once

#include <torch/nn/module.h>
#include <torch/nn/pimpl.h>
#include <torch/types.h>

#include <memory>
#include <string>
#include <vector>

#include "clew/nn/backbones/layer_graph.h"
#include "clew/ops/normalise.h"
#include "clew/segment/network.h"

namespace clew::segment {

/// True for names of networks of torchvision's.
bool is_torchvision(const std::string& network);

/// A head of torchvision's: map [B,F,h,w] f -> scores [B,C,h,w] f (raw).
class HeadImpl : public torch::nn::Module, public nn::OnnxConvertible {
 public:
  virtual torch::Tensor forward(const torch::Tensor& x, const Key* key) const = 0;
  /// On a map of geometry `from`.
  virtual std::vector<nn::LayerRow> layers(const nn::MapGeometry& from) const = 0;
  /// Adds the head in evaluation mode, with folded batch norms, behind layer `x`.
  virtual nn::LayerId append(nn::LayerGraph& graph, nn::LayerId x) const = 0;
};

/// ResNet-50 at output stride 8, a head on its last map, and an auxiliary one on layer3. Scores are upsampled to the
/// picture's size between half-pixel centres, which moves them by up to half a stride: torchvision's alignment.
class TorchvisionImpl : public SegmentationNetwork {
 public:
  explicit TorchvisionImpl(const NetworkOptions& options);

  /// The auxiliary scores are computed in training mode alone.
  Scores forward(const torch::Tensor& images, const Key* key = nullptr) const override;
  std::vector<nn::LayerRow> layers() const override;
  torch::Tensor prepare(const torch::Tensor& images) const override;
  DenseGraph dense_graph() const override;
  Scores finish(const std::vector<torch::Tensor>& scores, std::int64_t height,
                std::int64_t width) const override;
  std::vector<nn::OnnxValue> to_onnx(nn::OnnxGraph& graph,
                                     const std::vector<nn::OnnxValue>& inputs) const override;

 private:
  ops::ChannelStatistics statistics_;
  nn::LayerId last_, middle_;
  std::shared_ptr<nn::LayerGraph> body_;
  std::shared_ptr<HeadImpl> classifier_, aux_classifier_;
};
TORCH_MODULE(Torchvision);

}  // namespace clew::segment
