// SPDX-License-Identifier: Apache-2.0
#include "clew/detect/detect_export.h"

#include <torch/nn/module.h>
#include <torch/types.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <utility>

#include "clew/core/error.h"
#include "clew/core/text.h"
#include "clew/nn/backbones/layer_graph.h"
#include "clew/nn/export/onnx.h"
#include "clew/ops/boxes/geometry.h"
#include "clew/ops/normalise.h"

namespace clew::detect {
namespace {

using torch::Tensor;
using Tensors = std::vector<Tensor>;

constexpr double kSameOverlap = 0.99, kSameScore = 1e-4, kSameMask = 1e-3;
constexpr std::int64_t kTied = 20;  // one detection of so many may differ, for scores may be equal

/// images [1,3,H,W], normalised -> maps, objectness and codes of each level.
struct DenseHalf : torch::nn::Module, nn::OnnxConvertible {
  explicit DenseHalf(const FasterRcnnImpl& network) {
    auto dense = network.dense_graph();
    graph = register_module("graph", dense.graph);
    levels = dense.maps.size();
    wanted = dense.maps;
    wanted.insert(wanted.end(), dense.objectness.begin(), dense.objectness.end());
    wanted.insert(wanted.end(), dense.codes.begin(), dense.codes.end());
  }
  std::vector<nn::OnnxValue> to_onnx(nn::OnnxGraph& onnx,
                                     const std::vector<nn::OnnxValue>& inputs) const override {
    return graph->run_onnx(onnx, inputs.at(0), wanted);
  }
  nn::OnnxOptions options() const {
    nn::OnnxOptions result{.inputs = {{"images", {1, 3, nn::kOnnxFree, nn::kOnnxFree}}}};
    for (std::size_t i = 0; i < wanted.size(); ++i) result.outputs.push_back({concat("output", i)});
    return result;
  }

  std::shared_ptr<nn::LayerGraph> graph;
  std::vector<nn::LayerId> wanted;
  std::size_t levels = 0;
};

/// Detections (boxes, labels, scores) that only one side has.
std::string detection_difference(const Tensors& got, const Tensors& wanted) {
  const auto ours = wanted[1].numel(), theirs = got[1].numel();
  auto is_same = torch::zeros({ours, theirs}, torch::kBool);
  if (ours > 0 && theirs > 0)
    is_same = ops::box_iou(wanted[0], got[0])
                  .ge(kSameOverlap)
                  .logical_and(wanted[1].unsqueeze(1).eq(got[1]))
                  .logical_and((wanted[2].unsqueeze(1) - got[2]).abs().le(kSameScore));
  if (wanted.size() > 3 && ours > 0 && theirs > 0)
    is_same =
        is_same.logical_and((wanted[3].unsqueeze(1) - got[3]).abs().amax({2, 3}).le(kSameMask));
  const auto lonely = [&](std::int64_t axis, std::int64_t count) {
    return count == 0 ? 0 : count - is_same.any(axis).sum().item<std::int64_t>();
  };
  const auto most = std::max(lonely(1, ours), lonely(0, theirs));
  if (most <= std::max(ours, theirs) / kTied) return "";
  return concat(most, " of ", std::max(ours, theirs),
                " detections of the written graph differ from forward's");
}

/// The second half of a network, after the values of `dense`, the graph of its first.
nn::ForwardFunction detections_after(std::shared_ptr<const nn::OnnxGraph> dense,
                                     std::shared_ptr<FasterRcnnImpl> network) {
  return [dense = std::move(dense), network = std::move(network)](const Tensors& inputs) {
    const auto resized = network->resize({inputs.at(0)[0]});
    const auto all = dense->run({resized.images});
    const auto part = [&, levels = all.size() / 3](std::size_t number) {
      const auto begin = all.begin() + static_cast<std::ptrdiff_t>(number * levels);
      return Tensors(begin, begin + static_cast<std::ptrdiff_t>(levels));
    };
    const auto proposals =
        network->assemble(part(1), part(2), {resized.images.size(2), resized.images.size(3)});
    const auto found = network->finish(resized, part(0), proposals)[0];
    Tensors outputs{found.boxes, found.labels, found.scores};
    if (found.masks.defined()) outputs.push_back(found.masks);
    return outputs;
  };
}

/// Two steps, so that rounding in the first half changes no ranks in the second: each is compared by itself.
train::ExportPlan whole_detector(const std::string& name, FasterRcnnImpl& network,
                                 const std::vector<std::string>& classes) {
  network.eval();
  DenseHalf half(network);
  const auto forward = [&half](const Tensors& inputs) {
    return half.graph->run(inputs.at(0), half.wanted);
  };
  nn::check_onnx(half, forward, half.options());

  auto dense = std::make_shared<nn::OnnxGraph>(name);
  const auto input = dense->input("images", torch::kFloat, half.options().inputs[0].shape);
  const auto values = half.to_onnx(*dense, {input});
  for (std::size_t i = 0; i < values.size(); ++i) dense->output(concat("output", i), values[i]);

  nn::OnnxOptions options = {
      .name = name,
      .inputs = {{.name = "image",
                  .shape = {1, 3, nn::kOnnxFree, nn::kOnnxFree},
                  .note = "[1,3,H,W] f32 in [0,1], RGB, of any size"}},
      .outputs = {{.name = "boxes", .note = "[N,4] f32, x1 y1 x2 y2 in pixels of the image"},
                  {.name = "labels", .note = "[N] i64, from 1, in the order of the classes"},
                  {.name = "scores", .note = "[N] f32 in [0,1], falling"}},
      .metadata = {{"classes", join(classes, ",")}},
      .difference = detection_difference};
  if (network.options().has_masks)
    options.outputs.push_back({.name = "masks", .note = "[N,28,28] f32 in [0,1], over the boxes"});
  // A trained network finds nothing in the synthetic pictures, unless its least score is below 0.
  const auto open = network.with_least_score(-1);
  nn::check_onnx(*open, detections_after(dense, open), options);
  auto self = std::dynamic_pointer_cast<FasterRcnnImpl>(network.shared_from_this());
  return {.forward = detections_after(dense, self), .options = options};
}

train::ExportPlan body_and_pyramid(const std::string& name, FasterRcnnImpl& network) {
  const auto forward = [dense = network.dense_graph(),
                        statistics = network.options().statistics](const Tensors& inputs) {
    return dense.graph->run(ops::normalise(inputs.at(0), statistics), dense.maps);
  };
  return {.forward = forward,
          .options = {.name = name,
                      .inputs = {{.name = "images",
                                  .shape = {nn::kOnnxBatch, 3, nn::kOnnxFree, nn::kOnnxFree}}}},
          .part = network.named_children()["backbone"]};
}

}  // namespace

train::ExportPlan detector_export(const std::string& name, FasterRcnnImpl& network,
                                  const std::vector<std::string>& classes,
                                  nn::ExportFormat format) {
  if (format == nn::ExportFormat::kOnnx) return whole_detector(name, network, classes);
  if (format == nn::ExportFormat::kTorchscript) return body_and_pyramid(name, network);
  return {};
}

}  // namespace clew::detect
