// SPDX-License-Identifier: Apache-2.0
// One door to every format a network can leave in, by the ending of the file's name.
#pragma once

#include <torch/nn/module.h>

#include <filesystem>
#include <string>
#include <vector>

#include "clew/nn/export/onnx.h"
#include "clew/nn/export/torchscript.h"

namespace clew::nn {

/// What a format is called and how its files end.
struct ExportFormat {
  std::string name, ending, what;
};

/// safetensors, pth (weights alone), torchscript, onnx (the whole network).
const std::vector<ExportFormat>& export_formats();

/// Writes `module`, whose inference is `forward`, to `path`, whose ending is that of a format; the
/// edges, with a batch of any size, are those of `options`. TorchScript is traced, and ONNX compared with
/// `forward`, on made-up numbers in [0,1] of the inputs' shapes and types. In one step: nothing is
/// written when anything is wrong. Blocks.
void export_network(torch::nn::Module& module, const ForwardFunction& forward,
                    const std::filesystem::path& path, const OnnxOptions& options);

}  // namespace clew::nn
