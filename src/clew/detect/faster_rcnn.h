// SPDX-License-Identifier: Apache-2.0
// Faster R-CNN (Ren et al. 2015, arXiv 1506.01497): the paper's networks on one map, and networks on feature pyramids (Lin et
// al. 2017, arXiv 1612.03144) with the parameter names, constants and results of torchvision's; and Mask R-CNN (He et al.
// 2017, arXiv 1703.06870) on all of them.
#pragma once

#include <torch/nn/module.h>
#include <torch/nn/pimpl.h>
#include <torch/types.h>

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "clew/core/key.h"
#include "clew/detect/detector.h"
#include "clew/nn/backbones/layer_graph.h"
#include "clew/nn/export/onnx.h"
#include "clew/nn/feature_pyramid.h"
#include "clew/nn/inference/fused_graph.h"
#include "clew/ops/boxes/anchors.h"
#include "clew/ops/boxes/geometry.h"
#include "clew/ops/normalise.h"
#include "clew/ops/precision.h"
#include "clew/ops/sampler.h"

namespace clew::detect {

/// Limits of region proposals, for training and for evaluation.
struct ProposalLimits {
  std::int64_t before_nms = 2000, after_nms = 2000;  // per level and picture; per picture
};

struct FasterRcnnOptions {
  std::int64_t classes = 91;  // 0 is the background
  // Pictures are scaled until the short side has `short_side` pixels, or the long one `long_side`.
  std::int64_t short_side = 800, long_side = 1333;
  ops::ChannelStatistics statistics = ops::imagenet_statistics();
  std::vector<ops::AnchorShapes> anchors;  // per level
  // Batch norms of the body keep statistics, weights and biases.
  bool has_frozen_norms = true;
  bool has_masks = false;  // also heads of masks
  ProposalLimits training, evaluation{1000, 1000};
  double proposal_nms = 0.7;           // IoU
  double least_objectness = 0;         // of proposals
  double least_proposal_side = 0;      // pixels of the original; 0: 0.001 of the resized picture
  double least_score = 0.05;           // of detections
  double detection_nms = 0.5;          // IoU, within a class
  std::int64_t most_detections = 100;  // per picture
  bool has_detection = true;           // else region proposals alone
};

/// The architectures: torchvision's "resnet50_fpn", "maskrcnn_resnet50_fpn" (the same with masks), "mobilenet_v3_large_fpn" and
/// "mobilenet_v3_large_320_fpn"; smaller ones with strides 8 to 64, "mobilenet_v2_fpn" and "efficientnet_lite0_fpn"; and
/// those of the paper, "vgg16" and "zf", on one map of stride 16 with RoI pooling.
const std::vector<std::string>& detector_names();
/// Name in the detector of a parameter of its backbone: "features.0.0.weight" -> "backbone.body.0.0.weight"; of "vgg16" and
/// "zf" also "classifier.0.weight" -> "roi_heads.box_head.fc6.weight", and classifier.3 -> fc7. Unknown detector: UsageError.
std::string detector_parameter(const std::string& detector, const std::string& parameter);
/// torchvision's constants for one of them, or our own. Unknown name: UsageError.
FasterRcnnOptions detector_options(const std::string& name, std::int64_t classes = 91);
/// Published settings of its training, or our own.
struct DetectorDefaults {
  int frozen_stride = 4;                 // of the body's layers that keep published weights
  std::int64_t sampled_proposals = 512;  // per picture
  double detection_beta = 1.0 / 9;       // of smooth L1
  bool ignores_crossing_anchors = false;
};
DetectorDefaults detector_defaults(const std::string& name);

/// Pictures of one batch as the network sees them.
struct ResizedImages {
  torch::Tensor
      images;  // [B,3,H,W] f32, normalised, zero to the right and below; H and W multiples of 32
  std::vector<ops::ImageSize> sizes;  // without that padding
  std::vector<ops::ImageSize> originals;
};

/// Output of the region proposal network, levels side by side, row by row, a pixel's anchors side by side.
struct Proposals {
  torch::Tensor objectness;          // [B,N] f32 (raw)
  torch::Tensor codes;               // [B,N,4] f32 (ops::encode_boxes)
  torch::Tensor anchors;             // [N,4] f32
  std::vector<std::int64_t> counts;  // of each level
};

/// Sides of the network's input are multiples of it.
inline constexpr std::int64_t kSideDivisor = 32;

/// Coding of the detections' boxes relative to proposals: weights 10, 10, 5, 5.
const ops::BoxCoding& detection_coding();

class FasterRcnnImpl : public Detector, public nn::OnnxConvertible {
 public:
  /// Random weights from LibTorch's generator. Unknown name: UsageError.
  FasterRcnnImpl(const std::string& name, const FasterRcnnOptions& options);

  std::vector<Detections> detect(const std::vector<torch::Tensor>& images) override;
  std::vector<torch::Tensor> propose_boxes(const std::vector<torch::Tensor>& images,
                                           std::int64_t count) override;
  /// As detector_losses with random_samplers.
  DetectorLosses losses(const TrainingPictures& pictures, const Key& key,
                        const TrainingOptions& options) override;
  std::vector<std::string> body_modules(double stride) const override;

