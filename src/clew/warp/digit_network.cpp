// SPDX-License-Identifier: Apache-2.0
#include "clew/warp/digit_network.h"

#include <torch/nn/module.h>
#include <torch/nn/modules/activation.h>
#include <torch/nn/modules/conv.h>
#include <torch/nn/modules/linear.h>
#include <torch/nn/modules/pooling.h>
#include <torch/types.h>

#include <algorithm>
#include <cmath>

#include "clew/core/error.h"
#include "clew/ops/linear.h"
#include "clew/ops/narrow_conv.h"
#include "clew/ops/pool_relu.h"

namespace clew::warp {
namespace {

constexpr std::int64_t kConv1 = 9, kConv2 = 7;  // kernel sizes of the body
constexpr std::int64_t kLocaliserWidth = 32, kLocaliserFilters = 20, kLocaliserConv = 5;

/// Size after an unpadded convolution and 2x2 pooling.
std::int64_t after(std::int64_t side, std::int64_t kernel) { return (side - kernel + 1) / 2; }

/// First layer after a transformer, or of a localiser: f32, for their gradients.
struct NarrowConv2dImpl : torch::nn::Conv2dImpl, clew::nn::OnnxConvertible {
  using torch::nn::Conv2dImpl::Conv2dImpl;
  torch::Tensor forward(const torch::Tensor& images) {
    return ops::narrow_conv2d(images, weight, bias);
  }
  std::vector<clew::nn::OnnxValue> to_onnx(
      clew::nn::OnnxGraph& graph, const std::vector<clew::nn::OnnxValue>& inputs) const override {
    return clew::nn::onnx_as(graph, *this, typeid(torch::nn::Conv2dImpl), inputs);
  }
};
TORCH_MODULE(NarrowConv2d);

/// Number of the body's parameters at a width.
std::int64_t body_parameters(bool is_cnn, std::int64_t width, std::int64_t channels,
                             std::int64_t side, std::int64_t classes) {
  if (!is_cnn) {
    const std::int64_t inputs = channels * side * side;
    return (inputs + 1) * width + (width + 1) * width + (width + 1) * classes;
  }
  const std::int64_t last = after(after(side, kConv1), kConv2);
  return (channels * kConv1 * kConv1 + 1) * width + (width * kConv2 * kConv2 + 1) * width +
         (width * last * last + 1) * classes;
}

torch::nn::AnyModule make_first(bool is_warped, const torch::nn::Conv2dOptions& options) {
  if (is_warped) return torch::nn::AnyModule(NarrowConv2d(options));
  return torch::nn::AnyModule(torch::nn::Conv2d(options));
}

clew::nn::Layers make_body(bool is_cnn, bool is_warped, std::int64_t width, std::int64_t channels,
                           std::int64_t side, std::int64_t classes) {
  if (!is_cnn) {
    return clew::nn::Layers(torch::nn::Flatten(), torch::nn::Linear(channels * side * side, width),
                            torch::nn::ReLU(), torch::nn::Linear(width, width), torch::nn::ReLU(),
                            torch::nn::Linear(width, classes));
  }
  const std::int64_t last = after(after(side, kConv1), kConv2);
  // ReLU after pooling equals ReLU before it, on a quarter of the values.
  return clew::nn::Layers(make_first(is_warped, {channels, width, kConv1}), torch::nn::MaxPool2d(2),
                          torch::nn::ReLU(), torch::nn::Conv2d(width, width, kConv2),
                          torch::nn::MaxPool2d(2), torch::nn::ReLU(), torch::nn::Flatten(),
                          torch::nn::Linear(width * last * last, classes));
}

struct Localiser {
  clew::nn::Layers net{nullptr};
  std::int64_t features = 0;
};

Localiser make_localiser(LocaliserKind kind, std::int64_t channels, std::int64_t side) {
  const std::int64_t w = kLocaliserWidth, f = kLocaliserFilters, k = kLocaliserConv;
  if (kind == LocaliserKind::kFc) {
    return {clew::nn::Layers(torch::nn::Flatten(), torch::nn::Linear(channels * side * side, w),
                             torch::nn::ReLU(), torch::nn::Linear(w, w), torch::nn::ReLU(),
                             torch::nn::Linear(w, w), torch::nn::ReLU()),
            w};
  }
  // On the input at half its size: conv, pooling, conv, and a fully connected layer.
  const std::int64_t last = after(side / 2, k) - k + 1;
  if (last < 1) {
    throw UsageError(
        concat("network.localiser = conv needs images of at least 28 pixels, got ", side));
  }
  return {clew::nn::Layers(torch::nn::AvgPool2d(2),
                           NarrowConv2d(torch::nn::Conv2dOptions(channels, f, k)),
                           torch::nn::MaxPool2d(2), torch::nn::ReLU(), torch::nn::Conv2d(f, f, k),
                           torch::nn::ReLU(), torch::nn::Flatten(),
                           torch::nn::Linear(f * last * last, f), torch::nn::ReLU()),
          f};
}

}  // namespace

DigitNetworkImpl::DigitNetworkImpl(const NetworkConfig& config, const DigitShape& shape)
    : config_(config) {
  std::int64_t channels = shape.channels, side = shape.side;
  if (config.transform) {
    const std::int64_t size = config.warp_size > 0 ? config.warp_size : side;
    for (int i = 0; i < config.transformers; ++i) {
      auto localiser = make_localiser(config.localiser, channels, side);
      transformers_.push_back(register_module(
          concat("transformer", i),
          SpatialTransformer(localiser.net,
                             SpatialTransformerOptions{.transform = *config.transform,
                                                       .features = localiser.features,
                                                       .output_size = {size, size}})));
    }
    channels *= config.transformers;
    side = size;
  }
  if (!transformers_.empty()) side /= config.pool;
  const bool is_cnn = config.body == BodyKind::kCnn;
  if (is_cnn ? after(after(side, kConv1), kConv2) < 1 : side < 1) {
    throw UsageError(concat("the body (", name_of(config.body), ") needs images of at least ",
                            is_cnn ? 24 : 1, " pixels behind the pooling, got ", side));
  }
  const std::int64_t wanted = config.parameters - clew::nn::parameter_total(*this);
  const auto count = [&](std::int64_t width) {
    return body_parameters(is_cnn, width, channels, side, shape.classes);
  };
  std::int64_t width = 1;
  while (count(width + 1) <= wanted) ++width;
  if (std::abs(count(width + 1) - wanted) < std::abs(count(width) - wanted)) ++width;
  const std::int64_t total = config.parameters - wanted + count(width);
  if (std::abs(total - config.parameters) * 20 > config.parameters) {
    throw UsageError(concat("network.parameters = ", config.parameters,
                            " cannot be met within 5 %; the nearest that this network can have is ",
                            total));
  }
  width_ = width;
  body_ = register_module(
      "body", make_body(is_cnn, !transformers_.empty(), width, channels, side, shape.classes));
}

torch::Tensor DigitNetworkImpl::warp(const torch::Tensor& images) {
  if (transformers_.empty())
    return config_.body == BodyKind::kCnn ? ops::channels_last(images) : images;
  std::vector<torch::Tensor> warped;
  for (auto& transformer : transformers_) warped.push_back(transformer->forward(images));
  const auto seen = warped.size() == 1 ? warped[0] : torch::cat(warped, 1);
  return config_.pool > 1 ? torch::avg_pool2d(seen, config_.pool) : seen;
}

torch::Tensor DigitNetworkImpl::forward(const torch::Tensor& images) {
  return body_->forward(warp(images));
}

std::vector<torch::Tensor> DigitNetworkImpl::activations(const torch::Tensor& seen) {
  std::vector<torch::Tensor> kept;
  const auto logits = body_->forward(seen, &kept);
  kept.push_back(logits);
  return kept;
}

}  // namespace clew::warp
