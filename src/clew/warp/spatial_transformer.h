// SPDX-License-Identifier: Apache-2.0
// Spatial transformer module (arXiv 1506.02025): a localisation network predicts a transform of the
// images, which is applied to them. May be used several times, anywhere in a network.
#pragma once

#include <torch/nn/module.h>
#include <torch/nn/modules/linear.h>
#include <torch/nn/pimpl.h>
#include <torch/types.h>

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "clew/nn/export/onnx.h"
#include "clew/ops/sampler.h"
#include "clew/warp/transform.h"

namespace clew::warp {

struct SpatialTransformerOptions {
  TransformKind transform = TransformKind::kAffine;
  std::int64_t features = 0;        // outputs of the localisation network per image
  ops::ImageSize output_size = {};  // {}: the input's
  ops::SampleOptions sample = {};
  std::vector<double> initial = {};  // initial parameters; empty: the identity
};

struct SpatialTransformerImpl : torch::nn::Module, nn::OnnxConvertible {
  /// `localiser`: module holder whose forward maps images [B,C,H,W] to `features` numbers each,
  /// [B,...]. A linear layer follows, with zero weights and bias `initial`: initially all images
  /// have the same transform; the identity is exact, bit for bit.
  template <class Localiser>
  SpatialTransformerImpl(Localiser localiser, SpatialTransformerOptions options)
      : SpatialTransformerImpl(
            localiser.ptr(),
            [localiser](const torch::Tensor& x) mutable { return localiser->forward(x); },
            std::move(options)) {}
  SpatialTransformerImpl(std::shared_ptr<torch::nn::Module> localiser,
                         std::function<torch::Tensor(const torch::Tensor&)> forward_localiser,
                         SpatialTransformerOptions options);

  /// images [B,C,H,W] f -> [B,C,h,w] of their type: warp(images, locate(images)). For bf16 and f16
  /// images, sampling coordinates are f32.
  torch::Tensor forward(const torch::Tensor& images);
  /// images [B,C,H,W] f -> transform parameters [B,P] of their ops::coordinate_type.
  torch::Tensor locate(const torch::Tensor& images);
  /// images [B,C,H,W], parameters [B,P] of their ops::coordinate_type -> [B,C,h,w] of the images' type;
  /// the images may differ from those of locate.
  torch::Tensor warp(const torch::Tensor& images, const torch::Tensor& parameters);

  /// Parameters of the last locate, detached; undefined before the first.
  const torch::Tensor& last_parameters() const { return last_parameters_; }
  /// Sampling grid [B,h,w,2] of the last warp, detached; undefined before the first.
  torch::Tensor last_grid() const;

  /// Images must have a fixed size, and the localisation network must be exportable.
  std::vector<nn::OnnxValue> to_onnx(nn::OnnxGraph& graph,
                                     const std::vector<nn::OnnxValue>& inputs) const override;

  const SpatialTransformerOptions& options() const { return options_; }

  /// Name prefix of the localisation network and its last layer.
  static constexpr const char* kLocaliserPrefix = "localiser.";

 private:
  ops::ImageSize output_size(const torch::Tensor& images) const;
  const GridGenerator& generator(ops::ImageSize size, const torch::Tensor& like);

  SpatialTransformerOptions options_;
  std::function<torch::Tensor(const torch::Tensor&)> forward_localiser_;
  torch::nn::Linear last_{nullptr};
  torch::Tensor last_parameters_, warped_by_;
  ops::ImageSize warped_to_;
  std::optional<GridGenerator> generator_;
  ops::ImageSize generator_size_;
  torch::TensorOptions generator_options_;
};
TORCH_MODULE(SpatialTransformer);

/// Name prefixes of all localisation networks in `network`, one per transformer, for learning rate
/// factors.
std::vector<std::string> localiser_prefixes(const torch::nn::Module& network);

}  // namespace clew::warp
