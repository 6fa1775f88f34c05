// SPDX-License-Identifier: Apache-2.0
// Networks as TorchScript files (.pt), by tracing: forward runs once on example inputs and what it
// does is recorded. Python's torch.jit.load and LibTorch's torch::jit::load open them. Choices that
// forward makes by looking at values are recorded as they fell for the examples.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "clew/nn/export/forward.h"
#include "clew/ops/tensor.h"

namespace clew::nn {

struct TorchScriptOptions {
  std::vector<torch::Tensor> examples = {};  // one for each input, the batch first
  /// Inputs of another height or width, for which the file must work, too; empty: not tried.
  std::vector<torch::Tensor> taller = {};
  std::vector<std::string> input_names = {};  // empty: input_0, input_1, ...
  /// Largest difference allowed between file and network, absolute or relative.
  double tolerance = 1e-5;
  /// Also asks the file to work for a batch of another size.
  bool is_batch_free = true;
};

/// Traces `forward` in evaluation mode, with the parameters and buffers of `module` as attributes
/// under their own names, reads the file back, compares it with the network on other inputs, and
/// only then writes it in one step to a path that ends in ".pt". What tracing cannot follow (a
/// kernel that is no LibTorch operator, a batch size that was read as a number) differs there:
/// clew::Error, nothing written. More than one result is a tuple. Blocks.
void export_torchscript(torch::nn::Module& module, const ForwardFunction& forward,
                        const std::filesystem::path& path, const TorchScriptOptions& options);

/// The same for a module holder whose forward takes a tensor and gives one.
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
