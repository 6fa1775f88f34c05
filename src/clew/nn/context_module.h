// SPDX-License-Identifier: Apache-2.0
// Context module (Yu and Koltun 2016, arXiv 1511.07122, section 3): dilated convolutions that give each element of a map
// of scores the view of its surroundings, at the map's own resolution.
#pragma once

#include <torch/nn/module.h>
#include <torch/nn/modules/conv.h>
#include <torch/nn/pimpl.h>
#include <torch/types.h>

#include <array>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "clew/core/names.h"
#include "clew/nn/backbones/layer_table.h"
#include "clew/nn/export/onnx.h"

namespace clew::nn {

/// Channels of the layers of a module on C channels (Yu and Koltun 2016, table 1).
enum class ContextSize : std::uint8_t {
  kBasic,  // C in each
  kLarge,  // 2C, 2C, 4C, 8C, 16C, 32C, 32C, C
};
constexpr auto names(ContextSize) {
  return std::to_array<Named<ContextSize>>(
      {{ContextSize::kBasic, "basic"}, {ContextSize::kLarge, "large"}});
}

/// Initial weights.
enum class ContextStart : std::uint8_t {
  kIdentity,  // each layer passes on what it gets
  kRandom,    // He et al. 2015 (fan in), with which Yu and Koltun saw no gain in accuracy
};
constexpr auto names(ContextStart) {
  return std::to_array<Named<ContextStart>>(
      {{ContextStart::kIdentity, "identity"}, {ContextStart::kRandom, "random"}});
}

struct ContextOptions {
  std::int64_t channels = 0;  // C, at least 1
  ContextSize size = ContextSize::kBasic;
  ContextStart start = ContextStart::kIdentity;
  // Standard deviation of the other weights of a large identity, in its weights C / c_out; at least 0. The paper asks
  // for much less than 1, which keeps the copies of a channel from learning the same.
  double noise = 0.01;
};

/// Seven 3x3 convolutions, dilated by 1, 1, 2, 4, 8, 16 and 1, each with a ReLU, and a 1x1 convolution without one. All
/// keep the size by zeros beyond the border. An element of the result sees 67 x 67 elements of the map.
///
/// With the identity as start and no noise the module is max(x, 0): a ReLU follows the first layer, so that negative
/// scores are lost. Scores that are all 0 get no gradient through the ReLUs; what comes before must begin otherwise.
class ContextModuleImpl : public torch::nn::Module, public OnnxConvertible {
 public:
  /// No channels, negative noise: clew::Error.
  explicit ContextModuleImpl(const ContextOptions& options);

  /// x [B,C,h,w] f of any size -> [B,C,h,w] f (raw). Another number of channels: clew::Error.
  torch::Tensor forward(const torch::Tensor& x) const;
  std::vector<OnnxValue> to_onnx(OnnxGraph& graph,
                                 const std::vector<OnnxValue>& inputs) const override;
  /// On a map of geometry `from`.
  std::vector<LayerRow> layers(const std::string& prefix, MapGeometry from) const;

 private:
  std::int64_t channels_;
  std::vector<std::shared_ptr<torch::nn::Conv2dImpl>> convolutions_;  // "conv1" ... "conv8"
};
TORCH_MODULE(ContextModule);

}  // namespace clew::nn
