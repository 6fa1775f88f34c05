// SPDX-License-Identifier: Apache-2.0
// Modules as ONNX files. LibTorch's own layers and Sequential are known; a network of ours writes
// itself, by OnnxConvertible, also one that derives from a layer, whose forward may be another. What
// is written is inference: dropout is left out, batch normalisation uses its running statistics,
// whatever mode the module is in.
//
// Outputs are what forward gives (raw scores unless the network says otherwise): decoding stays in
// one place, outside the file.
#pragma once

#include <filesystem>
#include <map>
#include <string>
#include <typeinfo>
#include <vector>

#include "clew/nn/export/forward.h"
#include "clew/nn/export/onnx_graph.h"
#include "clew/ops/tensor.h"

namespace clew::nn {

/// Implemented, beside torch::nn::Module, by networks whose forward is more than a Sequential.
class OnnxConvertible {
 public:
  virtual ~OnnxConvertible() = default;
  /// Adds what forward does and gives its results, in the order of forward's. Parameters go in by
  /// graph.constant(weight, "weight"); children by onnx_child.
  virtual std::vector<OnnxValue> to_onnx(OnnxGraph& graph,
                                         const std::vector<OnnxValue>& inputs) const = 0;
};

/// Adds a module: OnnxConvertible, Sequential or a layer of LibTorch. Any other module, and a layer
/// with an option ONNX has not: clew::Error naming it.
std::vector<OnnxValue> add_to_onnx(OnnxGraph& graph, const torch::nn::Module& module,
                                   const std::vector<OnnxValue>& inputs);
/// For to_onnx of a module that derives from LibTorch's `layer` and computes the same:
/// onnx_as(graph, *this, typeid(torch::nn::Conv2dImpl), inputs).
std::vector<OnnxValue> onnx_as(OnnxGraph& graph, const torch::nn::Module& module,
                               const std::type_info& layer, const std::vector<OnnxValue>& inputs);
/// add_to_onnx for one value in and out, with names that begin with "NAME.".
OnnxValue onnx_child(OnnxGraph& graph, const std::string& name, const torch::nn::Module& module,
                     const OnnxValue& input);

struct OnnxEdge {
  std::string name;
  /// Inputs only; -1: the batch, -2 among the last two sides: any height or width.
  std::vector<std::int64_t> shape = {};
  std::string note = {};                    // "[B,3,84,84] f32 in [0,1], RGB"
  torch::ScalarType dtype = torch::kFloat;  // inputs only
  /// Height and width for which file and forward are compared where they are free; the second time,
  /// the height is twice this.
  std::vector<std::int64_t> example_size = {64, 64};
};

struct OnnxOptions {
  std::string name = "network";
  std::string description = {};
  std::vector<OnnxEdge> inputs = {}, outputs = {};
  std::map<std::string, std::string> metadata = {};  // class names and the like
};

/// The file's bytes; the same module and options give the same bytes. Not compared with forward.
std::string to_onnx(const torch::nn::Module& module, const OnnxOptions& options);

/// Writes `module`, whose inference is `forward`, in one step to a path that ends in ".onnx". Before
/// that, the written graph is run (OnnxGraph::run) and compared with `forward` in evaluation mode, on
/// made-up inputs: numbers in [0,1], a batch of two, and two sizes where height or width are free.
/// Results may differ by 1e-4 of the output's largest absolute value, because sums are taken in
/// another order, and by 2e-2 in types of 16 bits; more, or other shapes or types: clew::Error, nothing
/// written. Blocks.
void export_onnx(torch::nn::Module& module, const ForwardFunction& forward,
                 const std::filesystem::path& path, const OnnxOptions& options);

/// The same for a module holder whose forward takes a tensor and gives one.
template <class Holder>
void export_onnx(Holder& module, const std::filesystem::path& path, const OnnxOptions& options) {
  export_onnx(
      *module,
      [&module](const std::vector<torch::Tensor>& inputs) {
        return std::vector<torch::Tensor>{module->forward(inputs.at(0))};
      },
      path, options);
}

}  // namespace clew::nn
