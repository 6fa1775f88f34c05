// SPDX-License-Identifier: Apache-2.0
// Interface of object detectors, and pictures, settings and losses of their training. Implementations: faster_rcnn.h,
// one_box.h, windows.h.
#pragma once

#include <torch/nn/module.h>
#include <torch/types.h>

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "clew/core/key.h"
#include "clew/nn/backbones/layer_graph.h"
#include "clew/ops/boxes/matching.h"

namespace clew::detect {

/// Detections of one picture, by falling score.
struct Detections {
  torch::Tensor boxes;   // [N,4] f32 xyxy in pixels of the original
  torch::Tensor scores;  // [N] f32 in [0,1]
  torch::Tensor labels;  // [N] i64 in 1..classes-1
  torch::Tensor
      masks;  // [N,28,28] f32 in [0,1] over the boxes (paste_mask); undefined without has_masks
};

/// Limits of a picture's detections.
struct DetectionLimits {
  double least_score = 0.05;
  double overlap = 0.5;     // largest IoU of two of one class
  std::int64_t most = 100;  // per picture
};

// Least sides of proposals and detections, in pixels of the resized picture.
inline constexpr double kLeastProposalSide = 1e-3, kLeastDetectionSide = 1e-2;

/// Candidates boxes [N,4] f, scores [N] f, labels [N] i64, in any order -> those within the limits, with sides of at least
/// kLeastDetectionSide, by falling score.
Detections best_detections(Detections candidates, const DetectionLimits& limits);

/// Objects of one picture.
struct Objects {
  torch::Tensor boxes;   // [N,4] f xyxy, pixels
  torch::Tensor labels;  // [N] i64 in 1..classes-1
  torch::Tensor masks;   // [N,H,W] u8, 0 or 1, of the original picture; for detectors with masks
};

/// Pictures with objects, in pixels of the originals, that a network in training mode learns from.
struct TrainingPictures {
  std::vector<torch::Tensor> images;  // as in Detector::detect
  std::vector<Objects> objects;       // with masks if the network has them
  std::int64_t short_side = 0;        // pixels, instead of the options'; 0: theirs
  std::optional<Key> dropout{};
};
/// Objects that are not as above, with labels outside of 1..classes-1, without sides, of another number than images, without
/// masks although `has_masks`: clew::Error.
void check_pictures(const TrainingPictures& pictures, std::int64_t classes, bool has_masks = false);

struct TrainingOptions {
  ops::MatchOptions anchors{.high = 0.7, .low = 0.3, .allows_low_quality = true};
  ops::MatchOptions proposals{.high = 0.5, .low = 0.5};
  std::int64_t sampled_anchors = 256, sampled_proposals = 512;  // per picture
  double positive_anchors = 0.5, positive_proposals = 0.25;     // largest fraction
  double detection_beta = 1.0 / 9;                              // of the detections' smooth L1
  // Anchors that cross the picture's edges are not sampled (Ren et al. 2015, section 3.3).
  bool ignores_crossing_anchors = false;
};

/// Losses of one batch, 0-d with their graph; undefined ones are not computed.
struct DetectorLosses {
  torch::Tensor objectness, proposal_boxes, classes, boxes;
  torch::Tensor masks;  // of detectors with masks
  /// Of the defined ones.
  torch::Tensor sum() const;
};

class Detector : public torch::nn::Module {
 public:
  /// images, a list of [3,H,W] f32 in [0,1], RGB -> detections. No gradient.
  virtual std::vector<Detections> detect(const std::vector<torch::Tensor>& images) = 0;
  /// images -> proposals [K,4] f32 of each, K up to `count`, best first, in pixels of the original; none without a region
  /// proposal network. No gradient.
  virtual std::vector<torch::Tensor> propose_boxes(const std::vector<torch::Tensor>& images,
                                                   std::int64_t count);
  /// All losses of one forward pass, which samples by `key`. Malformed objects: clew::Error, as of check_pictures.
  virtual DetectorLosses losses(const TrainingPictures& pictures, const Key& key,
                                const TrainingOptions& options) = 0;
  /// Modules of the body, by their names in this network, whose outputs have strides up to `stride` pixels.
  virtual std::vector<std::string> body_modules(double /*stride*/) const { return {}; }
};

/// Prefix of the body's names in a detector.
inline constexpr const char* kBodyPrefix = "backbone.body.";
/// Modules of `body`, with that prefix, whose outputs have strides up to `stride` pixels.
std::vector<std::string> modules_up_to(const nn::LayerGraph& body, double stride);

}  // namespace clew::detect
