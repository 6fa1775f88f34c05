// SPDX-License-Identifier: Apache-2.0
// Field numbers are those of onnx.proto; operators are described in ONNX's Operators.md. One idea:
// the methods only state what each operator is called, takes and gives.
#include "clew/nn/export/onnx_graph.h"

#include <torch/types.h>

#include <algorithm>
#include <limits>
#include <numeric>

#include "clew/core/error.h"

namespace clew::nn {
namespace {

using Shape = std::vector<std::int64_t>;
constexpr std::int64_t kBatch = -1;

/// TensorProto.DataType.
std::int64_t onnx_type(torch::ScalarType dtype) {
  switch (dtype) {
    case torch::kFloat32:
      return 1;
    case torch::kUInt8:
      return 2;
    case torch::kInt8:
      return 3;
    case torch::kInt16:
      return 5;
    case torch::kInt32:
      return 6;
    case torch::kInt64:
      return 7;
    case torch::kBool:
      return 9;
    case torch::kFloat16:
      return 10;
    case torch::kFloat64:
      return 11;
    case torch::kBFloat16:
      return 16;
    default:
      throw Error(concat("an ONNX file cannot hold ", torch::toString(dtype)));
  }
}

std::string text_of(const Shape& shape) {
  std::string text = "[";
  for (std::size_t i = 0; i < shape.size(); ++i)
    text += concat(i > 0 ? "," : "", shape[i] == kBatch ? "B" : std::to_string(shape[i]));
  return text + "]";
}

std::int64_t size_of(const Shape& shape) {
  return std::accumulate(shape.begin(), shape.end(), std::int64_t{1}, std::multiplies<>());
}

// Attributes: NodeProto's field 5 holds an AttributeProto each.

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

/// An axis counted from the front.
std::int64_t axis_of(const OnnxValue& x, std::int64_t axis, const char* op) {
  const auto rank = static_cast<std::int64_t>(x.shape.size());
  CLEW_CHECK(axis >= -rank && axis < rank, op, " of ", text_of(x.shape), " has no axis ", axis);
  return axis < 0 ? axis + rank : axis;
}

void check_rank(const OnnxValue& x, std::size_t rank, const char* op) {
  CLEW_CHECK(x.shape.size() == rank, op, " takes a value of ", rank, " sides, got ",
             text_of(x.shape));
}

void check_types(const OnnxValue& x, const std::vector<OnnxValue>& others, const char* op) {
  for (const auto& other : others)
    CLEW_CHECK(other.dtype == x.dtype, op, " takes values of one type, got ",
               torch::toString(x.dtype), " and ", torch::toString(other.dtype));
}

void check_window(const OnnxValue& x, const OnnxWindow& window, const char* op) {
  CLEW_CHECK(x.shape.size() >= 3, op, " takes [B,C,...], got ", text_of(x.shape));
  const std::size_t sides = x.shape.size() - 2;
  CLEW_CHECK(window.kernel.size() == sides && window.stride.size() == sides &&
                 window.padding.size() == sides && window.dilation.size() == sides,
             op, " of ", text_of(x.shape), " takes kernel, stride, padding and dilation of ", sides,
             " numbers each");
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

/// What is left of each spatial side when a window slides over it.
Shape slid(const OnnxValue& x, const OnnxWindow& window, const char* op) {
  Shape sides;
  for (std::size_t i = 0; i < window.kernel.size(); ++i) {
    const auto side = x.shape[i + 2];
    const auto reach = window.dilation[i] * (window.kernel[i] - 1) + 1;
    const auto room = side + 2 * window.padding[i];
    CLEW_CHECK(side != kBatch && room >= reach, op, ": a window of ", reach, " does not fit into ",
               text_of(x.shape));
    sides.push_back((room - reach) / window.stride[i] + 1);
  }
  return sides;
}

Shape joined(Shape a, const Shape& b) {
  a.insert(a.end(), b.begin(), b.end());
  return a;
}

Shape broadcast(const Shape& a, const Shape& b, const char* op) {
  const std::size_t rank = std::max(a.size(), b.size());
  const auto side = [rank](const Shape& shape, std::size_t i) {
    return i + shape.size() < rank ? 1 : shape[i + shape.size() - rank];
  };
  Shape result;
  for (std::size_t i = 0; i < rank; ++i) {
    const auto left = side(a, i), right = side(b, i);
    CLEW_CHECK(left == right || left == 1 || right == 1, op, " cannot join ", text_of(a), " and ",
               text_of(b));
    result.push_back(left == 1 ? right : left);
  }
  return result;
}

ProtoMessage value_info(const std::string& name, torch::ScalarType dtype, const Shape& shape,
                        const std::string& note) {
  ProtoMessage sides;
  for (const auto side : shape) {
    ProtoMessage one;
    if (side == kBatch) {
      one.text(2, "batch");
    } else {
      one.integer(1, side);
    }
    sides.message(1, one);
  }
  const auto tensor = ProtoMessage().integer(1, onnx_type(dtype)).message(2, sides);
  auto info = ProtoMessage().text(1, name).message(2, ProtoMessage().message(1, tensor));
  return note.empty() ? info : info.text(3, note);
}

}  // namespace

OnnxGraph::OnnxGraph(std::string name, std::string description)
    : name_(std::move(name)), description_(std::move(description)) {
  CLEW_CHECK(!name_.empty(), "an ONNX graph needs a name");
}

std::string OnnxGraph::scoped(const std::string& name) const {
  std::string result;
  for (const auto& scope : scopes_) result.append(scope).push_back('.');
  return result + name;
}

std::string OnnxGraph::unique(const std::string& name) {
  std::string result = name;
  for (int i = 1; known_.contains(result); ++i) result = clew::concat(name, "_", i);
  return result;
}

void OnnxGraph::check_known(const OnnxValue& value, const char* op) const {
  const auto found = known_.find(value.name);
  CLEW_CHECK(found != known_.end() && found->second == value.shape, op, ": value '", value.name,
             "' is not of this graph");
}

OnnxValue OnnxGraph::input(const std::string& name, torch::ScalarType dtype, const Shape& shape,
                           const std::string& note) {
  CLEW_CHECK(!name.empty() && !known_.contains(name),
             "an ONNX input needs a name of its own, got '", name, "'");
  for (const auto side : shape)
    CLEW_CHECK(side > 0 || side == kBatch, "ONNX input '", name,
               "': sides must be at least 1, or -1 for the batch, got ", text_of(shape));
  CLEW_CHECK(std::ranges::count(shape, kBatch) <= 1, "ONNX input '", name,
             "': one side at most can be the batch, got ", text_of(shape));
  onnx_type(dtype);
  inputs_.push_back({name, note, dtype, shape});
  known_[name] = shape;
  return {name, dtype, shape};
}

void OnnxGraph::output(const std::string& name, const OnnxValue& value, const std::string& note) {
  check_known(value, "output");
  CLEW_CHECK(!name.empty() && !known_.contains(name),
             "an ONNX output needs a name of its own, got '", name, "'");
  read_.insert(value.name);
  nodes_.push_back(
      ProtoMessage().text(1, value.name).text(2, name).text(3, name + ".out").text(4, "Identity"));
  known_[name] = value.shape;
  outputs_.push_back({name, note, value.dtype, value.shape});
}

OnnxValue OnnxGraph::constant(const torch::Tensor& tensor, const std::string& name) {
  const auto copy = tensor.detach().to(torch::kCPU).contiguous();
  OnnxValue value = {unique(scoped(name)), copy.scalar_type(), copy.sizes().vec()};
  ProtoMessage message;
  for (const auto side : value.shape) message.integer(1, side);
  message.integer(2, onnx_type(value.dtype)).text(8, value.name);
  message.text(9, {static_cast<const char*>(copy.data_ptr()), copy.nbytes()});
  constants_.push_back(std::move(message));
  known_[value.name] = value.shape;
  return value;
}

OnnxValue OnnxGraph::node(const char* op, const std::vector<OnnxValue>& inputs,
                          const ProtoMessage& attributes, torch::ScalarType dtype, Shape shape) {
  for (const auto& input : inputs) {
    check_known(input, op);
    read_.insert(input.name);
  }
  const auto number = counts_[op]++;
  OnnxValue result = {unique(scoped(clew::concat(op, "_", number))), dtype, std::move(shape)};
  ProtoMessage message;
  for (const auto& input : inputs) message.text(1, input.name);
  message.text(2, result.name).text(3, result.name).text(4, op).append(attributes);
  nodes_.push_back(std::move(message));
  known_[result.name] = result.shape;
  return result;
}

OnnxValue OnnxGraph::unary(const char* op, const OnnxValue& x, const ProtoMessage& attributes) {
  return node(op, {x}, attributes, x.dtype, x.shape);
}

OnnxValue OnnxGraph::binary(const char* op, const OnnxValue& a, const OnnxValue& b) {
  CLEW_CHECK(a.dtype == b.dtype, op, " takes two values of one type, got ",
             torch::toString(a.dtype), " and ", torch::toString(b.dtype));
  return node(op, {a, b}, {}, a.dtype, broadcast(a.shape, b.shape, op));
}

OnnxValue OnnxGraph::leaky_relu(const OnnxValue& x, double slope) {
  ProtoMessage attributes;
  return unary("LeakyRelu", x, attribute(attributes, "alpha", slope));
}

OnnxValue OnnxGraph::elu(const OnnxValue& x, double alpha) {
  ProtoMessage attributes;
  return unary("Elu", x, attribute(attributes, "alpha", alpha));
}

OnnxValue OnnxGraph::clip(const OnnxValue& x, double low, double high) {
  const auto bound = [&](double value, const char* name) {
    return constant(torch::tensor(value, torch::kFloat64).to(x.dtype), name);
  };
  return node("Clip", {x, bound(low, "low"), bound(high, "high")}, {}, x.dtype, x.shape);
}

OnnxValue OnnxGraph::softmax(const OnnxValue& x, std::int64_t axis) {
  ProtoMessage attributes;
  return unary("Softmax", x, attribute(attributes, "axis", axis_of(x, axis, "Softmax")));
}

OnnxValue OnnxGraph::log_softmax(const OnnxValue& x, std::int64_t axis) {
  ProtoMessage attributes;
  return unary("LogSoftmax", x, attribute(attributes, "axis", axis_of(x, axis, "LogSoftmax")));
}

OnnxValue OnnxGraph::cast(const OnnxValue& x, torch::ScalarType dtype) {
  ProtoMessage attributes;
  return node("Cast", {x}, attribute(attributes, "to", onnx_type(dtype)), dtype, x.shape);
}

OnnxValue OnnxGraph::conv(const OnnxValue& x, const OnnxValue& weight, const OnnxValue* bias,
                          const OnnxWindow& window, std::int64_t groups) {
  check_window(x, window, "Conv");
  CLEW_CHECK(weight.shape.size() == x.shape.size() && weight.shape[1] * groups == x.shape[1] &&
                 std::equal(window.kernel.begin(), window.kernel.end(), weight.shape.begin() + 2),
             "Conv of ", text_of(x.shape), " in ", groups, " groups with window ",
             text_of(window.kernel), " cannot take weights ", text_of(weight.shape));
  CLEW_CHECK(bias == nullptr || bias->shape == Shape{weight.shape[0]}, "Conv takes a bias of [",
             weight.shape[0], "], got ", bias == nullptr ? "" : text_of(bias->shape));
  ProtoMessage attributes;
  add_window(attributes, window);
  attribute(attributes, "dilations", window.dilation);
  attribute(attributes, "group", groups);
  std::vector<OnnxValue> inputs = {x, weight};
  if (bias != nullptr) inputs.push_back(*bias);
  check_types(x, inputs, "Conv");
  return node("Conv", inputs, attributes, x.dtype,
              joined({x.shape[0], weight.shape[0]}, slid(x, window, "Conv")));
}

OnnxValue OnnxGraph::conv_transpose(const OnnxValue& x, const OnnxValue& weight,
                                    const OnnxValue* bias, const OnnxWindow& window,
                                    std::int64_t groups) {
  check_window(x, window, "ConvTranspose");
  CLEW_CHECK(weight.shape.size() == x.shape.size() && weight.shape[0] == x.shape[1] &&
                 std::equal(window.kernel.begin(), window.kernel.end(), weight.shape.begin() + 2),
             "ConvTranspose of ", text_of(x.shape), " with window ", text_of(window.kernel),
             " cannot take weights ", text_of(weight.shape));
  const auto channels = weight.shape[1] * groups;
  CLEW_CHECK(bias == nullptr || bias->shape == Shape{channels}, "ConvTranspose takes a bias of [",
             channels, "], got ", bias == nullptr ? "" : text_of(bias->shape));
  Shape shape = {x.shape[0], channels};
  for (std::size_t i = 0; i < window.kernel.size(); ++i)
    shape.push_back((x.shape[i + 2] - 1) * window.stride[i] - 2 * window.padding[i] +
                    window.dilation[i] * (window.kernel[i] - 1) + 1);
  ProtoMessage attributes;
  add_window(attributes, window);
  attribute(attributes, "dilations", window.dilation);
  attribute(attributes, "group", groups);
  std::vector<OnnxValue> inputs = {x, weight};
  if (bias != nullptr) inputs.push_back(*bias);
  check_types(x, inputs, "ConvTranspose");
  return node("ConvTranspose", inputs, attributes, x.dtype, shape);
}

OnnxValue OnnxGraph::pool(const char* op, const OnnxValue& x, const OnnxWindow& window,
                          ProtoMessage attributes) {
  check_window(x, window, op);
  add_window(attributes, window);
  return node(op, {x}, attributes, x.dtype, joined({x.shape[0], x.shape[1]}, slid(x, window, op)));
}

OnnxValue OnnxGraph::max_pool(const OnnxValue& x, const OnnxWindow& window) {
  ProtoMessage attributes;
  return pool("MaxPool", x, window, attribute(attributes, "dilations", window.dilation));
}

OnnxValue OnnxGraph::average_pool(const OnnxValue& x, const OnnxWindow& window,
                                  bool counts_padding) {
  CLEW_CHECK(std::ranges::all_of(window.dilation, [](auto step) { return step == 1; }),
             "AveragePool has no dilation");
  ProtoMessage attributes;
  return pool("AveragePool", x, window,
              attribute(attributes, "count_include_pad", std::int64_t{counts_padding}));
}

OnnxValue OnnxGraph::global_average_pool(const OnnxValue& x) {
  CLEW_CHECK(x.shape.size() >= 3, "GlobalAveragePool takes [B,C,...], got ", text_of(x.shape));
  Shape shape(x.shape.size(), 1);
  std::copy_n(x.shape.begin(), 2, shape.begin());
  return node("GlobalAveragePool", {x}, {}, x.dtype, shape);
}

OnnxValue OnnxGraph::gemm(const OnnxValue& x, const OnnxValue& weight, const OnnxValue* bias) {
  check_rank(x, 2, "Gemm");
  CLEW_CHECK(weight.shape.size() == 2 && weight.shape[1] == x.shape[1], "Gemm of ",
             text_of(x.shape), " cannot take weights ", text_of(weight.shape));
  CLEW_CHECK(bias == nullptr || bias->shape == Shape{weight.shape[0]}, "Gemm takes a bias of [",
             weight.shape[0], "], got ", bias == nullptr ? "" : text_of(bias->shape));
  std::vector<OnnxValue> inputs = {x, weight};
  if (bias != nullptr) inputs.push_back(*bias);
  check_types(x, inputs, "Gemm");
  ProtoMessage attributes;
  return node("Gemm", inputs, attribute(attributes, "transB", std::int64_t{1}), x.dtype,
              {x.shape[0], weight.shape[0]});
}

OnnxValue OnnxGraph::batch_normalization(const OnnxValue& x,
                                         const std::vector<OnnxValue>& statistics, double epsilon) {
  CLEW_CHECK(x.shape.size() >= 2, "BatchNormalization takes [B,C,...], got ", text_of(x.shape));
  CLEW_CHECK(statistics.size() == 4, "BatchNormalization takes scale, shift, mean and variance");
  std::vector<OnnxValue> inputs = {x};
  for (const auto& value : statistics) {
    CLEW_CHECK(value.shape == Shape{x.shape[1]}, "BatchNormalization of ", text_of(x.shape),
               " cannot take ", text_of(value.shape));
    inputs.push_back(value);
  }
  check_types(x, inputs, "BatchNormalization");
  ProtoMessage attributes;
  return node("BatchNormalization", inputs, attribute(attributes, "epsilon", epsilon), x.dtype,
              x.shape);
}

OnnxValue OnnxGraph::matmul(const OnnxValue& a, const OnnxValue& b) {
  check_types(a, {b}, "MatMul");
  CLEW_CHECK(
      a.shape.size() >= 2 && b.shape.size() >= 2 && a.shape.back() == b.shape[b.shape.size() - 2],
      "MatMul cannot multiply ", text_of(a.shape), " and ", text_of(b.shape));
  auto shape = broadcast({a.shape.begin(), a.shape.end() - 2}, {b.shape.begin(), b.shape.end() - 2},
                         "MatMul");
  shape.push_back(a.shape[a.shape.size() - 2]);
  shape.push_back(b.shape.back());
  return node("MatMul", {a, b}, {}, a.dtype, shape);
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
               text_of(parts[0].shape), " and ", text_of(other));
    auto& length = other[static_cast<std::size_t>(axis)];
    CLEW_CHECK(length != kBatch, "Concat cannot join along the batch");
    side += length;
    length = side;
    CLEW_CHECK(other == shape, "Concat along axis ", axis, " cannot join ", text_of(parts[0].shape),
               " and ", text_of(part.shape));
  }
  ProtoMessage attributes;
  return node("Concat", parts, attribute(attributes, "axis", axis), parts[0].dtype, shape);
}

