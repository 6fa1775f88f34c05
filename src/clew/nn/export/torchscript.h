// SPDX-License-Identifier: Apache-2.0
// Export to TorchScript (.pt) by tracing: one run of forward on example inputs is recorded, with
// the control flow of these inputs. Opened by Python's torch.jit.load and LibTorch's
// torch::jit::load.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "clew/nn/export/forward.h"
#include "clew/ops/tensor.h"

namespace clew::nn {

struct TorchScriptOptions {
  std::vector<torch::Tensor> examples = {};  // one per input, [B,...]
  /// Inputs of another height or width, for which the file must work, too; empty: not tested.
  std::vector<torch::Tensor> taller = {};
  std::vector<std::string> input_names = {};  // empty: input_0, input_1, ...
  /// Tolerance between file and network, absolute or relative.
  double tolerance = 1e-5;
  /// The file must work for another batch size, too.
  bool is_batch_free = true;
};

/// Traces `forward` in evaluation mode, with parameters and buffers of `module` as attributes under
/// their names, loads the result, compares it with the network on other inputs, and then writes it
/// atomically to a path that ends in ".pt". Where tracing fails (a kernel that is not a LibTorch
/// operator, a batch size baked in as a constant): clew::Error, nothing written. Several outputs
/// become a tuple. Blocks.
void export_torchscript(torch::nn::Module& module, const ForwardFunction& forward,
                        const std::filesystem::path& path, const TorchScriptOptions& options);

/// The same for a module holder whose forward maps one tensor to one tensor.
template <class Holder>
void export_torchscript(Holder& module, const std::filesystem::path& path,
                        const TorchScriptOptions& options) {
  export_torchscript(
      *module,
      [&module](const std::vector<torch::Tensor>& inputs) {
        return std::vector<torch::Tensor>{module->forward(inputs.at(0))};
      },
      path, options);
}

}  // namespace clew::nn
