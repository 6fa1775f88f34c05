// SPDX-License-Identifier: Apache-2.0
// Detection by regression of one box: class and box of a picture's largest object from pooled features of a backbone. The
// simplest detector, for comparison: it finds one object at most.
#pragma once

#include <torch/nn/modules/linear.h>
#include <torch/nn/pimpl.h>
#include <torch/types.h>

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "clew/detect/detector.h"
#include "clew/nn/backbones/layer_graph.h"
#include "clew/ops/normalise.h"
#include "clew/ops/sampler.h"

namespace clew::detect {

inline constexpr const char* kOneBoxName = "one_box";

struct OneBoxOptions {
  std::int64_t classes = 91;     // 0 is the background
  std::int64_t side = 224;       // pixels; pictures are stretched to squares
  bool has_frozen_norms = true;  // batch norms of the body keep statistics, weights and biases
  double least_score = 0.05;     // of detections
};

/// Targets of B pictures.
struct OneBoxTargets {
  torch::Tensor
      labels;  // [B] i64: class of the object of largest area, the first of equal ones; 0 without objects
  torch::Tensor
      boxes;  // [B,4] f32 cxcywh in shares of the picture's sides; any where the label is 0
};
/// objects and sizes of each picture -> targets.
OneBoxTargets one_box_targets(const std::vector<Objects>& objects,
                              const std::vector<ops::ImageSize>& sizes);

/// Name in this network of a parameter of its backbone: "features.0.0.weight" -> "backbone.body.0.0.weight".
std::string one_box_parameter(const std::string& parameter);

struct OneBoxOutput {
  torch::Tensor logits;  // [B,classes] f32 (raw)
  torch::Tensor boxes;   // [B,4] f32 cxcywh in shares of the picture's sides
};

class OneBoxImpl : public Detector {
 public:
  /// MobileNetV2 with random weights from LibTorch's generator. Fewer than two classes: clew::Error.
  explicit OneBoxImpl(const OneBoxOptions& options);

  /// images, a list of [3,H,W] f in [0,1], RGB; `side` of the squares in pixels.
  OneBoxOutput forward(const std::vector<torch::Tensor>& images, std::int64_t side);
  /// One detection of a picture at most: its box for the likeliest class but the background.
  std::vector<Detections> detect(const std::vector<torch::Tensor>& images) override;
  /// Cross-entropy of the class, and smooth L1 of the box over pictures with objects, times 10 as of classify's localisation;
  /// zero without any. The key has no effect.
  DetectorLosses losses(const TrainingPictures& pictures, const Key& key,
                        const TrainingOptions& options) override;
  std::vector<std::string> body_modules(double stride) const override;

 private:
  OneBoxOptions options_;
  ops::ChannelStatistics statistics_;
  nn::LayerId map_;
  std::shared_ptr<nn::LayerGraph> body_;
  torch::nn::Linear logits_{nullptr}, box_{nullptr};
};
TORCH_MODULE(OneBox);

}  // namespace clew::detect