OnnxValue OnnxGraph::reshape(const OnnxValue& x, const Shape& shape) {
  // The batch goes to the side of -1; without a batch that side can be worked out.
  const bool has_batch = std::ranges::count(x.shape, kBatch) == 1;
  const auto free = std::ranges::count(shape, -1);
  const auto have = std::abs(size_of(x.shape)), want = std::abs(size_of(shape));
  CLEW_CHECK(free <= 1 && want > 0 && have % want == 0 && (free == 1 || !has_batch) &&
                 (free == 1 || have == want) && (!has_batch || have == want),
             "Reshape cannot make ", text_of(shape), " of ", text_of(x.shape));
  Shape result = shape;
  if (!has_batch) std::ranges::replace(result, -1, have / want);
  const auto sides = constant(torch::tensor(shape, torch::kInt64), "shape");
  return node("Reshape", {x, sides}, {}, x.dtype, result);
}

OnnxValue OnnxGraph::flatten(const OnnxValue& x) {
  CLEW_CHECK(!x.shape.empty(), "Flatten takes [B,...], got a number");
  ProtoMessage attributes;
  const Shape rest(x.shape.begin() + 1, x.shape.end());
  CLEW_CHECK(std::ranges::count(rest, kBatch) == 0, "Flatten takes the batch first, got ",
             text_of(x.shape));
  return node("Flatten", {x}, attribute(attributes, "axis", std::int64_t{1}), x.dtype,
              {x.shape[0], size_of(rest)});
}

