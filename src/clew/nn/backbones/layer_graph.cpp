// SPDX-License-Identifier: Apache-2.0
#include "clew/nn/backbones/layer_graph.h"

#include <torch/nn/modules/conv.h>
#include <torch/nn/modules/linear.h>
#include <torch/nn/modules/pooling.h>
#include <torch/types.h>

#include <algorithm>
#include <dnnl.hpp>
#include <limits>
#include <utility>

#include "clew/core/error.h"
#include "clew/nn/batch_norm.h"
#include "clew/nn/dropout.h"
#include "clew/nn/upsample.h"

namespace clew::nn {
namespace {

torch::Tensor activated(const torch::Tensor& x, Activation kind) {
  switch (kind) {
    case Activation::kRelu:
      return torch::relu(x);
    case Activation::kRelu6:
      return torch::hardtanh(x, 0, 6);
    case Activation::kHardswish:
      return torch::hardswish(x);
    case Activation::kHardsigmoid:
      return torch::hardsigmoid(x);
  }
  throw Error("unknown activation");
}

/// In place where the gradient needs only the output.
torch::Tensor activated_in_place(torch::Tensor x, Activation kind) {
  if (kind == Activation::kRelu) return torch::relu_(x);
  if (kind == Activation::kRelu6) return torch::hardtanh_(x, 0, 6);
  return activated(x, kind);
}

/// A window: its stride, the elements from its first to its last, and those that the first one lies outside of the map.
struct Extent {
  std::int64_t stride;
  double reach, before;
};

/// Geometry of a layer of windows on a map.
MapGeometry behind_window(const MapGeometry& from, const Extent& window) {
  return {.stride = from.stride * static_cast<double>(window.stride),
          .offset = from.offset + from.stride * (window.reach / 2 - window.before),
          .field = from.field + from.stride * window.reach};
}

/// True where LibTorch is faster with channels last: convolutions with AVX-512, which then need no
/// reorder, and in training the batch norms and activations between them.
bool prefers_channels_last(const torch::Tensor& x) {
  static const bool has_avx512 = [] {
    constexpr auto kAll = static_cast<int>(dnnl::cpu_isa::avx512_core);
    return (static_cast<int>(dnnl::get_effective_cpu_isa()) & kAll) == kAll;
  }();
  return has_avx512 && x.dim() == 4 && x.device().is_cpu() && x.scalar_type() == torch::kFloat32;
}

}  // namespace

LayerGraph::LayerGraph(std::int64_t output_stride, const NormOptions& norms)
    : output_stride_(output_stride), norms_(norms) {
  layers_.push_back({.kind = Kind::kInput, .channels = 3});
}

LayerGraph::LayerGraph(const LayerGraph& whole, const std::vector<LayerId>& wanted,
                       const std::string& prefix)
    : output_stride_(whole.output_stride_), norms_(whole.norms_) {
  const auto is_needed = whole.needed(wanted);
  const auto last = std::ranges::max(wanted, {}, &LayerId::index).index;
  layers_.assign(whole.layers_.begin(), whole.layers_.begin() + last + 1);
  for (std::size_t i = 0; i < layers_.size(); ++i) {
    auto& layer = layers_[i];
    if (layer.module == nullptr) continue;
    if (!is_needed[i]) {
      layer.module = nullptr;
      continue;
    }
    if (layer.path.starts_with(prefix)) layer.path.erase(0, prefix.size());
    put(layer.path, layer.module);
  }
}

LayerGraph::LayerGraph(const LayerGraph& whole, Extension /*extension*/)
    : output_stride_(kAnyStride), norms_(whole.norms_), layers_(whole.layers_) {}

LayerId LayerGraph::push(Layer layer) {
  layers_.push_back(std::move(layer));
  return {static_cast<int>(layers_.size()) - 1};
}

LayerGraph::Layer LayerGraph::behind(LayerId x, Kind kind) const {
  const auto& from = at(x);
  return {.kind = kind,
          .inputs = {x.index},
          .channels = from.channels,
          .geometry = from.geometry,
          .dilation = from.dilation};
}

template <class Holder>
Holder LayerGraph::put(const std::string& path, Holder module) {
  torch::nn::Module* parent = this;
  std::size_t begin = 0;
  for (auto dot = path.find('.'); dot != std::string::npos; dot = path.find('.', begin)) {
    const auto name = path.substr(begin, dot - begin);
    begin = dot + 1;
    auto children = parent->named_children();
    if (const auto* found = children.find(name)) {
      parent = found->get();
    } else {
      parent = parent->register_module(name, std::make_shared<torch::nn::Module>(name)).get();
    }
  }
  return parent->register_module(path.substr(begin), std::move(module));
}

LayerGraph::Window LayerGraph::window_of(const Layer& x, std::int64_t stride) const {
  if (x.geometry.stride * static_cast<double>(stride) <= static_cast<double>(output_stride_))
    return {stride, x.dilation, x.dilation};
  return {1, x.dilation, x.dilation * stride};
}

LayerId LayerGraph::convolution(const std::string& path, LayerId x,
                                const ConvolutionOptions& options) {
  const auto& from = at(x);
  const auto window = window_of(from, options.stride);
  const auto dilation = options.kernel == 1 ? 1 : window.dilation;
  const auto reach = dilation * (options.kernel - 1);
  Layer layer{.kind = Kind::kConvolution,
              .inputs = {x.index},
              .path = path,
              .channels = options.out,
              .kernel = options.kernel,
              .stride = window.stride,
              .padding = options.padding < 0 ? reach / 2 : options.padding,
              .dilation_of_window = dilation,
              .dilation = window.next_dilation};
  double before = static_cast<double>(layer.padding);
  if (options.is_padded_as_tensorflow) {
    const auto total = std::max<std::int64_t>(0, reach + 1 - window.stride);
    layer.padding = total % 2 == 0 ? total / 2 : 0;
    if (total % 2 != 0) layer.uneven_padding = {total / 2, total - total / 2};
    before = static_cast<double>(total / 2);
  }
  layer.geometry = behind_window(
      from.geometry,
      {.stride = window.stride, .reach = static_cast<double>(reach), .before = before});
  layer.module =
      put(path,
          torch::nn::Conv2d(torch::nn::Conv2dOptions(from.channels, options.out, options.kernel)
                                .stride(window.stride)
                                .padding(layer.padding)
                                .dilation(dilation)
                                .groups(options.groups)
                                .bias(options.has_bias)))
          .ptr();
  return push(std::move(layer));
}

LayerId LayerGraph::convolution(const std::shared_ptr<torch::nn::Conv2dImpl>& module,
                                const std::string& path, LayerId x) {
  const auto& weight = module->weight;
  CLEW_CHECK(weight.size(1) == at(x).channels && module->options.stride()->at(0) == 1, path,
             " must take ", at(x).channels, " channels with a stride of 1, got ", weight.size(1),
             " and ", module->options.stride()->at(0));
  auto layer = behind(x, Kind::kConvolution);
  layer.path = path;
  layer.module = module;
  layer.channels = weight.size(0);
  layer.kernel = weight.size(2);
  layer.dilation_of_window = module->options.dilation()->at(0);
  layer.padding = layer.dilation_of_window * (weight.size(2) / 2);
  layer.geometry.field +=
      layer.geometry.stride * static_cast<double>(layer.dilation_of_window * (layer.kernel - 1));
  return push(std::move(layer));
}

LayerId LayerGraph::batch_norm(const std::string& path, LayerId x, double eps, double momentum) {
  auto layer = behind(x, Kind::kBatchNorm);
  if (norms_.eps > 0) eps = norms_.eps;
  if (norms_.momentum > 0) momentum = norms_.momentum;
  layer.path = path;
  layer.module =
      put(path, BatchNorm2d(torch::nn::BatchNormOptions(layer.channels).eps(eps).momentum(momentum),
                            norms_.is_frozen))
          .ptr();
  return push(std::move(layer));
}

LayerId LayerGraph::activation(LayerId x, Activation kind) {
  auto layer = behind(x, Kind::kActivation);
  layer.activation = kind;
  return push(std::move(layer));
}

LayerId LayerGraph::response_norm(LayerId x, const ResponseNormOptions& options) {
  CLEW_ASSERT(options.side % 2 == 1);
  auto layer = behind(x, Kind::kResponseNorm);
  layer.kernel = options.side;
  layer.padding = options.side / 2;
  layer.geometry.field += layer.geometry.stride * static_cast<double>(options.side - 1);
  layer.alpha = options.alpha;
  layer.beta = options.beta;
  return push(std::move(layer));
}

LayerId LayerGraph::max_pool(LayerId x, std::int64_t kernel, std::int64_t stride,
                             std::int64_t padding) {
  const auto window = window_of(at(x), stride);
  if (window.stride != stride && kernel == stride) {  // becomes dilation only
    layers_[static_cast<std::size_t>(x.index)].dilation = window.next_dilation;
    return x;
  }
  auto layer = behind(x, Kind::kMaxPool);
  const auto reach = static_cast<double>(window.dilation * (kernel - 1));
  layer.kernel = kernel;
  layer.stride = window.stride;
  layer.padding = padding * window.dilation;
  layer.dilation_of_window = window.dilation;
  layer.dilation = window.next_dilation;
  layer.geometry = behind_window(
      layer.geometry,
      {.stride = window.stride, .reach = reach, .before = static_cast<double>(layer.padding)});
  return push(std::move(layer));
}

LayerId LayerGraph::average_pool(LayerId x, std::int64_t side) {
  return push({.kind = Kind::kAveragePool,
               .inputs = {x.index},
               .channels = at(x).channels,
               .kernel = side,
               .geometry = {.field = std::numeric_limits<double>::infinity()}});
}

LayerId LayerGraph::add(LayerId a, LayerId b) {
  CLEW_ASSERT(at(a).channels == at(b).channels);
  auto layer = behind(a, Kind::kAdd);
  layer.inputs.push_back(b.index);
  layer.geometry.field = std::max(layer.geometry.field, at(b).geometry.field);
  return push(std::move(layer));
}

LayerId LayerGraph::multiply(LayerId a, LayerId b) {
  CLEW_ASSERT(at(a).channels == at(b).channels);
  auto layer = behind(a, Kind::kMultiply);
  layer.inputs.push_back(b.index);
  layer.geometry.field = std::max(layer.geometry.field, at(b).geometry.field);
  return push(std::move(layer));
}

LayerId LayerGraph::upsample(LayerId x, LayerId like) {
  auto layer = behind(like, Kind::kUpsample);
  layer.inputs = {x.index, like.index};
  layer.channels = at(x).channels;
  layer.geometry.field = at(x).geometry.field;
  return push(std::move(layer));
}

LayerId LayerGraph::flatten(LayerId x) {
  const auto& from = at(x);
  return push({.kind = Kind::kFlatten,
               .inputs = {x.index},
               .channels = from.channels * from.kernel * from.kernel,
               .geometry = {.field = from.geometry.field}});
}

LayerId LayerGraph::linear(const std::string& path, LayerId x, std::int64_t out) {
  auto module = put(path, torch::nn::Linear(at(x).channels, out));
  return push({.kind = Kind::kLinear,
               .inputs = {x.index},
               .path = path,
               .module = module.ptr(),
               .channels = out,
               .geometry = {.field = at(x).geometry.field}});
}

LayerId LayerGraph::dropout(LayerId x, double p) {
  auto layer = behind(x, Kind::kDropout);
  layer.probability = p;
  return push(std::move(layer));
}

std::vector<bool> LayerGraph::needed(const std::vector<LayerId>& wanted, LayerId known) const {
  std::vector<bool> is_needed(layers_.size());
  for (const auto id : wanted) is_needed.at(static_cast<std::size_t>(id.index)) = true;
  for (auto i = layers_.size(); i-- > static_cast<std::size_t>(known.index) + 1;) {
    if (!is_needed[i]) continue;
    for (const int input : layers_[i].inputs) is_needed[static_cast<std::size_t>(input)] = true;
  }
  for (std::size_t i = 0; i < static_cast<std::size_t>(known.index); ++i)
    CLEW_CHECK(!is_needed[i], "layer ", i, " lies before layer ", known.index,
               ", from which a network is run");
  return is_needed;
}

torch::Tensor LayerGraph::compute(const Layer& layer, std::size_t index,
                                  const std::vector<torch::Tensor>& values, const Key* key) const {
  const auto& x = values[static_cast<std::size_t>(layer.inputs[0])];
  switch (layer.kind) {
    case Kind::kConvolution: {
      auto& module = dynamic_cast<torch::nn::Conv2dImpl&>(*layer.module);
      const auto [before, after] = layer.uneven_padding;
      return module.forward(after == 0 ? x
                                       : torch::constant_pad_nd(x, {before, after, before, after}));
    }
    case Kind::kBatchNorm:
      return dynamic_cast<BatchNorm2dImpl&>(*layer.module).forward(x);
    case Kind::kActivation:
      return activated(x, layer.activation);
    case Kind::kResponseNorm:
      return x * (1 + layer.alpha * torch::avg_pool2d(x * x, layer.kernel, 1, layer.padding))
                     .pow(-layer.beta);
    case Kind::kMaxPool:
      return torch::max_pool2d(x, layer.kernel, layer.stride, layer.padding,
                               layer.dilation_of_window);
    case Kind::kAveragePool:
      return torch::adaptive_avg_pool2d(x, {layer.kernel, layer.kernel});
    case Kind::kAdd:
      return x + values[static_cast<std::size_t>(layer.inputs[1])];
    case Kind::kMultiply:
      return x * values[static_cast<std::size_t>(layer.inputs[1])];
    case Kind::kUpsample:
      return upsample_like(x, values[static_cast<std::size_t>(layer.inputs[1])]);
    case Kind::kFlatten:
      return x.flatten(1);
    case Kind::kLinear:
      return dynamic_cast<torch::nn::LinearImpl&>(*layer.module).forward(x);
    case Kind::kDropout:
      return is_training() && key != nullptr && layer.probability > 0
                 ? nn::dropout(x, layer.probability, fold_in(*key, index))
                 : x;
    case Kind::kInput:
      break;
  }
  throw Error("a layer without a computation");
}

std::vector<torch::Tensor> LayerGraph::run(const torch::Tensor& x,
                                           const std::vector<LayerId>& wanted, const Key* key,
                                           LayerId known) const {
  const auto is_needed = needed(wanted, known);
  std::vector<int> readers(layers_.size());
  for (std::size_t i = 0; i < layers_.size(); ++i)
    if (is_needed[i] && i > static_cast<std::size_t>(known.index))
      for (const int input : layers_[i].inputs) ++readers[static_cast<std::size_t>(input)];
  for (const auto id : wanted) ++readers[static_cast<std::size_t>(id.index)];
  // Memory with a single reader and without gradient.
  const auto is_of_one_reader = [&, all = readers](int value) {
    const auto kind = layers_[static_cast<std::size_t>(value)].kind;
    return value != known.index && all[static_cast<std::size_t>(value)] == 1 &&
           (kind == Kind::kConvolution || kind == Kind::kBatchNorm || kind == Kind::kAdd ||
            kind == Kind::kLinear);
  };
  std::vector<torch::Tensor> values(layers_.size());
  const bool is_channels_last = prefers_channels_last(x);
  values[static_cast<std::size_t>(known.index)] =
      is_channels_last ? x.contiguous(torch::MemoryFormat::ChannelsLast) : x;
  for (auto i = static_cast<std::size_t>(known.index) + 1; i < layers_.size(); ++i) {
    if (!is_needed[i]) continue;
    if (layers_[i].kind == Kind::kActivation && is_of_one_reader(layers_[i].inputs[0])) {
      const auto from = static_cast<std::size_t>(layers_[i].inputs[0]);
      values[i] = activated_in_place(std::move(values[from]), layers_[i].activation);
      continue;
    }
    values[i] = compute(layers_[i], i, values, key);
    for (const int input : layers_[i].inputs)  // freed after the last reader
      if (--readers[static_cast<std::size_t>(input)] == 0)
        values[static_cast<std::size_t>(input)].reset();
  }
  std::vector<torch::Tensor> results;
  for (const auto id : wanted) {
    const auto& value = values[static_cast<std::size_t>(id.index)];
    results.push_back(is_channels_last ? value.contiguous() : value);
  }
  return results;
}

std::vector<OnnxValue> LayerGraph::run_onnx(OnnxGraph& graph, const OnnxValue& x,
                                            const std::vector<LayerId>& wanted) const {
  const auto is_needed = needed(wanted, {0});
  std::vector<OnnxValue> values(layers_.size());
  values[0] = x;
  for (std::size_t i = 1; i < layers_.size(); ++i) {
    if (!is_needed[i]) continue;
    const auto& layer = layers_[i];
    const auto& from = values[static_cast<std::size_t>(layer.inputs[0])];
    auto& value = values[i];
    switch (layer.kind) {
      case Kind::kConvolution: {
        const auto [before, after] = layer.uneven_padding;
        value = onnx_child(graph, layer.path, *layer.module,
                           after == 0 ? from : graph.pad(from, before, after));
        break;
      }
      case Kind::kBatchNorm:
      case Kind::kLinear:
        value = onnx_child(graph, layer.path, *layer.module, from);
        break;
      case Kind::kActivation:
        value = layer.activation == Activation::kRelu        ? graph.relu(from)
                : layer.activation == Activation::kRelu6     ? graph.clip(from, 0, 6)
                : layer.activation == Activation::kHardswish ? graph.hard_swish(from)
                                                             : graph.hard_sigmoid(from);
        break;
      case Kind::kResponseNorm: {
        const auto number = [&](double one, const char* name) {
          return graph.constant(torch::full({1}, one, torch::kFloat32), name);
        };
        const auto mean =
            graph.average_pool(graph.mul(from, from), {.kernel = {layer.kernel, layer.kernel},
                                                       .stride = {1, 1},
                                                       .padding = {layer.padding, layer.padding},
                                                       .dilation = {1, 1}});
        const auto sum = graph.add(number(1, "one"), graph.mul(number(layer.alpha, "alpha"), mean));
        value = graph.mul(from, graph.exp(graph.mul(number(-layer.beta, "beta"), graph.log(sum))));
        break;
      }
      case Kind::kMaxPool:
        value = graph.max_pool(from,
                               {.kernel = {layer.kernel, layer.kernel},
                                .stride = {layer.stride, layer.stride},
                                .padding = {layer.padding, layer.padding},
                                .dilation = {layer.dilation_of_window, layer.dilation_of_window}});
        break;
      case Kind::kAveragePool:
        value = layer.kernel == 1
                    ? graph.global_average_pool(from)
                    : add_to_onnx(graph,
                                  torch::nn::AdaptiveAvgPool2dImpl(
                                      torch::nn::AdaptiveAvgPool2dOptions(layer.kernel)),
                                  {from})[0];
        break;
      case Kind::kAdd:
        value = graph.add(from, values[static_cast<std::size_t>(layer.inputs[1])]);
        break;
      case Kind::kMultiply:
        value = graph.mul(from, values[static_cast<std::size_t>(layer.inputs[1])]);
        break;
      case Kind::kUpsample:
        value = graph.upsample(from, values[static_cast<std::size_t>(layer.inputs[1])]);
        break;
      case Kind::kFlatten:
        value = graph.flatten(from);
        break;
      case Kind::kDropout:
      case Kind::kInput:
        value = from;
        break;
    }
  }
  std::vector<OnnxValue> results;
  for (const auto id : wanted) results.push_back(values[static_cast<std::size_t>(id.index)]);
  return results;
}

}  // namespace clew::nn
