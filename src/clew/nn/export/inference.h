// SPDX-License-Identifier: Apache-2.0
// Evaluation mode, example inputs and messages for the exporters. Not installed.
#pragma once

#include <exception>
#include <string>
#include <utility>
#include <vector>

#include "clew/nn/export/onnx.h"
#include "clew/ops/tensor.h"

namespace clew::nn {

/// Scope of evaluation mode; restores every submodule's mode.
class Evaluating {
 public:
  explicit Evaluating(torch::nn::Module& module);
  ~Evaluating();
  Evaluating(const Evaluating&) = delete;
  Evaluating& operator=(const Evaluating&) = delete;

 private:
  void remember(torch::nn::Module& module);

  std::vector<std::pair<torch::nn::Module*, bool>> modes_;
};

/// Relevant line of LibTorch's message: the interpreter's last, or the first.
std::string reason_of(const std::exception& error);

bool has_free_sides(const std::vector<OnnxEdge>& inputs);

/// Deterministic example inputs with batch size 2: real numbers in [0,1], all different; integers 0
/// and 1; neither symmetric under flips. Free dimensions are example_size, or twice its height.
std::vector<torch::Tensor> example_inputs(const std::vector<OnnxEdge>& inputs,
                                          bool is_tall = false);

}  // namespace clew::nn
