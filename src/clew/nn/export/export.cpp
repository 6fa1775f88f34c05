// SPDX-License-Identifier: Apache-2.0
#include "clew/nn/export/export.h"

#include <torch/nn/module.h>

#include "clew/core/error.h"
#include "clew/nn/export/inference.h"
#include "clew/nn/weights.h"

namespace clew::nn {

const std::vector<ExportFormat>& export_formats() {
  static const std::vector<ExportFormat> kFormats = {
      {"safetensors", ".safetensors", "weights, names as torchvision's"},
      {"pth", ".pth", "weights, for Python's torch.load"},
      {"torchscript", ".pt", "the network, for torch.jit.load in Python and C++"},
      {"onnx", ".onnx", "the network, for ONNX Runtime, OpenCV and others"}};
  return kFormats;
}

void export_network(torch::nn::Module& module, const ForwardFunction& forward,
                    const std::filesystem::path& path, const OnnxOptions& options) {
  const auto ending = path.extension().string();
  if (ending == ".safetensors" || ending == ".pth") return save_weights(module, path);
  if (ending == ".onnx") return export_onnx(module, forward, path, options);
  std::string endings;
  for (const auto& format : export_formats())
    endings += (endings.empty() ? "" : ", ") + format.ending;
  CLEW_CHECK(ending == ".pt", "cannot export to '", path.string(), "': wanted a file that ends in ",
             endings);
  TorchScriptOptions traced;
  traced.examples = example_inputs(options.inputs);
  if (has_free_sides(options.inputs)) traced.taller = example_inputs(options.inputs, true);
  for (const auto& edge : options.inputs) {
    traced.input_names.push_back(edge.name);
    traced.is_batch_free = traced.is_batch_free && !edge.shape.empty() && edge.shape.front() == -1;
  }
  export_torchscript(module, forward, path, traced);
}

}  // namespace clew::nn
