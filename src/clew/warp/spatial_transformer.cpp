// SPDX-License-Identifier: Apache-2.0
#include "clew/warp/spatial_transformer.h"

#include <torch/nn/module.h>
#include <torch/nn/modules/linear.h>
#include <torch/types.h>
#include <torch/utils.h>

#include <utility>

#include "clew/core/error.h"
#include "clew/ops/autocast.h"
#include "clew/ops/linear.h"

namespace clew::warp {

using torch::Tensor;

SpatialTransformerImpl::SpatialTransformerImpl(
    std::shared_ptr<torch::nn::Module> localiser,
    std::function<Tensor(const Tensor&)> forward_localiser, SpatialTransformerOptions options)
    : options_(std::move(options)), forward_localiser_(std::move(forward_localiser)) {
  const std::int64_t count = parameter_count(options_.transform);
  const ops::ImageSize size = options_.output_size;
  CLEW_CHECK(options_.features > 0, "features must be at least 1, got ", options_.features,
             " (SpatialTransformer)");
  CLEW_CHECK((size.height > 0) == (size.width > 0) && size.height >= 0 && size.width >= 0,
             "output_size must be {} or at least 1x1, got ", size.height, "x", size.width,
             " (SpatialTransformer)");
  CLEW_CHECK(
      options_.initial.empty() || static_cast<std::int64_t>(options_.initial.size()) == count,
      "initial must have ", count, " numbers for '", name_of(options_.transform), "', got ",
      options_.initial.size(), " (SpatialTransformer)");
  const auto whole = register_module("localiser", std::make_shared<torch::nn::Module>());
  whole->register_module("net", std::move(localiser));
  last_ = whole->register_module("last", torch::nn::Linear(options_.features, count));
  const torch::NoGradGuard guard;
  last_->weight.zero_();
  last_->bias.copy_(options_.initial.empty() ? identity_parameters(options_.transform)
                                             : torch::tensor(options_.initial, torch::kFloat64));
}

Tensor SpatialTransformerImpl::forward(const Tensor& images) {
  return warp(images, locate(images));
}

Tensor SpatialTransformerImpl::locate(const Tensor& images) {
  CLEW_CHECK(images.defined() && images.dim() == 4, "images must be [B,C,H,W], got ",
             images.defined() ? concat(images.sizes()) : "an undefined tensor",
             " (SpatialTransformer)");
  const Tensor features = forward_localiser_(images).flatten(1);
  CLEW_CHECK(features.size(1) == options_.features, "the localisation network must give ",
             options_.features, " numbers for an image, got ", features.size(1), " for images ",
             images.sizes(), " (SpatialTransformer)");
  const ops::Autocast off(ops::Precision::kFp32);  // subpixel coordinates need full precision
  const Tensor parameters =
      ops::linear(features.to(last_->weight.scalar_type()), last_->weight, last_->bias)
          .to(ops::coordinate_type(images));
  last_parameters_ = parameters.detach();
  return parameters;
}

Tensor SpatialTransformerImpl::warp(const Tensor& images, const Tensor& parameters) {
  CLEW_CHECK(images.defined() && images.dim() == 4, "images must be [B,C,H,W], got ",
             images.defined() ? concat(images.sizes()) : "an undefined tensor",
             " (SpatialTransformer)");
  const ops::Autocast off(ops::Precision::kFp32);
  warped_by_ = parameters.detach();
  warped_to_ = output_size(images);
  if (is_affine(options_.transform))
    return ops::affine_sample(images, affine_matrix(options_.transform, parameters), warped_to_,
                              options_.sample);
  return ops::grid_sample(images, generator(warped_to_, parameters)(parameters), options_.sample);
}

Tensor SpatialTransformerImpl::last_grid() const {
  if (!warped_by_.defined()) return {};
  return GridGenerator(options_.transform, warped_to_, options_.sample.align_corners,
                       warped_by_.options())(warped_by_);
}

ops::ImageSize SpatialTransformerImpl::output_size(const Tensor& images) const {
  if (options_.output_size.height > 0) return options_.output_size;
  return {images.size(2), images.size(3)};
}

const GridGenerator& SpatialTransformerImpl::generator(ops::ImageSize size, const Tensor& like) {
  const bool is_right =
      generator_ && generator_size_.height == size.height && generator_size_.width == size.width &&
      generator_options_.dtype() == like.dtype() && generator_options_.device() == like.device();
  if (!is_right) {
    generator_size_ = size;
    generator_options_ = like.options();
    generator_.emplace(options_.transform, size, options_.sample.align_corners, generator_options_);
  }
  return *generator_;
}

std::vector<std::string> localiser_prefixes(const torch::nn::Module& network) {
  std::vector<std::string> prefixes;
  const auto add = [&](const torch::nn::Module& module, const std::string& path) {
    if (dynamic_cast<const SpatialTransformerImpl*>(&module) != nullptr)
      prefixes.push_back(path + SpatialTransformerImpl::kLocaliserPrefix);
  };
  add(network, "");
  for (const auto& entry : network.named_modules("", /*include_self=*/false))
    add(*entry.value(), entry.key() + ".");
  return prefixes;
}

}  // namespace clew::warp
