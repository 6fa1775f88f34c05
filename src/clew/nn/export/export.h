// SPDX-License-Identifier: Apache-2.0
// One door to every format a network can leave in, by the ending of the file's name.
#pragma once

#include <array>
#include <cstdint>
#include <filesystem>
#include <string>

#include "clew/core/names.h"
#include "clew/nn/export/onnx.h"
#include "clew/nn/export/torchscript.h"
#include "clew/ops/tensor.h"

namespace clew::nn {

enum class ExportFormat : std::uint8_t {
  kSafetensors,  // weights alone, as is kPth
  kPth,
  kTorchscript,  // the whole network, as is kOnnx
  kOnnx,
};
constexpr auto names(ExportFormat) {
  using enum ExportFormat;
  return std::to_array<Named<ExportFormat>>({{kSafetensors, "safetensors"},
                                             {kPth, "pth"},
                                             {kTorchscript, "torchscript"},
                                             {kOnnx, "onnx"}});
}
/// Of its files: ".safetensors".
std::string ending_of(ExportFormat format);

/// Writes `module`, whose inference is `forward`, to `path`, whose ending is that of a format; the
/// edges, with a batch of any size, are those of `options`. TorchScript is traced, and ONNX compared with
/// `forward`, on made-up numbers in [0,1] of the inputs' shapes and types. In one step: nothing is
/// written when anything is wrong. Blocks.
void export_network(torch::nn::Module& module, const ForwardFunction& forward,
                    const std::filesystem::path& path, const OnnxOptions& options);

}  // namespace clew::nn
