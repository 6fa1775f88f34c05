// SPDX-License-Identifier: Apache-2.0
// Encoder: argument checks, and dispatch to the fast kernels or LibTorch's operators.
#include "clew/ops/encoder.h"

#include <torch/types.h>

#include <optional>
#include <utility>

#include "clew/ops/checks.h"
#include "clew/ops/encoder_fast.h"
#include "clew/ops/linear.h"

namespace clew::ops {
namespace {

void check(const EncoderWeights& w, const EncoderOptions& options) {
  CLEW_CHECK(options.stride1 > 0 && options.stride2 > 0, "strides must be at least 1, got ",
             options.stride1, " and ", options.stride2, " (encoder)");
  const auto must_have = [](const char* name, const torch::Tensor& t, std::int64_t dims) {
    CLEW_CHECK(t.defined(), name, " must be a tensor, got an undefined one (encoder)");
    CLEW_CHECK(t.dim() == dims && t.numel() > 0, name, " must have ", dims,
               " dimensions and no empty one, got ", t.sizes(), " (encoder)");
  };
  must_have("conv1_weight", w.conv1_weight, 4);
  must_have("conv2_weight", w.conv2_weight, 4);
  must_have("fc_weight", w.fc_weight, 2);
  const std::int64_t c1 = w.conv1_weight.size(0), c2 = w.conv2_weight.size(0);
  check_weights(
      kEncoderName,
      {{"conv1_weight", &w.conv1_weight, w.conv1_weight.sizes().vec()},
       {"conv1_bias", &w.conv1_bias, {c1}},
       {"conv2_weight", &w.conv2_weight, {c2, c1, w.conv2_weight.size(2), w.conv2_weight.size(3)}},
       {"conv2_bias", &w.conv2_bias, {c2}},
       {"fc_weight", &w.fc_weight, w.fc_weight.sizes().vec()},
       {"fc_bias", &w.fc_bias, {w.fc_weight.size(0)}}});
}

// Output length of a convolution without padding; 0 if the kernel does not fit.
std::int64_t convolved(std::int64_t length, std::int64_t kernel, std::int64_t stride) {
  return length < kernel ? 0 : (length - kernel) / stride + 1;
}

}  // namespace

struct Encoder::State {
  EncoderWeights weights;
  EncoderOptions options;
  Versions versions;
  std::optional<FastEncoder> fast;  // empty: LibTorch's operators
};

Encoder::Encoder(EncoderWeights weights, EncoderOptions options)
    : state_(std::make_shared<State>()) {
  check(weights, options);
  state_->versions = Versions({weights.conv1_weight, weights.conv1_bias, weights.conv2_weight,
                               weights.conv2_bias, weights.fc_weight, weights.fc_bias});
  if (const Kernels* const kernels = FastEncoder::serves(weights, options))
    state_->fast.emplace(weights, *kernels, options.workspace);
  state_->weights = std::move(weights);
  state_->options = std::move(options);
}

torch::Tensor Encoder::operator()(const torch::Tensor& frames) {
  const EncoderWeights& w = state_->weights;
  const EncoderOptions& options = state_->options;
  CLEW_CHECK(
      frames.defined() && frames.dim() == 4 && frames.scalar_type() == torch::kUInt8,
      "frames must be [N,C,H,W] u8, got ",
      frames.defined() ? concat(frames.sizes(), " ", frames.scalar_type()) : "an undefined tensor",
      " (encoder)");
  CLEW_CHECK(frames.size(0) > 0, "frames must hold at least one image, got ", frames.sizes(),
             " (encoder)");
  CLEW_CHECK(frames.size(1) == w.conv1_weight.size(1), "frames must have ", w.conv1_weight.size(1),
             " channels as conv1_weight, got ", frames.sizes(), " (encoder)");
  CLEW_CHECK(frames.device() == w.conv1_weight.device(), "frames must be on ",
             w.conv1_weight.device(), " as the weights, got ", frames.device(), " (encoder)");
  std::int64_t area = 1;
  for (const int axis : {2, 3})
    area *= convolved(convolved(frames.size(axis), w.conv1_weight.size(axis), options.stride1),
                      w.conv2_weight.size(axis), options.stride2);
  CLEW_CHECK(area * w.conv2_weight.size(0) == w.fc_weight.size(1), "fc_weight must have ",
             area * w.conv2_weight.size(0), " columns for frames ", frames.sizes(), ", got ",
             w.fc_weight.sizes(), " (encoder)");
  state_->versions.check_unchanged(kEncoderName);

  if (state_->fast && frames.size(2) == kFrameSide && frames.size(3) == kFrameSide)
    return state_->fast->forward(frames);
  torch::Tensor x = frames.to(w.conv1_weight.scalar_type()).mul_(1.0 / 255.0);
  x = torch::relu(torch::conv2d(x, w.conv1_weight, w.conv1_bias, options.stride1));
  x = torch::relu(torch::conv2d(x, w.conv2_weight, w.conv2_bias, options.stride2));
  return linear(x.flatten(1), w.fc_weight, w.fc_bias, {.has_relu = true});
}

bool Encoder::fast() const { return state_->fast.has_value(); }

torch::Tensor conv_encoder(const torch::Tensor& frames, const EncoderWeights& weights,
                           const EncoderOptions& options) {
  return Encoder(weights, options)(frames);
}

}  // namespace clew::ops
