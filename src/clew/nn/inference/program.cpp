// SPDX-License-Identifier: Apache-2.0
#include "clew/nn/inference/program.h"

#include <torch/nn/modules/conv.h>
#include <torch/nn/modules/linear.h>
#include <torch/types.h>
#include <torch/utils.h>

#include <algorithm>
#include <utility>

#include "clew/core/error.h"
#include "clew/nn/batch_norm.h"

namespace clew::nn {
namespace {

using torch::Tensor;

Tensor copied(const Tensor& values) {
  return values.detach().to(torch::kCPU, torch::kFloat32, false, true).contiguous();
}

/// scale, shift [C] f64 of a batch norm with running statistics: y = scale x + shift.
std::pair<Tensor, Tensor> scale_and_shift(const BatchNorm2dImpl& norm) {
  const auto exact = [](const Tensor& t) { return t.detach().to(torch::kCPU, torch::kFloat64); };
  auto scale = (exact(norm.running_var) + norm.options.eps()).rsqrt();
  if (norm.weight.defined()) scale = scale * exact(norm.weight);
  auto shift = -exact(norm.running_mean) * scale;
  if (norm.bias.defined()) shift = shift + exact(norm.bias);
  return {scale, shift};
}

class Lowering {
 public:
  Lowering(const LayerGraph& graph, const std::vector<LayerId>& wanted)
      : layers_(graph.layers()),
        is_needed_(graph.needed(wanted)),
        root_(layers_.size()),
        use_counts_(layers_.size()) {
    for (std::size_t i = 0; i < layers_.size(); ++i) {
      root_[i] = static_cast<int>(i);
      if (layers_[i].kind == LayerGraph::Kind::kDropout) root_[i] = root(layers_[i].inputs[0]);
    }
    for (std::size_t i = 1; i < layers_.size(); ++i)
      if (is_needed_[i] && layers_[i].kind != LayerGraph::Kind::kDropout)
        for (const int input : layers_[i].inputs) ++use_counts_[at(root(input))];
    for (const auto id : wanted) ++use_counts_[at(root(id.index))];
  }

  Program run(const std::vector<LayerId>& wanted) {
    for (std::size_t i = 1; i < layers_.size(); ++i)
      if (is_needed_[i]) lower(static_cast<int>(i));
    Program program{.use_counts = std::vector<int>(layers_.size())};
    for (const auto id : wanted) program.outputs.push_back(root(id.index));
    program.steps = std::move(steps_);
    for (const auto& step : program.steps) {
      for (const int input : step.inputs) ++program.use_counts[at(input)];
      if (step.addend >= 0) ++program.use_counts[at(step.addend)];
    }
    for (const int output : program.outputs) ++program.use_counts[at(output)];
    return program;
  }

 private:
  static std::size_t at(int i) { return static_cast<std::size_t>(i); }
  int root(int layer) const { return root_[at(layer)]; }

  /// Step of `value` that can be fused with its only reader; else null.
  ProgramStep* open_step(int value, std::initializer_list<StepKind> kinds) {
    const auto found = std::ranges::find(steps_, value, &ProgramStep::output);
    if (found == steps_.end() || use_counts_[at(value)] != 1 || found->activation ||
        std::ranges::find(kinds, found->kind) == kinds.end())
      return nullptr;
    return &*found;
  }

  /// Fuses `layer` into the step, which becomes the last.
  void extend(const ProgramStep& step, int layer) {
    const auto index = &step - steps_.data();
    std::rotate(steps_.begin() + index, steps_.begin() + index + 1, steps_.end());
    steps_.back().output = layer;
  }