OnnxValue OnnxGraph::transpose(const OnnxValue& x, const Shape& order) {
  Shape sorted = order, wanted(x.shape.size()), shape;
  std::ranges::sort(sorted);
  std::iota(wanted.begin(), wanted.end(), 0);
  CLEW_CHECK(sorted == wanted, "Transpose of ", text_of(x.shape), " cannot take the order ",
             text_of(order));
  for (const auto axis : order) shape.push_back(x.shape[static_cast<std::size_t>(axis)]);
  ProtoMessage attributes;
  return node("Transpose", {x}, attribute(attributes, "perm", order), x.dtype, shape);
}

OnnxValue OnnxGraph::slice(const OnnxValue& x, std::int64_t axis, std::int64_t begin,
                           std::int64_t end) {
  axis = axis_of(x, axis, "Slice");
  Shape shape = x.shape;
  auto& side = shape[static_cast<std::size_t>(axis)];
  CLEW_CHECK(side != kBatch && begin >= 0 && begin < std::min(end, side), "Slice ", begin, ":", end,
             " along axis ", axis, " of ", text_of(x.shape), " holds nothing");
  side = std::min(end, side) - begin;
  const auto number = [&](std::int64_t value, const char* name) {
    return constant(torch::tensor(Shape{value}, torch::kInt64), name);
  };
  return node("Slice",
              {x, number(begin, "begin"), number(begin + side, "end"), number(axis, "axis")}, {},
              x.dtype, shape);
}

