// SPDX-License-Identifier: Apache-2.0
#include "clew/nn/export/onnx.h"

#include <torch/nn.h>
#include <torch/types.h>
#include <torch/utils.h>

#include <algorithm>
#include <exception>
#include <optional>

#include "clew/core/error.h"
#include "clew/core/files.h"
#include "clew/nn/export/inference.h"
#include "clew/nn/export/onnx_shape.h"

namespace clew::nn {
namespace {

// Options of layers are c10::variant in LibTorch 1.13 and std::variant in 2.x: get, get_if and
// holds_alternative are found by ADL.

using Shape = std::vector<std::int64_t>;

template <std::size_t N>
Shape list(const torch::ExpandingArray<N>& values) {
  return {values->begin(), values->end()};
}

/// Initializer of a parameter or buffer, named as in state_dict.
OnnxValue keep(OnnxGraph& graph, const torch::Tensor& tensor, const char* name) {
  return graph.constant(tensor, name);
}

std::optional<OnnxValue> keep_if_defined(OnnxGraph& graph, const torch::Tensor& tensor,
                                         const char* name) {
  return tensor.defined() ? std::optional(keep(graph, tensor, name)) : std::nullopt;
}

const OnnxValue* pointer(const std::optional<OnnxValue>& value) {
  return value ? &*value : nullptr;
}

/// A layer type and its writer.
struct Converter {
  const std::type_info& type;
  OnnxValue (*convert)(OnnxGraph&, const torch::nn::Module&, const OnnxValue&);
};

template <class Layer, OnnxValue (*kConvert)(OnnxGraph&, const Layer&, const OnnxValue&)>
OnnxValue convert_layer(OnnxGraph& graph, const torch::nn::Module& module, const OnnxValue& x) {
  const auto* layer = dynamic_cast<const Layer*>(&module);
  CLEW_CHECK(layer != nullptr, module.name(), " does not derive from the layer it is written as");
  return kConvert(graph, *layer, x);
}

// Layers with weights.

template <std::size_t N, class Layer>
OnnxValue convolution(OnnxGraph& graph, const Layer& layer, const OnnxValue& x) {
  const auto& options = layer.options;
  CLEW_CHECK(holds_alternative<torch::enumtype::kZeros>(options.padding_mode()), layer.name(),
             ": only padding by zeros can be exported to ONNX");
  OnnxWindow window = {list(options.kernel_size()), list(options.stride()), Shape(N, 0),
                       list(options.dilation())};
  if (const auto* padding = get_if<torch::ExpandingArray<N>>(&options.padding())) {
    window.padding = list(*padding);
  } else if (holds_alternative<torch::enumtype::kSame>(options.padding())) {
    for (std::size_t i = 0; i < N; ++i) {
      const auto total = window.dilation[i] * (window.kernel[i] - 1);
      CLEW_CHECK(total % 2 == 0, layer.name(),
                 ": padding 'same' of an even window is uneven, which ", "is not exported to ONNX");
      window.padding[i] = total / 2;
    }
  }
  const auto bias = keep_if_defined(graph, layer.bias, "bias");
  return graph.conv(x, keep(graph, layer.weight, "weight"), pointer(bias), window,
                    options.groups());
}

template <std::size_t N, class Layer>
OnnxValue transposed_convolution(OnnxGraph& graph, const Layer& layer, const OnnxValue& x) {
  const auto& options = layer.options;
  const auto extra = list(options.output_padding());
  CLEW_CHECK(std::ranges::all_of(extra, [](auto side) { return side == 0; }), layer.name(),
             ": output_padding cannot be exported to ONNX");
  const auto bias = keep_if_defined(graph, layer.bias, "bias");
  return graph.conv_transpose(
      x, keep(graph, layer.weight, "weight"), pointer(bias),
      {list(options.kernel_size()), list(options.stride()),
       list(get<torch::ExpandingArray<N>>(options.padding())), list(options.dilation())},
      options.groups());
}

OnnxValue linear(OnnxGraph& graph, const torch::nn::LinearImpl& layer, const OnnxValue& x) {
  const auto bias = keep_if_defined(graph, layer.bias, "bias");
  if (x.shape.size() == 2) return graph.gemm(x, keep(graph, layer.weight, "weight"), pointer(bias));
  const auto product = graph.matmul(x, keep(graph, layer.weight.t(), "weight_transposed"));
  return bias ? graph.add(product, *bias) : product;
}

template <class Layer>
OnnxValue batch_norm(OnnxGraph& graph, const Layer& layer, const OnnxValue& x) {
  CLEW_CHECK(layer.running_mean.defined(), layer.name(),
             ": batch normalisation without running statistics cannot be exported to ONNX");
  const bool is_affine = layer.weight.defined();
  const auto scale = is_affine ? layer.weight : torch::ones_like(layer.running_mean);
  const auto shift = is_affine ? layer.bias : torch::zeros_like(layer.running_mean);
  return graph.batch_normalization(x,
                                   {keep(graph, scale, "weight"), keep(graph, shift, "bias"),
                                    keep(graph, layer.running_mean, "running_mean"),
                                    keep(graph, layer.running_var, "running_var")},
                                   layer.options.eps());
}

OnnxValue group_norm(OnnxGraph& graph, const torch::nn::GroupNormImpl& layer, const OnnxValue& x) {
  std::vector<OnnxValue> affine;
  if (layer.weight.defined())
    affine = {keep(graph, layer.weight, "weight"), keep(graph, layer.bias, "bias")};
  return graph.group_normalization(x, layer.options.num_groups(), affine, layer.options.eps());
}

OnnxValue layer_norm(OnnxGraph& graph, const torch::nn::LayerNormImpl& layer, const OnnxValue& x) {
  const auto& sides = layer.options.normalized_shape();
  const auto scale =
      keep(graph, layer.weight.defined() ? layer.weight : torch::ones(sides), "weight");
  const auto shift = keep_if_defined(graph, layer.bias, "bias");
  return graph.layer_normalization(x, scale, pointer(shift), layer.options.eps());
}

// Layers without.

/// Refuses ceil_mode where it changes the output shape: runtimes differ on a partial last window.
void check_rounding(const torch::nn::Module& layer, const OnnxValue& x, const OnnxWindow& window,
                    bool rounds_up) {
  if (!rounds_up) return;
  CLEW_CHECK(!is_free(x.shape), layer.name(), ": ceil_mode needs a fixed size, got ",
             text_of_shape(x.shape));
  for (std::size_t i = 0; i < window.kernel.size() && i + 2 < x.shape.size(); ++i) {
    const auto reach = window.dilation[i] * (window.kernel[i] - 1) + 1;
    CLEW_CHECK((x.shape[i + 2] + 2 * window.padding[i] - reach) % window.stride[i] == 0,
               layer.name(), ": ceil_mode matters for sides of ", x.shape[i + 2],
               ", and cannot be exported to ONNX");
  }
}

template <std::size_t N, class Layer>
OnnxValue max_pool(OnnxGraph& graph, const Layer& layer, const OnnxValue& x) {
  const auto& options = layer.options;
  const OnnxWindow window = {list(options.kernel_size()), list(options.stride()),
                             list(options.padding()), list(options.dilation())};
  check_rounding(layer, x, window, options.ceil_mode());
  return graph.max_pool(x, window);
}

OnnxValue average_pool(OnnxGraph& graph, const torch::nn::AvgPool2dImpl& layer,
                       const OnnxValue& x) {
  const auto& options = layer.options;
  CLEW_CHECK(!options.divisor_override(), layer.name(),
             ": divisor_override cannot be exported to ONNX");
  const OnnxWindow window = {
      list(options.kernel_size()), list(options.stride()), list(options.padding()), {1, 1}};
  check_rounding(layer, x, window, options.ceil_mode());
  return graph.average_pool(x, window, options.count_include_pad());
}

OnnxValue adaptive_pool(OnnxGraph& graph, const torch::nn::AdaptiveAvgPool2dImpl& layer,
                        const OnnxValue& x) {
  CLEW_CHECK(x.shape.size() == 4, layer.name(), " takes [B,C,H,W] to be exported to ONNX");
  OnnxWindow window = {{}, {}, {0, 0}, {1, 1}};
  const auto& sides = *layer.options.output_size();
  if (is_free(x.shape)) {
    CLEW_CHECK(sides[0] == 1 && sides[1] == 1, layer.name(),
               " to other than 1x1 needs a fixed size ", "to be exported to ONNX, got ",
               text_of_shape(x.shape));
    return graph.global_average_pool(x);
  }
  for (std::size_t i = 0; i < 2; ++i) {
    const auto from = x.shape[i + 2], to = sides[i].value_or(from);
    CLEW_CHECK(to > 0 && from % to == 0, layer.name(), ": ", from, " into ", to,
               " parts of different sizes cannot be exported to ONNX");
    window.kernel.push_back(from / to);
    window.stride.push_back(from / to);
  }
  return graph.average_pool(x, window);
}

OnnxValue flatten(OnnxGraph& graph, const torch::nn::FlattenImpl& layer, const OnnxValue& x) {
  const auto rank = static_cast<std::int64_t>(x.shape.size());
  const auto begin = layer.options.start_dim(), end = layer.options.end_dim();
  const auto first = begin < 0 ? begin + rank : begin, last = end < 0 ? end + rank : end;
  CLEW_CHECK(first >= 0 && first <= last && last < rank, layer.name(), ": sides ", begin, " to ",
             end, " are not among ", rank);
  if ((first == 1 && last == rank - 1) || is_free(x.shape)) return graph.flatten(x);
  Shape shape(x.shape.begin(), x.shape.begin() + first);
  std::int64_t product = 1;
  for (auto i = first; i <= last; ++i) product *= x.shape[static_cast<std::size_t>(i)];
  shape.push_back(product);
  shape.insert(shape.end(), x.shape.begin() + last + 1, x.shape.end());
  return graph.reshape(x, shape);
}

OnnxValue upsample(OnnxGraph& graph, const torch::nn::UpsampleImpl& layer, const OnnxValue& x) {
  const auto& options = layer.options;
  const bool is_bilinear = holds_alternative<torch::enumtype::kBilinear>(options.mode());
  CLEW_CHECK(is_bilinear || holds_alternative<torch::enumtype::kNearest>(options.mode()),
             layer.name(), ": only nearest and bilinear can be exported to ONNX");
  CLEW_CHECK(!is_bilinear || !options.align_corners().value_or(false), layer.name(),
             ": align_corners cannot be exported to ONNX");
  CLEW_CHECK(options.scale_factor(), layer.name(), " needs a scale_factor to be exported to ONNX");
  const auto& factors = *options.scale_factor();
  const auto factor = static_cast<std::int64_t>(factors.at(0));
  for (const auto value : factors)
    CLEW_CHECK(value == static_cast<double>(factor), layer.name(),
               ": only one whole scale_factor can be exported to ONNX");
  return graph.resize(x, factor, is_bilinear);
}

OnnxValue leaky_relu(OnnxGraph& graph, const torch::nn::LeakyReLUImpl& layer, const OnnxValue& x) {
  return graph.leaky_relu(x, layer.options.negative_slope());
}

OnnxValue elu(OnnxGraph& graph, const torch::nn::ELUImpl& layer, const OnnxValue& x) {
  return graph.elu(x, layer.options.alpha());
}

OnnxValue gelu(OnnxGraph& graph, const torch::nn::GELUImpl& layer, const OnnxValue& x) {
  return graph.gelu(x, layer.options.approximate() == "tanh");
}

OnnxValue softmax(OnnxGraph& graph, const torch::nn::SoftmaxImpl& layer, const OnnxValue& x) {
  return graph.softmax(x, layer.options.dim());
}

OnnxValue log_softmax(OnnxGraph& graph, const torch::nn::LogSoftmaxImpl& layer,
                      const OnnxValue& x) {
  return graph.log_softmax(x, layer.options.dim());
}

template <class Layer>
OnnxValue relu6(OnnxGraph& graph, const Layer&, const OnnxValue& x) {
  return graph.clip(x, 0, 6);
}

template <class Layer, OnnxValue (OnnxGraph::*kMethod)(const OnnxValue&)>
OnnxValue plain(OnnxGraph& graph, const Layer&, const OnnxValue& x) {
  return (graph.*kMethod)(x);
}

/// Identity at inference.
template <class Layer>
OnnxValue pass(OnnxGraph&, const Layer&, const OnnxValue& x) {
  return x;
}

#define CLEW_LAYER(Layer, ...) \
  { typeid(torch::nn::Layer), convert_layer<torch::nn::Layer, __VA_ARGS__> }
const Converter kLayers[] = {
    CLEW_LAYER(Conv1dImpl, convolution<1, torch::nn::Conv1dImpl>),
    CLEW_LAYER(Conv2dImpl, convolution<2, torch::nn::Conv2dImpl>),
    CLEW_LAYER(Conv3dImpl, convolution<3, torch::nn::Conv3dImpl>),
    CLEW_LAYER(ConvTranspose2dImpl, transposed_convolution<2, torch::nn::ConvTranspose2dImpl>),
    CLEW_LAYER(LinearImpl, linear),
    CLEW_LAYER(BatchNorm1dImpl, batch_norm<torch::nn::BatchNorm1dImpl>),
    CLEW_LAYER(BatchNorm2dImpl, batch_norm<torch::nn::BatchNorm2dImpl>),
    CLEW_LAYER(GroupNormImpl, group_norm),
    CLEW_LAYER(LayerNormImpl, layer_norm),
    CLEW_LAYER(MaxPool2dImpl, max_pool<2, torch::nn::MaxPool2dImpl>),
    CLEW_LAYER(MaxPool3dImpl, max_pool<3, torch::nn::MaxPool3dImpl>),
    CLEW_LAYER(AvgPool2dImpl, average_pool),
    CLEW_LAYER(AdaptiveAvgPool2dImpl, adaptive_pool),
    CLEW_LAYER(FlattenImpl, flatten),
    CLEW_LAYER(UpsampleImpl, upsample),
    CLEW_LAYER(ReLUImpl, plain<torch::nn::ReLUImpl, &OnnxGraph::relu>),
    CLEW_LAYER(SigmoidImpl, plain<torch::nn::SigmoidImpl, &OnnxGraph::sigmoid>),
    CLEW_LAYER(TanhImpl, plain<torch::nn::TanhImpl, &OnnxGraph::tanh>),
    CLEW_LAYER(SiLUImpl, plain<torch::nn::SiLUImpl, &OnnxGraph::silu>),
    CLEW_LAYER(GELUImpl, gelu),
    CLEW_LAYER(ReLU6Impl, relu6<torch::nn::ReLU6Impl>),
    CLEW_LAYER(LeakyReLUImpl, leaky_relu),
    CLEW_LAYER(ELUImpl, elu),
    CLEW_LAYER(SoftmaxImpl, softmax),
    CLEW_LAYER(LogSoftmaxImpl, log_softmax),
    CLEW_LAYER(DropoutImpl, pass<torch::nn::DropoutImpl>),
    CLEW_LAYER(Dropout2dImpl, pass<torch::nn::Dropout2dImpl>),
    CLEW_LAYER(IdentityImpl, pass<torch::nn::IdentityImpl>),
};
#undef CLEW_LAYER

OnnxGraph graph_of(const torch::nn::Module& module, const OnnxOptions& options) {
  OnnxGraph graph(options.name, options.description);
  std::vector<OnnxValue> inputs;
  for (const auto& edge : options.inputs)
    inputs.push_back(graph.input(edge.name, edge.dtype, edge.shape, edge.note));
  const auto outputs = add_to_onnx(graph, module, inputs);
  CLEW_CHECK(outputs.size() == options.outputs.size(), "the network gives ", outputs.size(),
             " values, but ", options.outputs.size(), " ONNX outputs are named");
  for (std::size_t i = 0; i < outputs.size(); ++i)
    graph.output(options.outputs[i].name, outputs[i], options.outputs[i].note);
  for (const auto& [key, value] : options.metadata) graph.metadata(key, value);
  return graph;
}

// Comparison of the graph with forward.

/// For another summation order; 16-bit types have 8 to 11 bits of precision.
double tolerance_of(torch::ScalarType dtype) {
  return dtype == torch::kHalf || dtype == torch::kBFloat16 ? 2e-2 : 1e-4;
}

struct Deviation {
  double difference = 0, largest = 0;
};

/// Largest difference (NaN or infinite where only one value is) and largest finite `wanted`.
Deviation deviation_of(const torch::Tensor& got, const torch::Tensor& wanted) {
  if (wanted.numel() == 0) return {};
  const auto a = got.to(torch::kFloat64), b = wanted.to(torch::kFloat64);
  const auto is_same = (a == b).logical_or(a.isnan().logical_and(b.isnan()));
  const auto difference = (a - b).abs().masked_fill(is_same, 0);
  const auto sizes = b.abs().masked_fill(b.isfinite().logical_not(), 0);
  return {difference.max().abs().item<double>(), sizes.max().item<double>()};
}

std::string described(const torch::Tensor& tensor) {
  return concat(torch::toString(tensor.scalar_type()), " ", text_of_shape(tensor.sizes().vec()));
}

void compare_with_forward(const OnnxGraph& graph, const ForwardFunction& forward,
                          const OnnxOptions& options, const std::vector<torch::Tensor>& inputs) {
  const torch::NoGradGuard no_grad;
  std::vector<torch::Tensor> wanted;
  try {
    wanted = forward(inputs);
  } catch (const std::exception& error) {
    std::string shapes;
    for (const auto& input : inputs)
      shapes += concat(shapes.empty() ? "" : ", ", text_of_shape(input.sizes().vec()));
    throw Error(concat("cannot export to ONNX: forward fails on an example ", shapes,
                       has_free_sides(options.inputs) ? " (OnnxEdge::example_size): " : ": ",
                       reason_of(error)));
  }
  const auto got = graph.run(inputs);
  CLEW_CHECK(got.size() == wanted.size(), "cannot export to ONNX: forward gives ", wanted.size(),
             " values, but ", got.size(), " ONNX outputs are named");
  const char* const cause = "; to_onnx says something else than forward";
  if (options.difference != nullptr) {
    const auto difference = options.difference(got, wanted);
    CLEW_CHECK(difference.empty(), "cannot export to ONNX: ", difference, cause);
    return;
  }
  for (std::size_t i = 0; i < got.size(); ++i) {
    const auto& name = options.outputs[i].name;
    CLEW_CHECK(wanted[i].defined(), "cannot export to ONNX: forward gives nothing for output '",
               name, "'");
    CLEW_CHECK(got[i].sizes() == wanted[i].sizes() && got[i].dtype() == wanted[i].dtype(),
               "cannot export to ONNX: output '", name, "' of the written graph is ",
               described(got[i]), ", forward gives ", described(wanted[i]), cause);
    const auto [difference, largest] = deviation_of(got[i], wanted[i].cpu());
    CLEW_CHECK(difference <= tolerance_of(got[i].scalar_type()) * largest,
               "cannot export to ONNX: output '", name,
               "' of the written graph differs from forward by ", difference, " at most, of ",
               largest, cause);
  }
}

OnnxGraph checked_graph(torch::nn::Module& module, const ForwardFunction& forward,
                        const OnnxOptions& options) {
  auto graph = graph_of(module, options);
  const Evaluating evaluating(module);
  compare_with_forward(graph, forward, options, example_inputs(options.inputs));
  if (has_free_sides(options.inputs))
    compare_with_forward(graph, forward, options, example_inputs(options.inputs, true));
  return graph;
}

}  // namespace

std::vector<OnnxValue> add_to_onnx(OnnxGraph& graph, const torch::nn::Module& module,
                                   const std::vector<OnnxValue>& inputs) {
  if (const auto* own = dynamic_cast<const OnnxConvertible*>(&module))
    return own->to_onnx(graph, inputs);
  return onnx_as(graph, module, typeid(module), inputs);
}

std::vector<OnnxValue> onnx_as(OnnxGraph& graph, const torch::nn::Module& module,
                               const std::type_info& layer, const std::vector<OnnxValue>& inputs) {
  if (layer == typeid(torch::nn::SequentialImpl)) {
    auto values = inputs;
    for (const auto& child : module.named_children()) {
      graph.begin_scope(child.key());
      values = add_to_onnx(graph, *child.value(), values);
      graph.end_scope();
    }
    return values;
  }
  CLEW_CHECK(inputs.size() == 1, module.name(), ": a layer takes one value, got ", inputs.size());
  for (const auto& [type, convert] : kLayers)
    if (layer == type) return {convert(graph, module, inputs[0])};
  throw Error(concat("cannot export to ONNX: module '", module.name(),
                     "' has no writer; it must implement clew::nn::OnnxConvertible"));
}

OnnxValue onnx_child(OnnxGraph& graph, const std::string& name, const torch::nn::Module& module,
                     const OnnxValue& input) {
  graph.begin_scope(name);
  auto values = add_to_onnx(graph, module, {input});
  graph.end_scope();
  CLEW_CHECK(values.size() == 1, "'", name, "' must give one value, got ", values.size());
  return values[0];
}

std::string to_onnx(const torch::nn::Module& module, const OnnxOptions& options) {
  return graph_of(module, options).finish();
}

void check_onnx(torch::nn::Module& module, const ForwardFunction& forward,
                const OnnxOptions& options) {
  (void)checked_graph(module, forward, options);
}

void export_onnx(torch::nn::Module& module, const ForwardFunction& forward,
                 const std::filesystem::path& path, const OnnxOptions& options) {
  CLEW_CHECK(path.extension() == ".onnx", "cannot write '", path.string(),
             "': an ONNX file ends in .onnx");
  write_file_atomic(path, checked_graph(module, forward, options).finish());
}

}  // namespace clew::nn
