// SPDX-License-Identifier: Apache-2.0
#include "clew/nn/export/export.h"

#include <torch/nn/module.h>
#include <torch/types.h>

#include <vector>

#include "clew/core/error.h"
#include "clew/core/text.h"
#include "clew/nn/export/inference.h"
#include "clew/nn/weights.h"

namespace clew::nn {

std::string ending_of(ExportFormat format) {
  return format == ExportFormat::kTorchscript ? ".pt" : concat(".", name_of(format));
}

ExportFormat export_format_of(const std::filesystem::path& path) {
  std::vector<std::string> endings;
  for (const auto& row : names(ExportFormat{})) {
    endings.push_back(ending_of(row.value));
    if (path.extension() == endings.back()) return row.value;
  }
  throw Error(
      concat("cannot export to '", path.string(), "': wanted a file that ends in ", join(endings)));
}

void export_network(torch::nn::Module& module, const ForwardFunction& forward,
                    const std::filesystem::path& path, const OnnxOptions& options) {
  const auto format = export_format_of(path);
  if (format == ExportFormat::kOnnx) return export_onnx(module, forward, path, options);
  if (format != ExportFormat::kTorchscript) return save_weights(module, path);
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
