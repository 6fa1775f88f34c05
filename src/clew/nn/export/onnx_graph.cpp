// SPDX-License-Identifier: Apache-2.0
// Inputs, outputs, initializers, nodes, the run in LibTorch, and serialisation. Field numbers are
// those of onnx.proto. Operators: onnx_operators.cpp.
#include "clew/nn/export/onnx_graph.h"

#include <torch/types.h>
#include <torch/utils.h>

#include <algorithm>
#include <limits>

#include "clew/core/error.h"
#include "clew/nn/export/inference.h"
#include "clew/nn/export/onnx_shape.h"

namespace clew::nn {
namespace {

/// `names_sides`: free dimensions are named, for inputs only.
ProtoMessage value_info(const OnnxValue& value, const std::string& note, bool names_sides) {
  ProtoMessage sides;
  for (std::size_t i = 0; i < value.shape.size(); ++i) {
    ProtoMessage side;
    if (value.shape[i] == kOnnxBatch) {
      side.text(2, "batch");
    } else if (value.shape[i] != kOnnxFree) {
      side.integer(1, value.shape[i]);
    } else if (names_sides) {
      side.text(2, i + 1 == value.shape.size() ? "width" : "height");
    }
    sides.message(1, side);
  }
  const auto tensor = ProtoMessage().integer(1, onnx_type(value.dtype)).message(2, sides);
  auto info = ProtoMessage().text(1, value.name).message(2, ProtoMessage().message(1, tensor));
  return note.empty() ? info : info.text(3, note);
}

/// `batch` is -1 until known.
void check_computed(const OnnxValue& value, const torch::Tensor& tensor, std::int64_t& batch) {
  bool is_right = tensor.defined() && tensor.scalar_type() == value.dtype &&
                  tensor.dim() == static_cast<std::int64_t>(value.shape.size());
  for (std::size_t i = 0; is_right && i < value.shape.size(); ++i) {
    const auto side = tensor.size(static_cast<std::int64_t>(i));
    if (value.shape[i] == kOnnxBatch && batch == -1) batch = side;
    is_right = value.shape[i] == kOnnxFree ||
               side == (value.shape[i] == kOnnxBatch ? batch : value.shape[i]);
  }
  if (is_right) return;
  std::string got = "nothing";
  if (tensor.defined())
    got = concat(torch::toString(tensor.scalar_type()), " ", text_of_shape(tensor.sizes().vec()));
  throw Error(concat("value '", value.name, "' of the ONNX graph must be ",
                     torch::toString(value.dtype), " ", text_of_shape(value.shape), ", got ", got));
}

}  // namespace

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

std::string text_of_shape(const std::vector<std::int64_t>& shape) {
  std::string text = "[";
  for (std::size_t i = 0; i < shape.size(); ++i) {
    const auto side = shape[i];
    text += i > 0 ? "," : "";
    text += side == kOnnxBatch ? "B" : side == kOnnxFree ? "?" : std::to_string(side);
  }
  return text + "]";
}

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

void OnnxGraph::check_known(const OnnxValue& value, const std::string& op) const {
  const auto found = known_.find(value.name);
  CLEW_CHECK(found != known_.end() && found->second == value.shape, op, ": value '", value.name,
             "' is not of this graph");
}

void OnnxGraph::check_fixed(const OnnxValue& x, const char* op) const {
  CLEW_CHECK(!is_free(x.shape), "cannot export to ONNX: ", scoped(op), " needs a fixed size, got ",
             text_of_shape(x.shape), "; give the input's height and width as numbers");
}

OnnxValue OnnxGraph::input(const std::string& name, torch::ScalarType dtype, const Shape& shape,
                           const std::string& note) {
  CLEW_CHECK(!name.empty() && !known_.contains(name),
             "an ONNX input needs a name of its own, got '", name, "'");
  for (const auto side : shape)
    CLEW_CHECK(side > 0 || side == kOnnxBatch || side == kOnnxFree, "ONNX input '", name,
               "': sides must be at least 1, -1 for the batch or -2 for a free side, got ",
               text_of_shape(shape));
  for (std::size_t i = 0; i + 2 < shape.size(); ++i)
    CLEW_CHECK(shape[i] != kOnnxFree, "ONNX input '", name,
               "': only the last two sides can be free, got ", text_of_shape(shape));
  CLEW_CHECK(std::ranges::count(shape, kOnnxBatch) <= 1, "ONNX input '", name,
             "': one side at most can be the batch, got ", text_of_shape(shape));
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
  steps_.push_back({{value.name},
                    {{name, value.dtype, value.shape}},
                    [](const std::vector<torch::Tensor>& in) { return in; }});
  known_[name] = value.shape;
  outputs_.push_back({name, note, value.dtype, value.shape});
}

OnnxValue OnnxGraph::constant(const torch::Tensor& tensor, const std::string& name) {
  // A copy, so that run() matches the file also after the weights have changed.
  const auto copy = tensor.detach().cpu().clone(torch::MemoryFormat::Contiguous);
  onnx_type(copy.scalar_type());
  OnnxValue value = {scoped(name), copy.scalar_type(), copy.sizes().vec()};
  const auto base = value.name;
  for (int i = 1; known_.contains(value.name); ++i) {
    const auto found =
        std::ranges::find(constants_, value.name, &decltype(constants_)::value_type::first);
    if (found != constants_.end() && found->second.dtype() == copy.dtype() &&
        torch::equal(found->second, copy))
      return value;
    value.name = clew::concat(base, "_", i);
  }
  constants_.emplace_back(value.name, copy);
  known_[value.name] = value.shape;
  return value;
}

std::vector<OnnxValue> OnnxGraph::nodes(const std::string& op, const std::vector<OnnxValue>& inputs,
                                        const ProtoMessage& attributes,
                                        const std::vector<OnnxOperator::Result>& results,
                                        decltype(OnnxOperator::compute) compute) {
  Step step = {{}, {}, std::move(compute)};
  ProtoMessage message;
  for (const auto& input : inputs) {
    check_known(input, op);
    read_.insert(input.name);
    message.text(1, input.name);
    step.inputs.push_back(input.name);
  }
  const auto name = scoped(clew::concat(op, "_", counts_[op]++));
  for (const auto& [dtype, shape] : results) {
    step.results.push_back({unique(name), dtype, shape});
    known_[step.results.back().name] = shape;
    message.text(2, step.results.back().name);
  }
  message.text(3, step.results.at(0).name).text(4, op).append(attributes);
  nodes_.push_back(std::move(message));
  steps_.push_back(std::move(step));
  return steps_.back().results;
}

OnnxValue OnnxGraph::node(const char* op, const std::vector<OnnxValue>& inputs,
                          const ProtoMessage& attributes, torch::ScalarType dtype, Shape shape,
                          Compute compute) {
  return nodes(op, inputs, attributes, {{dtype, std::move(shape)}},
               [compute = std::move(compute)](const std::vector<torch::Tensor>& in) {
                 return std::vector<torch::Tensor>{compute(in)};
               })
      .at(0);
}

std::vector<torch::Tensor> OnnxGraph::run(const std::vector<torch::Tensor>& inputs) const {
  CLEW_CHECK(inputs.size() == inputs_.size(), "the ONNX graph takes ", inputs_.size(),
             " inputs, got ", inputs.size());
  const torch::NoGradGuard no_grad;
  std::map<std::string, torch::Tensor> values(constants_.begin(), constants_.end());
  std::int64_t batch = -1;
  for (std::size_t i = 0; i < inputs.size(); ++i) {
    const auto& edge = inputs_[i];
    check_computed({edge.name, edge.dtype, edge.shape}, inputs[i], batch);
    values[edge.name] = inputs[i].cpu();
  }
  std::map<std::string, std::size_t> last_reader;
  for (std::size_t i = 0; i < steps_.size(); ++i)
    for (const auto& name : steps_[i].inputs) last_reader[name] = i;
  for (const auto& edge : outputs_) last_reader[edge.name] = steps_.size();
  for (std::size_t i = 0; i < steps_.size(); ++i) {
    const auto& [names, results, compute] = steps_[i];
    std::vector<torch::Tensor> arguments, computed;
    for (const auto& name : names) arguments.push_back(values.at(name));
    try {
      computed = compute(arguments);
    } catch (const std::exception& error) {
      throw Error(clew::concat("'", results[0].name,
                               "' of the ONNX graph cannot be computed: ", reason_of(error)));
    }
    computed.resize(results.size());
    for (std::size_t k = 0; k < results.size(); ++k) {
      check_computed(results[k], computed[k], batch);
      if (last_reader.contains(results[k].name)) values[results[k].name] = computed[k];
    }
    for (const auto& name : names)
      if (last_reader[name] == i) values.erase(name);
  }
  std::vector<torch::Tensor> outputs;
  for (const auto& edge : outputs_) outputs.push_back(values.at(edge.name));
  return outputs;
}

std::string OnnxGraph::finish() const {
  CLEW_CHECK(!inputs_.empty() && !outputs_.empty(),
             "an ONNX graph needs at least one input and one output");
  for (const auto& edge : inputs_)
    CLEW_CHECK(read_.contains(edge.name), "nothing reads the ONNX input '", edge.name, "'");
  ProtoMessage graph;
  for (const auto& message : nodes_) graph.message(1, message);
  graph.text(2, name_);
  for (const auto& [name, tensor] : constants_) {
    ProtoMessage message;
    for (const auto side : tensor.sizes()) message.integer(1, side);
    message.integer(2, onnx_type(tensor.scalar_type())).text(8, name);
    message.text(9, {static_cast<const char*>(tensor.data_ptr()), tensor.nbytes()});
    graph.message(5, message);
  }
  for (const auto& edge : inputs_)
    graph.message(11, value_info({edge.name, edge.dtype, edge.shape}, edge.note, true));
  for (const auto& edge : outputs_)
    graph.message(12, value_info({edge.name, edge.dtype, edge.shape}, edge.note, false));
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
