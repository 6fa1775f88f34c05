// SPDX-License-Identifier: Apache-2.0
// Sequential networks, and properties of modules.
#pragma once

#include <torch/nn/module.h>
#include <torch/nn/modules/container/sequential.h>
#include <torch/nn/pimpl.h>
#include <torch/types.h>

#include <cstdint>
#include <vector>

#include "clew/nn/export/onnx.h"
#include "clew/ops/workspace.h"

namespace clew::nn {

/// A Sequential that fuses 2x2 max pooling and the following ReLU (ops::max_pool_relu).
struct LayersImpl : torch::nn::SequentialImpl, OnnxConvertible {
  using SequentialImpl::SequentialImpl;
  /// `behind_relus`: if given, gets the outputs of the ReLUs.
  torch::Tensor forward(torch::Tensor x, std::vector<torch::Tensor>* behind_relus = nullptr);
  std::vector<OnnxValue> to_onnx(OnnxGraph& graph,
                                 const std::vector<OnnxValue>& inputs) const override {
    return onnx_as(graph, *this, typeid(torch::nn::SequentialImpl), inputs);
  }

 private:
  ops::Workspace workspace_;
};
TORCH_MODULE(Layers);

/// Device of the first parameter; the CPU without parameters.
torch::Device device_of(const torch::nn::Module& module);

/// Number of parameters.
std::int64_t parameter_total(const torch::nn::Module& module);

}  // namespace clew::nn
