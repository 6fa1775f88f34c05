// SPDX-License-Identifier: Apache-2.0
// Fully convolutional networks on the feature maps of a backbone: with skips (Long, Shelhamer and Darrell 2015), and
// dilated ones with a context module (Yu and Koltun 2016).
#pragma once

#include <torch/nn/module.h>
#include <torch/nn/modules/conv.h>
#include <torch/nn/pimpl.h>
#include <torch/types.h>

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "clew/nn/backbones/layer_graph.h"
#include "clew/nn/bilinear.h"
#include "clew/nn/context_module.h"
#include "clew/ops/normalise.h"
#include "clew/segment/network.h"

namespace clew::segment {

/// Scores of the last map are upsampled by 2 (learned, bilinear at first) and added to those of finer ones: at stride 16
/// (fcn16s), and 8 (fcn8s); the rest of the way to the pixels is fixed bilinear. All of it keeps the centres of elements.
/// On VGG-16 the last map goes through its classifier as convolutions fc6 and fc7. Score layers begin with zeros.
///
/// "dilated" has the layers of fcn32s at output stride 8 or 16. On VGG-16 that is the front end of Yu and Koltun 2016,
/// section 4: no pool4 and pool5, conv5 dilated by 2 and fc6 by 4; but each convolution keeps the size by zeros beyond the
/// border, where theirs have none and the picture gets a reflected margin. A context module works on the sum of the scores,
/// before the upsampling to the pixels. With it, and in "dilated", score layers begin with N(0, 0.001^2), as in the code of
/// the authors: zeros would get no gradient through the module's ReLUs.
///
/// Pictures are padded by their mean colour, on the right and below, to multiples of the last map's stride.
class FcnImpl : public SegmentationNetwork {
 public:
  explicit FcnImpl(const NetworkOptions& options);

  Scores forward(const torch::Tensor& images, const Key* key = nullptr) const override;
  torch::Tensor prepare(const torch::Tensor& images) const override;
  DenseGraph dense_graph() const override;
  Scores finish(const std::vector<torch::Tensor>& scores, std::int64_t height,
                std::int64_t width) const override;
  std::vector<nn::OnnxValue> to_onnx(nn::OnnxGraph& graph,
                                     const std::vector<nn::OnnxValue>& inputs) const override;

  std::vector<nn::LayerRow> layers() const override;

  /// Scores [B,C,h,w] f32 (raw) before the last upsampling, of score_geometry(), also of what is padded.
  torch::Tensor coarse_scores(const torch::Tensor& images, const Key* key = nullptr) const;
  const nn::MapGeometry& score_geometry() const { return levels_.back().geometry; }

 private:
  /// A scored map, from the last one to the finest.
  struct Level {
    nn::LayerId map;
    nn::MapGeometry geometry;
    std::shared_ptr<torch::nn::Conv2dImpl> score{};
    std::shared_ptr<nn::UpsamplingImpl> up{};  // of the coarser scores; null for the last map
    std::string score_name{}, up_name{};
  };
  std::vector<nn::LayerId> maps() const;
  torch::Tensor head(const torch::Tensor& x, const Key* key) const;
  /// Scores [B,C,h,w] f (raw) of each level.
  std::vector<torch::Tensor> level_scores(const torch::Tensor& images, const Key* key) const;
  /// These -> scores of score_geometry().
  torch::Tensor merged(const std::vector<torch::Tensor>& scores) const;

  ops::ChannelStatistics statistics_;
  std::shared_ptr<nn::LayerGraph> body_;
  std::shared_ptr<torch::nn::Conv2dImpl> fc6_, fc7_;  // VGG-16's, or null
  double dropout_ = 0;
  std::vector<Level> levels_;
  std::shared_ptr<nn::ContextModuleImpl> context_;  // of the finest scores, or null
};
TORCH_MODULE(Fcn);

}  // namespace clew::segment
