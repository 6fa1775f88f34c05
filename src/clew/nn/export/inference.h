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

/// Evaluation mode until the end of the scope; every part then is in the mode it was in.
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

/// The line of LibTorch's many that says what was wrong: the interpreter's last, or the first.
std::string reason_of(const std::exception& error);

bool has_free_sides(const std::vector<OnnxEdge>& inputs);

/// An example of each input, a batch of two: numbers in [0,1] that differ from element to element, the
/// same every time; integers are 0 and 1. Both change when mirrored. Free sides are those of
/// example_size, or twice its height.
std::vector<torch::Tensor> example_inputs(const std::vector<OnnxEdge>& inputs,
                                          bool is_tall = false);

}  // namespace clew::nn
