// SPDX-License-Identifier: Apache-2.0
// Networks for semantic segmentation: interface, names, initial weights from backbones.
#pragma once

#include <torch/nn/module.h>
#include <torch/types.h>

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "clew/core/key.h"
#include "clew/nn/backbones/layer_graph.h"
#include "clew/nn/backbones/layer_table.h"
#include "clew/nn/context_module.h"
#include "clew/nn/export/onnx.h"
#include "clew/ops/pixel_scores.h"

namespace clew::segment {

struct NetworkOptions {
  std::string network = "fcn8s", backbone = "mobilenet_v2";
  std::int64_t output_stride = 32;  // of the backbone's last map: 32, 16 or 8
  std::int64_t classes = 2;
  double dropout = -1;                       // below 0: the network's own
  std::optional<nn::ContextSize> context{};  // on the scores of fcn32s, fcn16s, fcn8s and dilated
  nn::ContextStart context_start = nn::ContextStart::kIdentity;
};

/// Scores of classes on a map, and the places of the pictures' pixels there.
struct MapScores {
  torch::Tensor map;  // [B,C,h,w] f (raw), at least f32
  ops::MapAxes axes{};
};

struct Scores {
  MapScores main;
  MapScores auxiliary{};               // of an earlier map, for the loss; undefined without one
  std::int64_t height = 0, width = 0;  // of the pictures

  /// [B,C,H,W] f (raw), at the pixels.
  torch::Tensor logits() const {
    return ops::interpolate_scores(main.map, main.axes, height, width);
  }
  /// [B,H,W] u8, the most likely ones.
  torch::Tensor classes() const { return ops::pixel_classes(main.map, main.axes, height, width); }
};

/// Convolutions of a network, and their outputs.
struct DenseGraph {
  std::shared_ptr<nn::LayerGraph> graph;
  std::vector<nn::LayerId> scores;
};

class SegmentationNetwork : public torch::nn::Module, public nn::OnnxConvertible {
 public:
  /// images [B,3,H,W] f in [0,1], RGB, of any size -> scores. In training mode dropout draws from `key`;
  /// no dropout without a key.
  virtual Scores forward(const torch::Tensor& images, const Key* key = nullptr) const = 0;
  /// Layers of windows in forward order, with strides and receptive fields in pixels of the picture; those in which the
  /// logits have no part, as of the auxiliary scores, are left out.
  virtual std::vector<nn::LayerRow> layers() const = 0;

  // Parts of `forward` in evaluation mode: its result is finish(outputs of dense_graph() for prepare(images), height and
  // width of the images).
  /// images [B,3,H,W] f in [0,1] -> [B,3,h,w] f, normalised and padded.
  virtual torch::Tensor prepare(const torch::Tensor& images) const = 0;
  /// Its modules are this network's, or folded copies.
  virtual DenseGraph dense_graph() const = 0;
  virtual Scores finish(const std::vector<torch::Tensor>& scores, std::int64_t height,
                        std::int64_t width) const = 0;
};

/// "fcn32s", "fcn16s", "fcn8s", "dilated", "fcn_resnet50", "deeplabv3_resnet50".
const std::vector<std::string>& network_names();
/// Output stride of the last map where a recipe does not say: 32 of FCNs, 8 of the rest.
std::int64_t own_output_stride(const std::string& network);
/// Backbones of FCNs: those with maps of strides 8, 16 and 32.
const std::vector<std::string>& fcn_backbone_names();

/// Network with random weights from LibTorch's generator. Unknown names, a backbone other than resnet50 or a stride other
/// than 8 of torchvision's networks, a context on theirs, skips no finer than the last map, "dilated" with all strides:
/// UsageError.
std::shared_ptr<SegmentationNetwork> make_network(const NetworkOptions& options);

/// Names in the network of an entry of initial weights: a backbone's, a segmentation network's; none: it is left out.
std::vector<std::string> start_names(const NetworkOptions& options, const std::string& name);
/// `value` for parameter `name` of the network: the weights of a classifier's linear layer become those of the convolution
/// that computes the same (Long et al. 2015, section 3.1).
torch::Tensor start_value(const std::string& name, const torch::Tensor& value);

}  // namespace clew::segment
