// SPDX-License-Identifier: Apache-2.0
#include "clew/nn/context_module.h"

#include <torch/nn/init.h>
#include <torch/types.h>

#include "clew/core/error.h"

namespace clew::nn {
namespace {

/// A row of table 1: `large` is the number of channels of the large module, times C.
struct ContextLayer {
  std::int64_t kernel, dilation, large;
};
constexpr std::array<ContextLayer, 8> kContextLayers = {
    {{3, 1, 2}, {3, 1, 2}, {3, 2, 4}, {3, 4, 8}, {3, 8, 16}, {3, 16, 32}, {3, 1, 32}, {1, 1, 1}}};

std::string convolution_name(std::size_t index) { return concat("conv", index + 1); }

/// weight [O,I,K,K]: equation 5, and with O = I = C and no noise equation 4. Channels fall into C groups; each channel gets
/// C / O of the sum of its group's inputs, so that the sum of a group stays what it is.
void pass_on(const torch::Tensor& weight, std::int64_t channels, double noise) {
  const auto out = weight.size(0), in = weight.size(1), middle = weight.size(2) / 2;
  const double value = static_cast<double>(channels) / static_cast<double>(out);
  weight.zero_();
  if (noise > 0) weight.normal_(0, noise * value);
  const auto groups = [&](std::int64_t count) {
    return torch::floor_divide(torch::arange(count, torch::kInt64) * channels, count);
  };
  const auto is_passed = groups(out).unsqueeze(1).eq(groups(in).unsqueeze(0));
  weight.select(3, middle).select(2, middle).masked_fill_(is_passed, value);
}

}  // namespace

ContextModuleImpl::ContextModuleImpl(const ContextOptions& options) : channels_(options.channels) {
  CLEW_CHECK(options.channels >= 1, "a context module must have at least 1 channel, got ",
             options.channels);
  CLEW_CHECK(options.noise >= 0, "noise of a context module must be at least 0, got ",
             options.noise);
  const torch::NoGradGuard no_grad;
  const bool is_large = options.size == ContextSize::kLarge;
  auto in = channels_;
  for (const auto& [kernel, dilation, large] : kContextLayers) {
    const auto out = is_large ? large * channels_ : channels_;
    const auto convolution =
        register_module(convolution_name(convolutions_.size()),
                        torch::nn::Conv2d(torch::nn::Conv2dOptions(in, out, kernel)
                                              .padding(dilation * (kernel / 2))
                                              .dilation(dilation)));
    if (options.start == ContextStart::kIdentity) {
      pass_on(convolution->weight, channels_, is_large ? options.noise : 0);
    } else {
      torch::nn::init::kaiming_normal_(convolution->weight, 0, torch::kFanIn, torch::kReLU);
    }
    torch::nn::init::zeros_(convolution->bias);
    convolutions_.push_back(convolution);
    in = out;
  }
}

torch::Tensor ContextModuleImpl::forward(const torch::Tensor& x) const {
  CLEW_CHECK(x.dim() == 4 && x.size(1) == channels_ && x.is_floating_point(), "x must be [B,",
             channels_, ",h,w] of real numbers, got ", x.sizes(), " of ", x.scalar_type());
  auto y = x;
  for (const auto& convolution : convolutions_) {
    y = convolution->forward(y);
    if (convolution != convolutions_.back()) y = torch::relu(y);
  }
  return y;
}

std::vector<OnnxValue> ContextModuleImpl::to_onnx(OnnxGraph& graph,
                                                  const std::vector<OnnxValue>& inputs) const {
  auto y = inputs.at(0);
  for (std::size_t i = 0; i < convolutions_.size(); ++i) {
    y = onnx_child(graph, convolution_name(i), *convolutions_[i], y);
    if (i + 1 < convolutions_.size()) y = graph.relu(y);
  }
  return {y};
}

std::vector<LayerRow> ContextModuleImpl::layers(const std::string& prefix, MapGeometry from) const {
  std::vector<LayerRow> rows;
  for (std::size_t i = 0; i < convolutions_.size(); ++i) {
    rows.push_back(layer_row(prefix + convolution_name(i), *convolutions_[i], from));
    from = rows.back().geometry;
  }
  return rows;
}

}  // namespace clew::nn