OnnxValue OnnxGraph::reduce_mean(const OnnxValue& x, Shape axes, bool keeps_sides) {
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
              x.dtype, shape);
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
  return node("Resize", {x, region, scales}, attributes, x.dtype,
              {x.shape[0], x.shape[1], x.shape[2] * factor, x.shape[3] * factor});
}

OnnxValue OnnxGraph::grid_sample(const OnnxValue& x, const OnnxValue& grid,
                                 const OnnxSampling& sampling) {
  check_rank(x, 4, "GridSample");
  CLEW_CHECK(grid.shape.size() == 4 && grid.shape[0] == x.shape[0] && grid.shape[3] == 2,
             "GridSample of ", text_of(x.shape), " cannot take a grid ", text_of(grid.shape));
  check_types(x, {grid}, "GridSample");
  const auto check = [](const std::string& value, const std::vector<std::string>& names) {
    CLEW_CHECK(std::ranges::count(names, value) == 1, "GridSample knows no '", value, "'");
  };
  check(sampling.mode, {"bilinear", "nearest", "bicubic"});
  check(sampling.border, {"zeros", "border", "reflection"});
  ProtoMessage attributes;
  attribute(attributes, "mode", sampling.mode);
  attribute(attributes, "padding_mode", sampling.border);
  attribute(attributes, "align_corners", std::int64_t{sampling.align_corners});
  return node("GridSample", {x, grid}, attributes, x.dtype,
              {x.shape[0], x.shape[1], grid.shape[1], grid.shape[2]});
}