  void lower(int layer) {
    const auto& from = layers_[at(layer)];
    ProgramStep step{.output = layer, .channels = from.channels};
    for (const int input : from.inputs) step.inputs.push_back(root(input));
    switch (from.kind) {
      case LayerGraph::Kind::kConvolution: {
        const auto& module = dynamic_cast<const torch::nn::Conv2dImpl&>(*from.module);
        step.weight = copied(module.weight);
        step.bias = module.bias.defined() ? copied(module.bias) : torch::zeros({from.channels});
        step.kernel = from.kernel;
        step.stride = from.stride;
        step.dilation = from.dilation_of_window;
        step.groups = module.options.groups();
        step.before = step.after = from.padding;
        if (from.uneven_padding[1] != 0)
          std::tie(step.before, step.after) =
              std::pair(from.uneven_padding[0], from.uneven_padding[1]);
        break;
      }
      case LayerGraph::Kind::kBatchNorm: {
        const auto [scale, shift] =
            scale_and_shift(dynamic_cast<const BatchNorm2dImpl&>(*from.module));
        auto* before = open_step(step.inputs[0], {StepKind::kConvolution});
        if (before != nullptr && before->addend < 0) {
          before->weight =
              (before->weight.to(torch::kFloat64) * scale.view({-1, 1, 1, 1})).to(torch::kFloat32);
          before->bias = (before->bias.to(torch::kFloat64) * scale + shift).to(torch::kFloat32);
          extend(*before, layer);
          return;
        }
        step.groups = from.channels;
        step.weight = scale.to(torch::kFloat32).view({-1, 1, 1, 1});
        step.bias = shift.to(torch::kFloat32);
        break;
      }
      case LayerGraph::Kind::kActivation:
        if (auto* before = open_step(step.inputs[0],
                                     {StepKind::kConvolution, StepKind::kLinear, StepKind::kAdd})) {
          before->activation = from.activation;
          extend(*before, layer);
          return;
        }
        step.kind = StepKind::kActivation;
        step.activation = from.activation;
        break;
      case LayerGraph::Kind::kResponseNorm:
        step.kind = StepKind::kResponseNorm;
        step.kernel = from.kernel;
        step.alpha = from.alpha;
        step.beta = from.beta;
        break;
      case LayerGraph::Kind::kMaxPool:
        step.kind = StepKind::kMaxPool;
        step.kernel = from.kernel;
        step.stride = from.stride;
        step.dilation = from.dilation_of_window;
        step.before = step.after = from.padding;
        break;
      case LayerGraph::Kind::kAveragePool:
        step.kind = StepKind::kAveragePool;
        step.kernel = from.kernel;
        break;
      case LayerGraph::Kind::kAdd:
        step.kind = StepKind::kAdd;
        for (const int operand : {1, 0}) {
          auto* before = open_step(step.inputs[at(operand)], {StepKind::kConvolution});
          if (before == nullptr || before->addend >= 0) continue;
          before->addend = step.inputs[at(1 - operand)];
          extend(*before, layer);
          return;
        }
        break;
      case LayerGraph::Kind::kMultiply:
        step.kind = StepKind::kMultiply;
        break;
      case LayerGraph::Kind::kUpsample:
        step.kind = StepKind::kUpsample;
        break;
      case LayerGraph::Kind::kFlatten:
        step.kind = StepKind::kFlatten;
        break;
      case LayerGraph::Kind::kLinear: {
        const auto& module = dynamic_cast<const torch::nn::LinearImpl&>(*from.module);
        step.kind = StepKind::kLinear;
        step.weight = copied(module.weight);
        step.bias = module.bias.defined() ? copied(module.bias) : torch::zeros({from.channels});
        break;
      }
      case LayerGraph::Kind::kDropout:
      case LayerGraph::Kind::kInput:
        return;
    }
    steps_.push_back(std::move(step));
  }

  const std::vector<LayerGraph::Layer>& layers_;
  std::vector<bool> is_needed_;
  std::vector<int> root_, use_counts_;  // value that a layer passes on; reader counts
  std::vector<ProgramStep> steps_;
};

}  // namespace

Program lowered(const LayerGraph& graph, const std::vector<LayerId>& wanted) {
  const torch::NoGradGuard no_grad;
  return Lowering(graph, wanted).run(wanted);
}

std::vector<ValueShape> shapes_of(const Program& program, std::int64_t height, std::int64_t width) {
  std::vector<ValueShape> shapes(program.use_counts.size());
  shapes[0] = {3, height, width};
  for (const auto& step : program.steps) {
    const auto& from = shapes[static_cast<std::size_t>(step.inputs[0])];
    auto& to = shapes[static_cast<std::size_t>(step.output)];
    to = from;
    to.channels = step.channels;
    switch (step.kind) {
      case StepKind::kConvolution:
      case StepKind::kMaxPool: {
        const auto moved = [&](std::int64_t side) {
          const auto room = side + step.before + step.after - step.dilation * (step.kernel - 1) - 1;
          return room < 0 ? 0 : room / step.stride + 1;
        };
        to.height = moved(from.height);
        to.width = moved(from.width);
        CLEW_CHECK(to.height > 0 && to.width > 0, "images of ", height, " x ", width,
                   " are too small: layer ", step.output, " must be given at least a window of ",
                   step.dilation * (step.kernel - 1) + 1, " pixels, got ", from.height, " x ",
                   from.width, " and ", step.before + step.after, " of padding");
        break;
      }
      case StepKind::kAveragePool:
        to.height = to.width = step.kernel;
        break;
      case StepKind::kFlatten:
        to = {.channels = from.count(), .is_flat = true};
        break;
      case StepKind::kLinear:
        to = {.channels = step.channels, .is_flat = true};
        break;
      case StepKind::kUpsample: {
        const auto& like = shapes[static_cast<std::size_t>(step.inputs[1])];
        to.height = like.height;
        to.width = like.width;
        break;
      }
      case StepKind::kActivation:
      case StepKind::kResponseNorm:
      case StepKind::kAdd:
      case StepKind::kMultiply:
        break;
    }
  }
  return shapes;
}

double operations_of(const Program& program, const std::vector<ValueShape>& shapes) {
  double sum = 0;
  for (const auto& step : program.steps) {
    if (!step.weight.defined()) continue;
    const auto& to = shapes[static_cast<std::size_t>(step.output)];
    sum += 2 * static_cast<double>(step.weight.numel()) * static_cast<double>(to.height * to.width);
  }
  return sum;
}

}  // namespace clew::nn
