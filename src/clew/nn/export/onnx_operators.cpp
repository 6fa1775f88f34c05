// SPDX-License-Identifier: Apache-2.0
// Operators by ONNX's Operators.md. One idea: each method states an operator's name, inputs, output
// shape and computation in LibTorch.
#include <torch/types.h>

#include <algorithm>
#include <cmath>
#include <numbers>
#include <numeric>
#include <utility>
#include <variant>

#include "clew/core/error.h"
#include "clew/nn/export/onnx_graph.h"
#include "clew/nn/export/onnx_shape.h"

namespace clew::nn {
namespace {

using torch::Tensor;
using Tensors = std::vector<Tensor>;
using Shape = std::vector<std::int64_t>;

std::int64_t size_of(const Shape& shape) {
  return std::accumulate(shape.begin(), shape.end(), std::int64_t{1}, std::multiplies<>());
}

// Attributes: AttributeProto in NodeProto's field 5.

ProtoMessage& attribute(ProtoMessage& node, const char* name, std::int64_t value) {
  return node.message(5, ProtoMessage().text(1, name).integer(3, value).integer(20, 2));
}
ProtoMessage& attribute(ProtoMessage& node, const char* name, double value) {
  return node.message(
      5, ProtoMessage().text(1, name).real(2, static_cast<float>(value)).integer(20, 1));
}
ProtoMessage& attribute(ProtoMessage& node, const char* name, const std::string& value) {
  return node.message(5, ProtoMessage().text(1, name).text(4, value).integer(20, 3));
}
ProtoMessage& attribute(ProtoMessage& node, const char* name, const Shape& values) {
  ProtoMessage message;
  message.text(1, name);
  for (const auto value : values) message.integer(8, value);
  return node.message(5, message.integer(20, 7));
}

/// Non-negative axis.
std::int64_t axis_of(const OnnxValue& x, std::int64_t axis, const char* op) {
  const auto rank = static_cast<std::int64_t>(x.shape.size());
  CLEW_CHECK(axis >= -rank && axis < rank, op, " of ", text_of_shape(x.shape), " has no axis ",
             axis);
  return axis < 0 ? axis + rank : axis;
}

void check_rank(const OnnxValue& x, std::size_t rank, const char* op) {
  CLEW_CHECK(x.shape.size() == rank, op, " takes a value of ", rank, " sides, got ",
             text_of_shape(x.shape));
}

void check_types(const OnnxValue& x, const std::vector<OnnxValue>& others, const char* op) {
  for (const auto& other : others)
    CLEW_CHECK(other.dtype == x.dtype, op, " takes values of one type, got ",
               torch::toString(x.dtype), " and ", torch::toString(other.dtype));
}

void check_window(const OnnxValue& x, const OnnxWindow& window, const char* op) {
  CLEW_CHECK(x.shape.size() >= 3, op, " takes [B,C,...], got ", text_of_shape(x.shape));
  const std::size_t sides = x.shape.size() - 2;
  CLEW_CHECK(window.kernel.size() == sides && window.stride.size() == sides &&
                 window.padding.size() == sides && window.dilation.size() == sides,
             op, " of ", text_of_shape(x.shape), " takes kernel, stride, padding and dilation of ",
             sides, " numbers each");
  for (std::size_t i = 0; i < sides; ++i)
    CLEW_CHECK(window.kernel[i] > 0 && window.stride[i] > 0 && window.padding[i] >= 0 &&
                   window.dilation[i] > 0,
               op, ": kernel, stride and dilation must be at least 1 and padding at least 0");
}

void add_window(ProtoMessage& attributes, const OnnxWindow& window) {
  Shape pads = window.padding;
  pads.insert(pads.end(), window.padding.begin(), window.padding.end());
  attribute(attributes, "kernel_shape", window.kernel);
  attribute(attributes, "strides", window.stride);
  attribute(attributes, "pads", pads);
}

/// Spatial output shape of a sliding window.
Shape slid(const OnnxValue& x, const OnnxWindow& window, const char* op) {
  Shape sides;
  for (std::size_t i = 0; i < window.kernel.size(); ++i) {
    const auto side = x.shape[i + 2];
    const auto reach = window.dilation[i] * (window.kernel[i] - 1) + 1;
    const auto room = side + 2 * window.padding[i];
    if (side == kOnnxFree) {
      sides.push_back(kOnnxFree);
      continue;
    }
    CLEW_CHECK(side != kOnnxBatch && room >= reach, op, ": a window of ", reach,
               " does not fit into ", text_of_shape(x.shape));
    sides.push_back((room - reach) / window.stride[i] + 1);
  }
  return sides;
}

/// Inputs: x, weight and optional bias.
Tensor convolved(const Tensors& in, const OnnxWindow& window, std::int64_t groups,
                 bool is_transposed) {
  return torch::convolution(in[0], in[1], in.size() > 2 ? in[2] : Tensor(), window.stride,
                            window.padding, window.dilation, is_transposed,
                            Shape(window.kernel.size(), 0), groups);
}

Shape joined(Shape a, const Shape& b) {
  a.insert(a.end(), b.begin(), b.end());
  return a;
}

/// Inputs and attributes of a convolution, transposed or not.
std::pair<std::vector<OnnxValue>, ProtoMessage> convolution_of(
    const OnnxValue& x, const OnnxValue& weight, const OnnxValue* bias, const OnnxWindow& window,
    std::int64_t groups, const char* op) {
  ProtoMessage attributes;
  add_window(attributes, window);
  attribute(attributes, "dilations", window.dilation);
  attribute(attributes, "group", groups);
  std::vector<OnnxValue> inputs = {x, weight};
  if (bias != nullptr) inputs.push_back(*bias);
  check_types(x, inputs, op);
  return {std::move(inputs), std::move(attributes)};
}

}  // namespace

std::vector<std::int64_t> broadcast_shape(const Shape& a, const Shape& b, const std::string& op) {
  const std::size_t rank = std::max(a.size(), b.size());
  const auto side = [rank](const Shape& shape, std::size_t i) {
    return i + shape.size() < rank ? 1 : shape[i + shape.size() - rank];
  };
  Shape result;
  for (std::size_t i = 0; i < rank; ++i) {
    const auto left = side(a, i), right = side(b, i);
    CLEW_CHECK(left == right || left == 1 || right == 1, op, " cannot join ", text_of_shape(a),
               " and ", text_of_shape(b));
    result.push_back(left == 1 ? right : left);
  }
  return result;
}

std::vector<OnnxValue> OnnxGraph::apply(const OnnxOperator& op,
                                        const std::vector<OnnxValue>& inputs) {
  CLEW_CHECK(!op.name.empty() && !op.results.empty() && op.compute,
             "an ONNX operator needs a name, results and a computation, got '", op.name, "' with ",
             op.results.size(), " results");
  ProtoMessage attributes;
  for (const auto& [name, value] : op.attributes)
    std::visit([&](const auto& given) { attribute(attributes, name.c_str(), given); }, value);
  return nodes(op.name, inputs, attributes, op.results, op.compute);
}

OnnxValue OnnxGraph::unary(const char* op, const OnnxValue& x, Tensor (*compute)(const Tensor&)) {
  return node(op, {x}, {}, x.dtype, x.shape, [=](const Tensors& in) { return compute(in[0]); });
}

OnnxValue OnnxGraph::binary(const char* op, const OnnxValue& a, const OnnxValue& b,
                            Tensor (*compute)(const Tensor&, const Tensor&)) {
  CLEW_CHECK(a.dtype == b.dtype, op, " takes two values of one type, got ",
             torch::toString(a.dtype), " and ", torch::toString(b.dtype));
  return node(op, {a, b}, {}, a.dtype, broadcast_shape(a.shape, b.shape, op),
              [=](const Tensors& in) { return compute(in[0], in[1]); });
}

OnnxValue OnnxGraph::number(double value, const OnnxValue& like, const char* name) {
  return constant(torch::tensor(value, torch::kFloat64).to(like.dtype), name);
}

OnnxValue OnnxGraph::add(const OnnxValue& a, const OnnxValue& b) {
  return binary("Add", a, b, [](const Tensor& x, const Tensor& y) { return x + y; });
}

OnnxValue OnnxGraph::sub(const OnnxValue& a, const OnnxValue& b) {
  return binary("Sub", a, b, [](const Tensor& x, const Tensor& y) { return x - y; });
}

OnnxValue OnnxGraph::mul(const OnnxValue& a, const OnnxValue& b) {
  return binary("Mul", a, b, [](const Tensor& x, const Tensor& y) { return x * y; });
}

OnnxValue OnnxGraph::div(const OnnxValue& a, const OnnxValue& b) {
  return binary("Div", a, b, [](const Tensor& x, const Tensor& y) {
    return x.is_floating_point() ? x / y : torch::div(x, y, "trunc");
  });
}

OnnxValue OnnxGraph::max(const OnnxValue& a, const OnnxValue& b) {
  return binary("Max", a, b, torch::maximum);
}

OnnxValue OnnxGraph::min(const OnnxValue& a, const OnnxValue& b) {
  return binary("Min", a, b, torch::minimum);
}

OnnxValue OnnxGraph::relu(const OnnxValue& x) { return unary("Relu", x, torch::relu); }
OnnxValue OnnxGraph::sigmoid(const OnnxValue& x) { return unary("Sigmoid", x, torch::sigmoid); }
OnnxValue OnnxGraph::tanh(const OnnxValue& x) { return unary("Tanh", x, torch::tanh); }
OnnxValue OnnxGraph::exp(const OnnxValue& x) { return unary("Exp", x, torch::exp); }
OnnxValue OnnxGraph::log(const OnnxValue& x) { return unary("Log", x, torch::log); }
OnnxValue OnnxGraph::sqrt(const OnnxValue& x) { return unary("Sqrt", x, torch::sqrt); }
OnnxValue OnnxGraph::neg(const OnnxValue& x) { return unary("Neg", x, torch::neg); }
OnnxValue OnnxGraph::abs(const OnnxValue& x) { return unary("Abs", x, torch::abs); }
OnnxValue OnnxGraph::erf(const OnnxValue& x) { return unary("Erf", x, torch::erf); }

OnnxValue OnnxGraph::identity(const OnnxValue& x) {
  return unary("Identity", x, [](const Tensor& value) { return value; });
}

OnnxValue OnnxGraph::hard_sigmoid(const OnnxValue& x) {
  ProtoMessage attributes;
  attribute(attributes, "alpha", 1.0 / 6);
  attribute(attributes, "beta", 0.5);
  return node("HardSigmoid", {x}, attributes, x.dtype, x.shape,
              [](const Tensors& in) { return torch::hardsigmoid(in[0]); });
}

OnnxValue OnnxGraph::hard_swish(const OnnxValue& x) {
  return unary("HardSwish", x, torch::hardswish);
}

OnnxValue OnnxGraph::silu(const OnnxValue& x) { return mul(x, sigmoid(x)); }

OnnxValue OnnxGraph::gelu(const OnnxValue& x, bool is_tanh) {
  const auto one = number(1, x, "one");
  const auto half = mul(x, number(0.5, x, "half"));
  if (!is_tanh) return mul(half, add(erf(mul(x, number(std::sqrt(0.5), x, "scale"))), one));
  const auto cube = mul(mul(mul(x, x), x), number(0.044715, x, "cubic"));
  const auto scale = number(std::sqrt(2 / std::numbers::pi), x, "scale");
  return mul(half, add(tanh(mul(add(x, cube), scale)), one));
}

OnnxValue OnnxGraph::leaky_relu(const OnnxValue& x, double slope) {
  ProtoMessage attributes;
  return node("LeakyRelu", {x}, attribute(attributes, "alpha", slope), x.dtype, x.shape,
              [=](const Tensors& in) { return torch::leaky_relu(in[0], slope); });
}

OnnxValue OnnxGraph::elu(const OnnxValue& x, double alpha) {
  ProtoMessage attributes;
  return node("Elu", {x}, attribute(attributes, "alpha", alpha), x.dtype, x.shape,
              [=](const Tensors& in) { return torch::elu(in[0], alpha); });
}

OnnxValue OnnxGraph::clip(const OnnxValue& x, double low, double high) {
  return node(
      "Clip", {x, number(low, x, "low"), number(high, x, "high")}, {}, x.dtype, x.shape,
      [](const Tensors& in) { return torch::minimum(torch::maximum(in[0], in[1]), in[2]); });
}

OnnxValue OnnxGraph::softmax(const OnnxValue& x, std::int64_t axis) {
  ProtoMessage attributes;
  axis = axis_of(x, axis, "Softmax");
  return node("Softmax", {x}, attribute(attributes, "axis", axis), x.dtype, x.shape,
              [=](const Tensors& in) { return torch::softmax(in[0], axis); });
}

OnnxValue OnnxGraph::log_softmax(const OnnxValue& x, std::int64_t axis) {
  ProtoMessage attributes;
  axis = axis_of(x, axis, "LogSoftmax");
  return node("LogSoftmax", {x}, attribute(attributes, "axis", axis), x.dtype, x.shape,
              [=](const Tensors& in) { return torch::log_softmax(in[0], axis); });
}

OnnxValue OnnxGraph::cast(const OnnxValue& x, torch::ScalarType dtype) {
  ProtoMessage attributes;
  return node("Cast", {x}, attribute(attributes, "to", onnx_type(dtype)), dtype, x.shape,
              [=](const Tensors& in) { return in[0].to(dtype); });
}

OnnxValue OnnxGraph::conv(const OnnxValue& x, const OnnxValue& weight, const OnnxValue* bias,
                          const OnnxWindow& window, std::int64_t groups) {
  check_window(x, window, "Conv");
  CLEW_CHECK(weight.shape.size() == x.shape.size() && weight.shape[1] * groups == x.shape[1] &&
                 std::equal(window.kernel.begin(), window.kernel.end(), weight.shape.begin() + 2),
             "Conv of ", text_of_shape(x.shape), " in ", groups, " groups with window ",
             text_of_shape(window.kernel), " cannot take weights ", text_of_shape(weight.shape));
  CLEW_CHECK(bias == nullptr || bias->shape == Shape{weight.shape[0]}, "Conv takes a bias of [",
             weight.shape[0], "], got ", bias == nullptr ? "" : text_of_shape(bias->shape));
  const auto [inputs, attributes] = convolution_of(x, weight, bias, window, groups, "Conv");
  return node("Conv", inputs, attributes, x.dtype,
              joined({x.shape[0], weight.shape[0]}, slid(x, window, "Conv")),
              [=](const Tensors& in) { return convolved(in, window, groups, false); });
}

OnnxValue OnnxGraph::conv_transpose(const OnnxValue& x, const OnnxValue& weight,
                                    const OnnxValue* bias, const OnnxWindow& window,
                                    std::int64_t groups) {
  check_window(x, window, "ConvTranspose");
  CLEW_CHECK(weight.shape.size() == x.shape.size() && weight.shape[0] == x.shape[1] &&
                 std::equal(window.kernel.begin(), window.kernel.end(), weight.shape.begin() + 2),
             "ConvTranspose of ", text_of_shape(x.shape), " with window ",
             text_of_shape(window.kernel), " cannot take weights ", text_of_shape(weight.shape));
  const auto channels = weight.shape[1] * groups;
  CLEW_CHECK(bias == nullptr || bias->shape == Shape{channels}, "ConvTranspose takes a bias of [",
             channels, "], got ", bias == nullptr ? "" : text_of_shape(bias->shape));
  Shape shape = {x.shape[0], channels};
  for (std::size_t i = 0; i < window.kernel.size(); ++i)
    shape.push_back(x.shape[i + 2] == kOnnxFree
                        ? kOnnxFree
                        : (x.shape[i + 2] - 1) * window.stride[i] - 2 * window.padding[i] +
                              window.dilation[i] * (window.kernel[i] - 1) + 1);
  const auto [inputs, attributes] =
      convolution_of(x, weight, bias, window, groups, "ConvTranspose");
  return node("ConvTranspose", inputs, attributes, x.dtype, shape,
              [=](const Tensors& in) { return convolved(in, window, groups, true); });
}

OnnxValue OnnxGraph::pool(const char* op, const OnnxValue& x, const OnnxWindow& window,
                          const ProtoMessage& attributes, Compute compute) {
  check_window(x, window, op);
  ProtoMessage all;
  add_window(all.append(attributes), window);
  return node(op, {x}, all, x.dtype, joined({x.shape[0], x.shape[1]}, slid(x, window, op)),
              std::move(compute));
}

OnnxValue OnnxGraph::max_pool(const OnnxValue& x, const OnnxWindow& window) {
  ProtoMessage attributes;
  return pool("MaxPool", x, window, attribute(attributes, "dilations", window.dilation),
              [w = window](const Tensors& in) {
                const auto by = w.kernel.size() == 1   ? torch::max_pool1d
                                : w.kernel.size() == 2 ? torch::max_pool2d
                                                       : torch::max_pool3d;
                return by(in[0], w.kernel, w.stride, w.padding, w.dilation, false);
              });
}

OnnxValue OnnxGraph::average_pool(const OnnxValue& x, const OnnxWindow& window,
                                  bool counts_padding) {
  CLEW_CHECK(std::ranges::all_of(window.dilation, [](auto step) { return step == 1; }),
             "AveragePool has no dilation");
  ProtoMessage attributes;
  return pool("AveragePool", x, window,
              attribute(attributes, "count_include_pad", std::int64_t{counts_padding}),
              [w = window, counts_padding](const Tensors& in) {
                if (w.kernel.size() == 1)
                  return torch::avg_pool1d(in[0], w.kernel, w.stride, w.padding, false,
                                           counts_padding);
                const auto by = w.kernel.size() == 2 ? torch::avg_pool2d : torch::avg_pool3d;
                return by(in[0], w.kernel, w.stride, w.padding, false, counts_padding, {});
              });
}

OnnxValue OnnxGraph::global_average_pool(const OnnxValue& x) {
  CLEW_CHECK(x.shape.size() >= 3, "GlobalAveragePool takes [B,C,...], got ",
             text_of_shape(x.shape));
  Shape shape(x.shape.size(), 1);
  std::copy_n(x.shape.begin(), 2, shape.begin());
  Shape axes(x.shape.size() - 2);
  std::iota(axes.begin(), axes.end(), 2);
  return node("GlobalAveragePool", {x}, {}, x.dtype, shape,
              [=](const Tensors& in) { return in[0].mean(axes, true); });
}

OnnxValue OnnxGraph::gemm(const OnnxValue& x, const OnnxValue& weight, const OnnxValue* bias) {
  check_rank(x, 2, "Gemm");
  if (x.shape[1] == kOnnxFree) check_fixed(x, "Gemm");
  CLEW_CHECK(weight.shape.size() == 2 && weight.shape[1] == x.shape[1], "Gemm of ",
             text_of_shape(x.shape), " cannot take weights ", text_of_shape(weight.shape));
  CLEW_CHECK(bias == nullptr || bias->shape == Shape{weight.shape[0]}, "Gemm takes a bias of [",
             weight.shape[0], "], got ", bias == nullptr ? "" : text_of_shape(bias->shape));
  std::vector<OnnxValue> inputs = {x, weight};
  if (bias != nullptr) inputs.push_back(*bias);
  check_types(x, inputs, "Gemm");
  ProtoMessage attributes;
  return node("Gemm", inputs, attribute(attributes, "transB", std::int64_t{1}), x.dtype,
              {x.shape[0], weight.shape[0]}, [](const Tensors& in) {
                return torch::linear(in[0], in[1], in.size() > 2 ? in[2] : Tensor());
              });
}

OnnxValue OnnxGraph::batch_normalization(const OnnxValue& x,
                                         const std::vector<OnnxValue>& statistics, double epsilon) {
  CLEW_CHECK(x.shape.size() >= 2, "BatchNormalization takes [B,C,...], got ",
             text_of_shape(x.shape));
  CLEW_CHECK(statistics.size() == 4, "BatchNormalization takes scale, shift, mean and variance");
  std::vector<OnnxValue> inputs = {x};
  for (const auto& value : statistics) {
    CLEW_CHECK(value.shape == Shape{x.shape[1]}, "BatchNormalization of ", text_of_shape(x.shape),
               " cannot take ", text_of_shape(value.shape));
    inputs.push_back(value);
  }
  check_types(x, inputs, "BatchNormalization");
  ProtoMessage attributes;
  return node("BatchNormalization", inputs, attribute(attributes, "epsilon", epsilon), x.dtype,
              x.shape, [=](const Tensors& in) {
                return torch::batch_norm(in[0], in[1], in[2], in[3], in[4], false, 0, epsilon,
                                         false);
              });
}

OnnxValue OnnxGraph::group_normalization(const OnnxValue& x, std::int64_t groups,
                                         const std::vector<OnnxValue>& affine, double epsilon) {
  CLEW_CHECK(x.shape.size() >= 2, "GroupNormalization takes [B,C,...], got ",
             text_of_shape(x.shape));
  const auto channels = x.shape[1];
  CLEW_CHECK(channels > 0 && groups > 0 && channels % groups == 0, "GroupNormalization of ",
             text_of_shape(x.shape), " cannot have ", groups, " groups");
  CLEW_CHECK(affine.empty() || affine.size() == 2,
             "GroupNormalization takes scale and shift, or none");
  for (const auto& value : affine)
    CLEW_CHECK(value.shape == Shape{channels}, "GroupNormalization of ", text_of_shape(x.shape),
               " cannot take ", text_of_shape(value.shape));
  check_types(x, affine, "GroupNormalization");
  // Each group becomes a channel with one spatial dimension.
  const Shape rest(x.shape.begin() + 2, x.shape.end());
  const auto length = is_free(rest) ? kOnnxFree : channels / groups * size_of(rest);
  const auto vector = [&](const Shape& sides, const char* name) {
    return constant(torch::tensor(sides, torch::kInt64), name);
  };
  const auto grouped =
      reshape_by(x, vector({0, groups, -1}, "groups"), {x.shape[0], groups, length});
  const auto ones = constant(torch::ones({groups}).to(x.dtype), "ones");
  const auto zeros = constant(torch::zeros({groups}).to(x.dtype), "zeros");
  ProtoMessage attributes;
  const auto normalized = node(
      "InstanceNormalization", {grouped, ones, zeros}, attribute(attributes, "epsilon", epsilon),
      x.dtype, grouped.shape, [=](const Tensors& in) {
        return torch::instance_norm(in[0], in[1], in[2], {}, {}, true, 0, epsilon, false);
      });
  auto sides = x.shape;
  sides[0] = 0;
  const auto whole =
      is_free(rest)
          ? node("Shape", {x}, {}, torch::kInt64, {static_cast<std::int64_t>(x.shape.size())},
                 [](const Tensors& in) { return torch::tensor(in[0].sizes(), torch::kInt64); })
          : vector(sides, "shape");
  const auto result = reshape_by(normalized, whole, x.shape);
  if (affine.empty()) return result;
  Shape one_channel(x.shape.size() - 1, 1);
  one_channel[0] = channels;
  return add(mul(result, reshape(affine[0], one_channel)), reshape(affine[1], one_channel));
}

OnnxValue OnnxGraph::layer_normalization(const OnnxValue& x, const OnnxValue& scale,
                                         const OnnxValue* shift, double epsilon) {
  const auto rank = scale.shape.size();
  CLEW_CHECK(rank >= 1 && rank < x.shape.size() &&
                 std::equal(scale.shape.begin(), scale.shape.end(),
                            x.shape.end() - static_cast<std::ptrdiff_t>(rank)) &&
                 (shift == nullptr || shift->shape == scale.shape),
             "LayerNormalization of ", text_of_shape(x.shape), " cannot take ",
             text_of_shape(scale.shape), shift == nullptr ? "" : " and ",
             shift == nullptr ? "" : text_of_shape(shift->shape));
  std::vector<OnnxValue> inputs = {x, scale};
  if (shift != nullptr) inputs.push_back(*shift);
  check_types(x, inputs, "LayerNormalization");
  ProtoMessage attributes;
  attribute(attributes, "axis", -static_cast<std::int64_t>(rank));
  attribute(attributes, "epsilon", epsilon);
  return node("LayerNormalization", inputs, attributes, x.dtype, x.shape, [=](const Tensors& in) {
    return torch::layer_norm(in[0], in[1].sizes(), in[1], in.size() > 2 ? in[2] : Tensor(),
                             epsilon);
  });
}

OnnxValue OnnxGraph::matmul(const OnnxValue& a, const OnnxValue& b) {
  check_types(a, {b}, "MatMul");
  CLEW_CHECK(
      a.shape.size() >= 2 && b.shape.size() >= 2 && a.shape.back() == b.shape[b.shape.size() - 2],
      "MatMul cannot multiply ", text_of_shape(a.shape), " and ", text_of_shape(b.shape));
  auto shape = broadcast_shape({a.shape.begin(), a.shape.end() - 2},
                               {b.shape.begin(), b.shape.end() - 2}, "MatMul");
  shape.push_back(a.shape[a.shape.size() - 2]);
  shape.push_back(b.shape.back());
  return node("MatMul", {a, b}, {}, a.dtype, shape,
              [](const Tensors& in) { return torch::matmul(in[0], in[1]); });
}

OnnxValue OnnxGraph::concat(const std::vector<OnnxValue>& parts, std::int64_t axis) {
  CLEW_CHECK(!parts.empty(), "Concat takes at least one value");
  axis = axis_of(parts[0], axis, "Concat");
  Shape shape = parts[0].shape;
  auto& side = shape[static_cast<std::size_t>(axis)];
  side = 0;
  for (const auto& part : parts) {
    auto other = part.shape;
    CLEW_CHECK(other.size() == shape.size() && part.dtype == parts[0].dtype, "Concat cannot join ",
               text_of_shape(parts[0].shape), " and ", text_of_shape(other));
    auto& length = other[static_cast<std::size_t>(axis)];
    CLEW_CHECK(length != kOnnxBatch, "Concat cannot join along the batch");
    side = side == kOnnxFree || length == kOnnxFree ? kOnnxFree : side + length;
    length = side;
    CLEW_CHECK(other == shape, "Concat along axis ", axis, " cannot join ",
               text_of_shape(parts[0].shape), " and ", text_of_shape(part.shape));
  }
  ProtoMessage attributes;
  return node("Concat", parts, attribute(attributes, "axis", axis), parts[0].dtype, shape,
              [=](const Tensors& in) { return torch::cat(in, axis); });
}

OnnxValue OnnxGraph::reshape_by(const OnnxValue& x, const OnnxValue& sides, Shape shape) {
  return node("Reshape", {x, sides}, {}, x.dtype, std::move(shape), [](const Tensors& in) {
    const auto* first = in[1].data_ptr<std::int64_t>();
    Shape wanted(first, first + in[1].numel());
    for (std::size_t i = 0; i < wanted.size(); ++i)
      if (wanted[i] == 0) wanted[i] = in[0].size(static_cast<std::int64_t>(i));
    return in[0].reshape(wanted);
  });
}

OnnxValue OnnxGraph::reshape(const OnnxValue& x, const Shape& shape) {
  check_fixed(x, "Reshape");
  // The dimension of -1 is the batch; without a batch it is inferred.
  const bool has_batch = std::ranges::count(x.shape, kOnnxBatch) == 1;
  const auto free = std::ranges::count(shape, -1);
  const auto have = std::abs(size_of(x.shape)), want = std::abs(size_of(shape));
  CLEW_CHECK(free <= 1 && want > 0 && have % want == 0 && (free == 1 || !has_batch) &&
                 (free == 1 || have == want) && (!has_batch || have == want),
             "Reshape cannot make ", text_of_shape(shape), " of ", text_of_shape(x.shape));
  Shape result = shape;
  if (!has_batch) std::ranges::replace(result, -1, have / want);
  const auto sides = constant(torch::tensor(shape, torch::kInt64), "shape");
  return reshape_by(x, sides, result);
}

OnnxValue OnnxGraph::flatten(const OnnxValue& x) {
  CLEW_CHECK(!x.shape.empty(), "Flatten takes [B,...], got a number");
  ProtoMessage attributes;
  const Shape rest(x.shape.begin() + 1, x.shape.end());
  if (is_free(rest)) check_fixed(x, "Flatten");
  CLEW_CHECK(std::ranges::count(rest, kOnnxBatch) == 0, "Flatten takes the batch first, got ",
             text_of_shape(x.shape));
  return node("Flatten", {x}, attribute(attributes, "axis", std::int64_t{1}), x.dtype,
              {x.shape[0], size_of(rest)}, [](const Tensors& in) {
                return in[0].dim() == 1 ? in[0].unsqueeze(1) : in[0].flatten(1);
              });
}

OnnxValue OnnxGraph::transpose(const OnnxValue& x, const Shape& order) {
  Shape sorted = order, wanted(x.shape.size()), shape;
  std::ranges::sort(sorted);
  std::iota(wanted.begin(), wanted.end(), 0);
  CLEW_CHECK(sorted == wanted, "Transpose of ", text_of_shape(x.shape), " cannot take the order ",
             text_of_shape(order));
  for (const auto axis : order) shape.push_back(x.shape[static_cast<std::size_t>(axis)]);
  ProtoMessage attributes;
  return node("Transpose", {x}, attribute(attributes, "perm", order), x.dtype, shape,
              [=](const Tensors& in) { return in[0].permute(order); });
}

OnnxValue OnnxGraph::slice(const OnnxValue& x, std::int64_t axis, std::int64_t begin,
                           std::int64_t end) {
  axis = axis_of(x, axis, "Slice");
  Shape shape = x.shape;
  auto& side = shape[static_cast<std::size_t>(axis)];
  if (side == kOnnxFree) check_fixed(x, "Slice");
  CLEW_CHECK(side != kOnnxBatch && begin >= 0 && begin < std::min(end, side), "Slice ", begin, ":",
             end, " along axis ", axis, " of ", text_of_shape(x.shape), " holds nothing");
  side = std::min(end, side) - begin;
  const auto index = [&](std::int64_t value, const char* name) {
    return constant(torch::tensor(Shape{value}, torch::kInt64), name);
  };
  const auto length = side;
  return node("Slice",
              {x, index(begin, "begin"), index(begin + length, "end"), index(axis, "axis")}, {},
              x.dtype, shape, [=](const Tensors& in) { return in[0].narrow(axis, begin, length); });
}

OnnxValue OnnxGraph::pad(const OnnxValue& x, std::int64_t before, std::int64_t after) {
  check_rank(x, 4, "Pad");
  CLEW_CHECK(before >= 0 && after >= 0, "Pad takes at least 0 rows and columns, got ", before,
             " and ", after);
  Shape shape = x.shape;
  for (auto* side : {&shape[2], &shape[3]})
    if (*side != kOnnxFree) *side += before + after;
  const auto pads = constant(
      torch::tensor(Shape{0, 0, before, before, 0, 0, after, after}, torch::kInt64), "pads");
  return node("Pad", {x, pads}, {}, x.dtype, shape, [=](const Tensors& in) {
    return torch::constant_pad_nd(in[0], {before, after, before, after});
  });
}

OnnxValue OnnxGraph::reduce_mean(const OnnxValue& x, Shape axes, bool keeps_sides) {
  CLEW_CHECK(!axes.empty(), "ReduceMean takes at least one axis");
  Shape shape;
  for (auto& axis : axes) axis = axis_of(x, axis, "ReduceMean");
  for (std::size_t i = 0; i < x.shape.size(); ++i) {
    const bool is_reduced = std::ranges::count(axes, static_cast<std::int64_t>(i)) > 0;
    if (!is_reduced) shape.push_back(x.shape[i]);
    if (is_reduced && keeps_sides) shape.push_back(1);
  }
  ProtoMessage attributes;
  attribute(attributes, "axes", axes);
  return node("ReduceMean", {x}, attribute(attributes, "keepdims", std::int64_t{keeps_sides}),
              x.dtype, shape, [=](const Tensors& in) { return in[0].mean(axes, keeps_sides); });
}

OnnxValue OnnxGraph::resize(const OnnxValue& x, std::int64_t factor, bool is_bilinear) {
  check_rank(x, 4, "Resize");
  CLEW_CHECK(factor >= 1, "Resize takes a factor of at least 1, got ", factor);
  const auto region = constant(torch::empty({0}), "region");
  const auto size = static_cast<float>(factor);
  const auto scales = constant(torch::tensor({1.F, 1.F, size, size}), "scales");
  ProtoMessage attributes;
  attribute(attributes, "mode", std::string(is_bilinear ? "linear" : "nearest"));
  attribute(attributes, "nearest_mode", std::string("floor"));
  attribute(attributes, "coordinate_transformation_mode",
            std::string(is_bilinear ? "half_pixel" : "asymmetric"));
  const auto larger = [&](std::int64_t side) {
    return side == kOnnxFree ? kOnnxFree : side * factor;
  };
  return node("Resize", {x, region, scales}, attributes, x.dtype,
              {x.shape[0], x.shape[1], larger(x.shape[2]), larger(x.shape[3])},
              [=](const Tensors& in) {
                const Shape sides = {in[0].size(2) * factor, in[0].size(3) * factor};
                return is_bilinear ? torch::upsample_bilinear2d(in[0], sides, false)
                                   : torch::upsample_nearest2d(in[0], sides);
              });
}

OnnxValue OnnxGraph::upsample(const OnnxValue& x, const OnnxValue& like) {
  check_rank(x, 4, "Resize");
  check_rank(like, 4, "Resize");
  const auto sides_of = [&](const OnnxValue& value) {
    return node("Shape", {value}, {}, torch::kInt64, {4},
                [](const Tensors& in) { return torch::tensor(in[0].sizes(), torch::kInt64); });
  };
  const auto sizes = concat({slice(sides_of(x), 0, 0, 2), slice(sides_of(like), 0, 2, 4)}, 0);
  const auto none = constant(torch::empty({0}), "none");
  ProtoMessage attributes;
  attribute(attributes, "mode", std::string("nearest"));
  attribute(attributes, "nearest_mode", std::string("floor"));
  attribute(attributes, "coordinate_transformation_mode", std::string("asymmetric"));
  return node("Resize", {x, none, none, sizes}, attributes, x.dtype,
              {x.shape[0], x.shape[1], like.shape[2], like.shape[3]}, [](const Tensors& in) {
                const auto* sides = in[3].data_ptr<std::int64_t>();
                return torch::upsample_nearest2d(in[0], {sides[2], sides[3]});
              });
}

OnnxValue OnnxGraph::grid_sample(const OnnxValue& x, const OnnxValue& grid,
                                 const OnnxSampling& sampling) {
  check_rank(x, 4, "GridSample");
  CLEW_CHECK(grid.shape.size() == 4 && grid.shape[0] == x.shape[0] && grid.shape[3] == 2,
             "GridSample of ", text_of_shape(x.shape), " cannot take a grid ",
             text_of_shape(grid.shape));
  check_types(x, {grid}, "GridSample");
  const auto number_of = [](const std::string& value, const std::vector<std::string>& names) {
    const auto found = std::ranges::find(names, value);
    CLEW_CHECK(found != names.end(), "GridSample knows no '", value, "'");
    return found - names.begin();
  };
  const auto mode = number_of(sampling.mode, {"bilinear", "nearest", "bicubic"});
  const auto border = number_of(sampling.border, {"zeros", "border", "reflection"});
  ProtoMessage attributes;
  attribute(attributes, "mode", sampling.mode);
  attribute(attributes, "padding_mode", sampling.border);
  attribute(attributes, "align_corners", std::int64_t{sampling.align_corners});
  return node("GridSample", {x, grid}, attributes, x.dtype,
              {x.shape[0], x.shape[1], grid.shape[1], grid.shape[2]},
              [=, is_aligned = sampling.align_corners](const Tensors& in) {
                return torch::grid_sampler(in[0], in[1], mode, border, is_aligned);
              });
}

OnnxValue OnnxGraph::affine_grid(const OnnxValue& theta, std::int64_t height, std::int64_t width,
                                 bool align_corners) {
  CLEW_CHECK(theta.shape.size() == 3 && theta.shape[1] == 2 && theta.shape[2] == 3,
             "an affine grid takes [B,2,3], got ", text_of_shape(theta.shape));
  CLEW_CHECK(height > 0 && width > 0, "an affine grid must have at least one row and column");
  const auto places = torch::affine_grid_generator(
      torch::tensor({1., 0., 0., 0., 1., 0.}, torch::kFloat64).view({1, 2, 3}),
      {1, 1, height, width}, align_corners);
  const auto base =
      torch::cat({places.view({-1, 2}), torch::ones({height * width, 1}, torch::kFloat64)}, 1);
  const auto turned = transpose(theta, {0, 2, 1});
  const auto grid = matmul(constant(base.to(theta.dtype), "base_grid"), turned);
  return reshape(grid, {theta.shape[0], height, width, 2});
}

}  // namespace clew::nn
