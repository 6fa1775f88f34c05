// SPDX-License-Identifier: Apache-2.0
// The spatial transformer as a module (arXiv 1506.02025): a localisation network looks at images and
// says how to transform them. Several can stand side by side, or anywhere in a network.
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
  std::int64_t features = 0;        // numbers the localisation network gives for an image
  ops::ImageSize output_size = {};  // {}: that of the images
  ops::SampleOptions sample = {};
  std::vector<double> initial = {};  // parameters before training; empty: the identity
};

struct SpatialTransformerImpl : torch::nn::Module, nn::OnnxConvertible {
  /// `localiser` is any module holder whose forward maps images [B,C,H,W] to a tensor of `features`
  /// numbers for each, in any shape [B,...]. After it comes a linear layer with zero weights and the
  /// bias `initial`: at first every image is transformed alike, by the identity bit for bit.
  template <class Localiser>
  SpatialTransformerImpl(Localiser localiser, SpatialTransformerOptions options)
      : SpatialTransformerImpl(
            localiser.ptr(),
            [localiser](const torch::Tensor& x) mutable { return localiser->forward(x); },
            std::move(options)) {}
  SpatialTransformerImpl(std::shared_ptr<torch::nn::Module> localiser,
                         std::function<torch::Tensor(const torch::Tensor&)> forward_localiser,
                         SpatialTransformerOptions options);

  /// images [B,C,H,W] f -> [B,C,h,w] of their type: warp(images, locate(images)). Also activations in
  /// mixed precision: of bf16 or f16 images the places are f32.
  torch::Tensor forward(const torch::Tensor& images);
  /// images [B,C,H,W] f -> parameters [B,P] of the transform, of their ops::place_type.
  torch::Tensor locate(const torch::Tensor& images);
  /// images [B,C,H,W], parameters [B,P] of their ops::place_type -> [B,C,h,w] of the images' type; the
  /// images may be others than those located.
  torch::Tensor warp(const torch::Tensor& images, const torch::Tensor& parameters);

  /// What the last locate gave, without its graph; undefined before the first.
  const torch::Tensor& last_parameters() const { return last_parameters_; }
  /// The places [B,h,w,2] the last warp read, without a graph; undefined before the first.
  torch::Tensor last_grid() const;

  /// forward, for images of a known size; the localisation network must be one ONNX can hold.
  std::vector<nn::OnnxValue> to_onnx(nn::OnnxGraph& graph,
                                     const std::vector<nn::OnnxValue>& inputs) const override;

  const SpatialTransformerOptions& options() const { return options_; }

  /// All that localises has names that start with this: localisation network and last layer.
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

/// Prefixes of the names, among all of `network`, of the parameters that localise: what a learning
/// rate factor for localisation networks applies to. One for each transformer inside.
std::vector<std::string> localiser_prefixes(const torch::nn::Module& network);

}  // namespace clew::warp
