// SPDX-License-Identifier: Apache-2.0
// Convolutional networks as a graph of layers with parameter names of other libraries: run from and
// to any layer, exported, with the position of each feature map in the image.
#pragma once

#include <torch/nn/module.h>
#include <torch/nn/modules/conv.h>
#include <torch/types.h>

#include <array>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "clew/core/key.h"
#include "clew/nn/backbones/layer_row.h"
#include "clew/nn/export/onnx.h"

namespace clew::nn {

enum class Activation { kRelu, kRelu6, kHardswish, kHardsigmoid };

/// Index of a layer in a LayerGraph.
struct LayerId {
  int index = -1;
};

struct ConvolutionOptions {
  std::int64_t out = 0, kernel = 1, stride = 1;
  std::int64_t padding = -1;  // -1: half of the window, so that stride 1 keeps the size
  std::int64_t groups = 1;
  bool has_bias = false;
  // TensorFlow's "same" padding, for even image sizes: of an odd sum the larger half comes last.
  bool is_padded_as_tensorflow = false;
};

/// Normalisation of each element by its neighbourhood in the same channel, `side` x `side` with zeros beyond the border
/// (Krizhevsky et al. 2012, section 3.3, in space): x (1 + alpha mean(x^2))^-beta.
struct ResponseNormOptions {
  std::int64_t side = 3;  // odd
  double alpha = 5e-5, beta = 0.75;
};

/// Batch norms of a network (BatchNorm2d).
struct NormOptions {
  bool is_frozen = false;
  double eps = 0, momentum = 0;  // 0: those of the network
};

/// x [B,3,H,W] f -> outputs of any of its layers.
///
/// Strides beyond `output_stride` become dilation of the following layers (Chen et al. 2017), as
/// with torchvision's replace_stride_with_dilation.
class LayerGraph : public torch::nn::Module {
 public:
  static constexpr std::int64_t kAnyStride = 1 << 20;  // nothing becomes dilation
  explicit LayerGraph(std::int64_t output_stride = kAnyStride, const NormOptions& norms = {});
  /// Layers that `wanted` needs of `whole`, under the same ids and with the same modules; `prefix`, such as
  /// "features.", is dropped from their paths.
  LayerGraph(const LayerGraph& whole, const std::vector<LayerId>& wanted,
             const std::string& prefix);
  /// All layers of `whole` under the same ids, for adding further ones with strides of their own; its
  /// modules are not registered here.
  struct Extension {};
  LayerGraph(const LayerGraph& whole, Extension);

  // Building. `path` is the module's dotted name, "layer1.0.conv1".
  LayerId input() const { return {0}; }
  LayerId convolution(const std::string& path, LayerId x, const ConvolutionOptions& options);
  /// A convolution with a module that another one owns, which keeps the size: stride 1, padding of half the window with
  /// its dilation.
  LayerId convolution(const std::shared_ptr<torch::nn::Conv2dImpl>& module, const std::string& path,
                      LayerId x);
  LayerId batch_norm(const std::string& path, LayerId x, double eps = 1e-5, double momentum = 0.1);
  LayerId activation(LayerId x, Activation kind);
  LayerId response_norm(LayerId x, const ResponseNormOptions& options = {});
  /// Omitted where its stride becomes dilation and its windows do not overlap.
  LayerId max_pool(LayerId x, std::int64_t kernel, std::int64_t stride, std::int64_t padding = 0);
  LayerId average_pool(LayerId x, std::int64_t side);  // adaptive: [B,C,side,side]
  LayerId add(LayerId a, LayerId b);
  LayerId multiply(LayerId a, LayerId b);  // b may be [B,C,1,1]
  /// Nearest element of x for each of `like`, whose size the result has.
  LayerId upsample(LayerId x, LayerId like);
  LayerId flatten(LayerId x);
  LayerId linear(const std::string& path, LayerId x, std::int64_t out);
  LayerId dropout(LayerId x, double p);

  std::int64_t channels(LayerId x) const { return at(x).channels; }
  MapGeometry geometry(LayerId x) const { return at(x).geometry; }

  /// Outputs of layers `wanted`. In training mode dropout draws from `key`; no dropout without a
  /// key. Starts at layer `known` with value `x`.
  std::vector<torch::Tensor> run(const torch::Tensor& x, const std::vector<LayerId>& wanted,
                                 const Key* key = nullptr, LayerId known = {0}) const;
  /// The same in an ONNX graph.
  std::vector<OnnxValue> run_onnx(OnnxGraph& graph, const OnnxValue& x,
                                  const std::vector<LayerId>& wanted) const;

  // Walking.
  enum class Kind {
    kInput,
    kConvolution,
    kBatchNorm,
    kActivation,
    kResponseNorm,
    kMaxPool,
    kAveragePool,
    kAdd,
    kMultiply,
    kUpsample,  // of inputs[0] to the size of inputs[1]
    kFlatten,
    kLinear,
    kDropout
  };
  struct Layer {
    Kind kind = Kind::kInput;
    std::vector<int> inputs{};
    std::string path{};
    std::shared_ptr<torch::nn::Module> module{};
    std::int64_t channels = 0, kernel = 0, stride = 1, padding = 0, dilation_of_window = 1;
    std::array<std::int64_t, 2> uneven_padding{};  // before and after, if they differ
    double probability = 0;
    Activation activation = Activation::kRelu;
    double alpha = 0, beta = 0;  // of a response norm, whose side is `kernel`
    MapGeometry geometry{};
    std::int64_t dilation = 1;  // of following windows
  };
  const std::vector<Layer>& layers() const { return layers_; }  // 0 is the input
  /// Layers needed for `wanted`, from `known` on.
  std::vector<bool> needed(const std::vector<LayerId>& wanted, LayerId known = {0}) const;

 private:
  const Layer& at(LayerId x) const { return layers_.at(static_cast<std::size_t>(x.index)); }
  LayerId push(Layer layer);
  /// Layer after `x` with the same channels and geometry.
  Layer behind(LayerId x, Kind kind) const;
  /// Stride and dilation of a window with `stride` after `x`, and dilation of the following layers.
  struct Window {
    std::int64_t stride, dilation, next_dilation;
  };
  Window window_of(const Layer& x, std::int64_t stride) const;
  template <class Holder>
  Holder put(const std::string& path, Holder module);
  torch::Tensor compute(const Layer& layer, std::size_t index,
                        const std::vector<torch::Tensor>& values, const Key* key) const;

  std::int64_t output_stride_;
  NormOptions norms_;
  std::vector<Layer> layers_;
};

}  // namespace clew::nn