  /// image [1,3,H,W] f32 in [0,1], RGB, H and W of any size -> boxes [N,4] f32 xyxy in its pixels, labels [N] i64 from 1,
  /// scores [N] f32, by falling score, and with masks theirs [N,28,28] f32 in [0,1]: detect() as one graph.
  std::vector<nn::OnnxValue> to_onnx(nn::OnnxGraph& graph,
                                     const std::vector<nn::OnnxValue>& inputs) const override;
  /// The same modules with another limit of the detections' scores.
  std::shared_ptr<FasterRcnnImpl> with_least_score(double score) const;

  // Stages of it.
  /// Body, pyramid and heads of the region proposals as one graph of layers, with the network's modules.
  struct DenseGraph {
    std::shared_ptr<nn::LayerGraph> graph;
    std::vector<nn::LayerId> maps, objectness, codes;  // by level
  };
  DenseGraph dense_graph() const;
  /// Maps of objectness [B,A,H,W] and codes [B,4A,H,W] by level.
  Proposals assemble(const std::vector<torch::Tensor>& objectness,
                     const std::vector<torch::Tensor>& codes, ops::ImageSize padded) const;
  /// The second half of detect().
  std::vector<Detections> finish(const ResizedImages& images,
                                 const std::vector<torch::Tensor>& maps,
                                 const Proposals& proposals);
  /// `short_side`: instead of the options'; 0: theirs.
  ResizedImages resize(const std::vector<torch::Tensor>& images, std::int64_t short_side = 0) const;
  /// images [B,3,H,W], normalised -> maps of the pyramid, finest first.
  std::vector<torch::Tensor> features(const torch::Tensor& images);
  Proposals propose(const std::vector<torch::Tensor>& maps, ops::ImageSize padded);
  /// -> boxes [K,4] of each picture, best first, cut at its edges. `limits`: the options' for the mode.
  std::vector<torch::Tensor> select(const Proposals& proposals, const ResizedImages& images,
                                    std::optional<ProposalLimits> limits = {}) const;
  /// RoIAlign of all boxes on the map of their level, or RoI pooling of one map -> [K,C,bins,bins], picture by picture.
  /// `bins` 0: those of classify().
  torch::Tensor pool(const std::vector<torch::Tensor>& maps,
                     const std::vector<torch::Tensor>& boxes,
                     const std::vector<ops::ImageSize>& sizes, std::int64_t bins = 0) const;
  /// [K,C,7,7] ("zf": [K,C,6,6]) -> class logits [K,C] (raw), codes [K,4C] relative to the boxes (detection_coding). In
  /// training mode dropout draws from `key`; no dropout without a key.
  std::pair<torch::Tensor, torch::Tensor> classify(const torch::Tensor& pooled,
                                                   const Key* key = nullptr);
  /// Scores and codes of all boxes -> detections in pixels of the resized pictures.
  std::vector<Detections> decode(const torch::Tensor& logits, const torch::Tensor& codes,
                                 const std::vector<torch::Tensor>& boxes,
                                 const std::vector<ops::ImageSize>& sizes) const;

  /// Mask logits [K,28,28] of boxes, each for its label of `labels` [K] i64. Without has_masks: clew::Error.
  torch::Tensor mask_logits(const std::vector<torch::Tensor>& maps,
                            const std::vector<torch::Tensor>& boxes, const torch::Tensor& labels,
                            const std::vector<ops::ImageSize>& sizes);

  struct RoiPooling {
    std::int64_t bins = 7;
    double stride = 0;  // of the one map, pixels; 0: RoIAlign on a pyramid
  };
  RoiPooling roi_pooling() const;
  const FasterRcnnOptions& options() const { return options_; }
  /// Pixel at which each level's first element lies; empty: 0.
  const std::vector<double>& map_offsets() const;

 private:
  void add_masks(std::vector<Detections>& detections, const std::vector<torch::Tensor>& maps,
                 const std::vector<ops::ImageSize>& sizes);

  struct Parts;
  FasterRcnnOptions options_;
  std::shared_ptr<Parts> parts_;
};
TORCH_MODULE(FasterRcnn);

/// A detector, and region proposals with a body of their own, "proposer": the two networks of alternating training before
/// they share a body (Ren et al. 2015, section 3.2).
class AlternatingRcnnImpl : public FasterRcnnImpl {
 public:
  AlternatingRcnnImpl(const std::string& name, const FasterRcnnOptions& options);
  FasterRcnn proposer;
};
TORCH_MODULE(AlternatingRcnn);

/// Inference by a snapshot of a network's convolutions in oneDNN (nn::FusedGraph); later changes of its weights have no
/// effect. Detections agree with FasterRcnnImpl::detect to rounding.
class FusedDetector {
 public:
  explicit FusedDetector(const FasterRcnn& network,
                         ops::PrecisionChoice precision = ops::PrecisionChoice::kFp32);

  /// As FasterRcnnImpl::detect.
  std::vector<Detections> detect(const std::vector<torch::Tensor>& images) const;
  /// FLOPs of the convolutions for a picture of that size, which is resized first; a multiply-add counts as two.
  double operations(std::int64_t height, std::int64_t width) const;

 private:
  FasterRcnn network_;
  std::size_t levels_;
  nn::FusedGraph dense_;
};

}  // namespace clew::detect
