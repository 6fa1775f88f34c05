// SPDX-License-Identifier: Apache-2.0
// Networks of layers in a row, and what a network holds.
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

/// A Sequential in which 2x2 max pooling and the ReLU behind it run as one (ops::max_pool_relu).
struct LayersImpl : torch::nn::SequentialImpl, OnnxConvertible {
  using SequentialImpl::SequentialImpl;
  /// `behind_relus`, where given, gets what each ReLU made.
  torch::Tensor forward(torch::Tensor x, std::vector<torch::Tensor>* behind_relus = nullptr);
  std::vector<OnnxValue> to_onnx(OnnxGraph& graph,
                                 const std::vector<OnnxValue>& inputs) const override {
    return onnx_as(graph, *this, typeid(torch::nn::SequentialImpl), inputs);
  }

 private:
  ops::Workspace workspace_;
};
TORCH_MODULE(Layers);

/// Device of a network's first parameter; the CPU where it has none.
torch::Device device_of(const torch::nn::Module& module);

/// Numbers that a network's parameters have in all.
std::int64_t parameter_total(const torch::nn::Module& module);

}  // namespace clew::nn