OnnxValue OnnxGraph::affine_grid(const OnnxValue& theta, std::int64_t height, std::int64_t width,
                                 bool align_corners) {
  CLEW_CHECK(theta.shape.size() == 3 && theta.shape[1] == 2 && theta.shape[2] == 3,
             "an affine grid takes [B,2,3], got ", text_of(theta.shape));
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

std::string OnnxGraph::finish() const {
  CLEW_CHECK(!inputs_.empty() && !outputs_.empty(),
             "an ONNX graph needs at least one input and one output");
  for (const auto& edge : inputs_)
    CLEW_CHECK(read_.contains(edge.name), "nothing reads the ONNX input '", edge.name, "'");
  ProtoMessage graph;
  for (const auto& message : nodes_) graph.message(1, message);
  graph.text(2, name_);
  for (const auto& message : constants_) graph.message(5, message);
  for (const auto& edge : inputs_)
    graph.message(11, value_info(edge.name, edge.dtype, edge.shape, edge.note));
  for (const auto& edge : outputs_)
    graph.message(12, value_info(edge.name, edge.dtype, edge.shape, edge.note));
  ProtoMessage model;
  model.integer(1, kIrVersion).text(2, "clew").text(6, description_).message(7, graph);
  model.message(8, ProtoMessage().text(1, "").integer(2, kOpset));
  for (const auto& [key, value] : metadata_)
    model.message(14, ProtoMessage().text(1, key).text(2, value));
  CLEW_CHECK(model.bytes().size() < std::numeric_limits<std::int32_t>::max(),
             "an ONNX file must be smaller than 2 GiB, this one would have ", model.bytes().size(),
             " bytes");
  return model.bytes();
}

}  // namespace clew::nn
