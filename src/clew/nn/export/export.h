// SPDX-License-Identifier: Apache-2.0
// Export of networks, in the format of the file's extension.
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
  kSafetensors,  // weights only, as kPth
  kPth,
  kTorchscript,  // the whole network, as kOnnx
  kOnnx,
};
constexpr auto names(ExportFormat) {
  using enum ExportFormat;
  return std::to_array<Named<ExportFormat>>({{kSafetensors, "safetensors"},
                                             {kPth, "pth"},
                                             {kTorchscript, "torchscript"},
                                             {kOnnx, "onnx"}});
}
/// File extension: ".safetensors".
std::string ending_of(ExportFormat format);
/// Format of a file by its extension. None: clew::Error.
ExportFormat export_format_of(const std::filesystem::path& path);

/// Writes `module`, whose inference is `forward`, to `path`, atomically. Inputs and outputs:
/// `options`, for any batch size. TorchScript is traced, and ONNX compared with `forward`, on
/// synthetic inputs in [0,1]. On error nothing is written. Blocks.
void export_network(torch::nn::Module& module, const ForwardFunction& forward,
                    const std::filesystem::path& path, const OnnxOptions& options);

}  // namespace clew::nn
