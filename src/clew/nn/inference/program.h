// SPDX-License-Identifier: Apache-2.0
// Lowered LayerGraph in evaluation mode: batch norms folded into the preceding products, additions
// and activations fused. Independent of shapes, formats and kernel library: those are plan.h's.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <vector>

#include "clew/nn/backbones/layer_graph.h"
#include "clew/ops/tensor.h"

namespace clew::nn {

enum class StepKind {
  kConvolution,  // + addend, activation; a lone batch norm is a depthwise 1x1
  kLinear,       // + activation
  kActivation,
  kResponseNorm,  // of side `kernel`
  kMaxPool,
  kAveragePool,
  kAdd,       // + activation
  kMultiply,  // inputs[1] may be [B,C,1,1]
  kUpsample,  // of inputs[0] to the size of inputs[1]
  kFlatten
};

struct ProgramStep {
  StepKind kind = StepKind::kConvolution;
  std::vector<int> inputs;  // values, by layer index
  int output = 0;           // index of its last layer
  int addend = -1;          // value added to a convolution before its activation
  std::optional<Activation> activation{};
  // Convolution [O,I/groups,k,k], linear [O,I], and their bias [O]: f32, owned.
  torch::Tensor weight{}, bias{};
  std::int64_t kernel = 1, stride = 1, dilation = 1, groups = 1;
  std::int64_t before = 0, after = 0;  // padding
  std::int64_t channels = 0;           // of the output
  double alpha = 0, beta = 0;          // of a response norm
};

struct Program {
  std::vector<ProgramStep> steps;  // topologically sorted
  std::vector<int> outputs;        // of the wanted layers
  std::vector<int> use_counts;     // use count of each value, as input, addend or output
};

/// Copies the weights.
Program lowered(const LayerGraph& graph, const std::vector<LayerId>& wanted);

/// Shape of a value for one image: [channels,height,width], or [channels] if flat.
struct ValueShape {
  std::int64_t channels = 0, height = 1, width = 1;
  bool is_flat = false;
  std::int64_t count() const { return channels * height * width; }
};

/// Shapes of `program`'s values for images [3,height,width]. Too small for a layer: clew::Error.
std::vector<ValueShape> shapes_of(const Program& program, std::int64_t height, std::int64_t width);

/// FLOPs of convolutions and linear layers; a multiply-add counts as two.
double operations_of(const Program& program, const std::vector<ValueShape>& shapes);

}  // namespace clew::nn
