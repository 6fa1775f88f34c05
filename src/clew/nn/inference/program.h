// SPDX-License-Identifier: Apache-2.0
// Program of a LayerGraph in evaluation mode: batch norms folded into the products before them,
// additions and activations put behind them. Without shapes, formats or a library of kernels: those
// are a plan's.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <vector>

#include "clew/nn/backbones/layer_graph.h"
#include "clew/ops/tensor.h"

namespace clew::nn {

enum class StepKind {
  kConvolution,  // + addend, activation; a batch norm alone is one of 1x1 for each channel
  kLinear,       // + activation
  kActivation,
  kMaxPool,
  kAveragePool,
  kAdd,       // + activation
  kMultiply,  // inputs[1] may be [B,C,1,1]
  kFlatten
};

struct ProgramStep {
  StepKind kind = StepKind::kConvolution;
  std::vector<int> inputs;  // values, by the numbers of their layers
  int output = 0;           // of the last layer in it
  int addend = -1;          // value added to a convolution before its activation
  std::optional<Activation> activation{};
  // Convolution [O,I/groups,k,k], linear [O,I], and their bias [O]: f32, of their own.
  torch::Tensor weight{}, bias{};
  std::int64_t kernel = 1, stride = 1, dilation = 1, groups = 1;
  std::int64_t before = 0, after = 0;  // padding
  std::int64_t channels = 0;           // of the output
};

struct Program {
  std::vector<ProgramStep> steps;  // each behind those it reads
  std::vector<int> outputs;        // values of the wanted layers
  std::vector<int> readers;        // of each value: inputs and addends of steps, and outputs
};

/// Weights are copied.
Program lowered(const LayerGraph& graph, const std::vector<LayerId>& wanted);

/// Shape of a value, of one image: [channels,height,width]; flat ones have channels alone.
struct ValueShape {
  std::int64_t channels = 0, height = 1, width = 1;
  bool is_flat = false;
  std::int64_t count() const { return channels * height * width; }
};

/// Of each value of `program` for images [3,height,width]. Images too small for a layer: clew::Error.
std::vector<ValueShape> shapes_of(const Program& program, std::int64_t height, std::int64_t width);

/// Floating point operations of convolutions and linear layers, a multiply-add being two.
double operations_of(const Program& program, const std::vector<ValueShape>& shapes);

}  // namespace clew::nn
