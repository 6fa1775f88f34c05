// SPDX-License-Identifier: Apache-2.0
#include "clew/nn/export/export.h"

#include <torch/nn/module.h>
#include <torch/types.h>

#include <algorithm>

#include "clew/core/error.h"
#include "clew/nn/weights.h"

namespace clew::nn {
namespace {

/// Numbers in [0,1] that differ from place to place, the same every time; a batch of two. Whole ones
/// are 0 and 1, and others when mirrored, as the check after tracing does.
torch::Tensor example_of(const OnnxEdge& edge) {
  auto shape = edge.shape;
  std::replace(shape.begin(), shape.end(), std::int64_t{-1}, std::int64_t{2});
  if (!torch::isFloatingType(edge.dtype)) {
    auto numbers = torch::ones(shape).flatten().cumsum(0).sub(1).remainder(2);
    if (numbers.numel() > 0) numbers[-1] = 1;
    return numbers.view(shape).to(edge.dtype);
  }
  const auto numbers = torch::ones(shape).cumsum(0).flatten().cumsum(0);
  return (numbers.sin() * 0.5 + 0.5).view(shape).to(edge.dtype);
}

}  // namespace

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
  if (ending == ".onnx") return export_onnx(module, path, options);
  std::string endings;
  for (const auto& format : export_formats())
    endings += (endings.empty() ? "" : ", ") + format.ending;
  CLEW_CHECK(ending == ".pt", "cannot export to '", path.string(), "': wanted a file that ends in ",
             endings);
  TorchScriptOptions traced;
  for (const auto& edge : options.inputs) {
    traced.examples.push_back(example_of(edge));
    traced.input_names.push_back(edge.name);
    traced.is_batch_free = traced.is_batch_free && !edge.shape.empty() && edge.shape.front() == -1;
  }
  export_torchscript(module, forward, path, traced);
}

}  // namespace clew::nn
