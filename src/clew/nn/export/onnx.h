// SPDX-License-Identifier: Apache-2.0
// Export of modules to ONNX: LibTorch's layers and Sequential, and networks that implement
// OnnxConvertible (also subclasses of a layer, whose forward may differ). Always inference,
// whatever the module's mode: no dropout, running statistics in batch norms.
//
// Outputs are forward's (raw scores unless the network says otherwise); decoding is outside the
// file.
#pragma once

#include <filesystem>
#include <functional>
#include <map>
#include <string>
#include <typeinfo>
#include <vector>

#include "clew/nn/export/forward.h"
#include "clew/nn/export/onnx_graph.h"
#include "clew/ops/tensor.h"

namespace clew::nn {

/// Implemented by modules whose forward is more than a Sequential.
class OnnxConvertible {
 public:
  virtual ~OnnxConvertible() = default;
  /// Adds forward's operators and returns its outputs in order. Parameters: graph.constant(weight,
  /// "weight"); children: onnx_child.
  virtual std::vector<OnnxValue> to_onnx(OnnxGraph& graph,
                                         const std::vector<OnnxValue>& inputs) const = 0;
};

/// Adds a module: OnnxConvertible, Sequential or a layer of LibTorch. Other modules, and options
/// without an ONNX equivalent: clew::Error naming it.
std::vector<OnnxValue> add_to_onnx(OnnxGraph& graph, const torch::nn::Module& module,
                                   const std::vector<OnnxValue>& inputs);
/// For to_onnx of a module that derives from LibTorch's `layer` and computes the same:
/// onnx_as(graph, *this, typeid(torch::nn::Conv2dImpl), inputs).
std::vector<OnnxValue> onnx_as(OnnxGraph& graph, const torch::nn::Module& module,
                               const std::type_info& layer, const std::vector<OnnxValue>& inputs);
/// add_to_onnx for one input and output, with names prefixed by "NAME.".
OnnxValue onnx_child(OnnxGraph& graph, const std::string& name, const torch::nn::Module& module,
                     const OnnxValue& input);

struct OnnxEdge {
  std::string name;
  /// Inputs only; -1: the batch; -2, in the last two dimensions: any height or width.
  std::vector<std::int64_t> shape = {};
  std::string note = {};                    // "[B,3,84,84] f32 in [0,1], RGB"
  torch::ScalarType dtype = torch::kFloat;  // inputs only
  /// Height and width of the comparison with forward where they are free; the second time, the
  /// height is doubled.
  std::vector<std::int64_t> example_size = {64, 64};
};

struct OnnxOptions {
  std::string name = "network";
  std::string description = {};
  std::vector<OnnxEdge> inputs = {}, outputs = {};
  std::map<std::string, std::string> metadata = {};  // class names and the like
  /// Difference of the graph's outputs from forward's, empty if there is none, for outputs whose order
  /// is free; nullptr: by elements.
  std::function<std::string(const std::vector<torch::Tensor>& got,
                            const std::vector<torch::Tensor>& wanted)>
      difference = nullptr;
};

/// Serialised model; the same module and options give the same bytes. Not compared with forward.
std::string to_onnx(const torch::nn::Module& module, const OnnxOptions& options);

/// Runs the graph of `module` (OnnxGraph::run) and compares it with `forward`, in evaluation mode, on synthetic
/// inputs: numbers in [0,1], batch size 2, and two sizes where height or width are free. Tolerance:
/// 1e-4 of the output's largest absolute value, because of other orders of summation; 2e-2 for
/// 16-bit types. A larger difference, other shapes or types: clew::Error.
void check_onnx(torch::nn::Module& module, const ForwardFunction& forward,
                const OnnxOptions& options);

/// Writes `module`, whose inference is `forward`, atomically to a path that ends in ".onnx", after check_onnx. On
/// error nothing is written. Blocks.
void export_onnx(torch::nn::Module& module, const ForwardFunction& forward,
                 const std::filesystem::path& path, const OnnxOptions& options);

/// The same for a module holder whose forward maps one tensor to one tensor.
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
