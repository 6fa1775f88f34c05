// SPDX-License-Identifier: Apache-2.0
#include "clew/segment/fcn.h"

#include <torch/nn/init.h>
#include <torch/types.h>

#include <algorithm>
#include <utility>

#include "clew/core/error.h"
#include "clew/nn/backbones/backbone.h"
#include "clew/nn/dropout.h"
#include "clew/nn/export/onnx_dynamic.h"
#include "clew/segment/onnx.h"

namespace clew::segment {
namespace {

using torch::Tensor;

constexpr std::uint64_t kKeyFc6 = 1, kKeyFc7 = 2;
constexpr std::int64_t kVggChannels = 4096;
constexpr nn::MapGeometry kPixels = {};
constexpr double kScoreDeviation = 0.001;

/// Finest stride with a score layer.
std::int64_t finest_stride(const std::string& network) {
  return network == "fcn16s" ? 16 : network == "fcn8s" ? 8 : 32;
}

/// Map with scores at a stride: VGG-16's pooled ones, as in the paper; of other backbones the last of that stride.
const nn::FeatureMap& map_of_stride(const nn::BackboneImpl& backbone, std::int64_t stride) {
  if (backbone.architecture().starts_with("vgg"))
    return backbone.feature_map(stride == 16 ? "pool4" : "pool3");
  const nn::FeatureMap* found = nullptr;
  for (const auto& map : backbone.feature_maps())
    if (map.geometry.stride == static_cast<double>(stride)) found = &map;
  CLEW_CHECK(found != nullptr, backbone.architecture(), " has no map of stride ", stride);
  return *found;
}

/// f32 for the operators that bf16 lacks.
Tensor at_least_f32(const Tensor& x) {
  return x.scalar_type() == torch::kFloat64 ? x : x.to(torch::kFloat32);
}

}  // namespace

FcnImpl::FcnImpl(const NetworkOptions& options) {
  const auto finest = finest_stride(options.network);
  if (finest < 32 && finest >= options.output_stride)
    throw UsageError(concat("network = ", options.network, " needs an output_stride above ", finest,
                            ", got ", options.output_stride,
                            "; fcn32s takes the last map alone, of any stride"));
  const bool is_dilated = options.network == "dilated";
  if (is_dilated && options.output_stride != 16 && options.output_stride != 8)
    throw UsageError(
        concat("network = dilated needs output_stride = 8 or 16, got ", options.output_stride));
  const nn::Backbone backbone(options.backbone,
                              nn::BackboneOptions{.output_stride = options.output_stride});
  statistics_ = backbone->statistics().channels;
  std::vector<const nn::FeatureMap*> chosen = {&backbone->feature_maps().back()};
  for (std::int64_t stride = 16; stride >= finest; stride /= 2)
    if (stride < options.output_stride) chosen.push_back(&map_of_stride(*backbone, stride));
  for (const auto* map : chosen) levels_.push_back({.map = map->layer, .geometry = map->geometry});
  body_ = register_module("backbone", std::make_shared<nn::LayerGraph>(*backbone, maps(), ""));

  auto channels = chosen[0]->channels;
  dropout_ = std::max(0.0, options.dropout);
  if (options.backbone.starts_with("vgg")) {
    if (options.dropout < 0) dropout_ = 0.5;
    const auto dilation = body_->layers()[static_cast<std::size_t>(levels_[0].map.index)].dilation;
    fc6_ =
        register_module("fc6", torch::nn::Conv2d(torch::nn::Conv2dOptions(channels, kVggChannels, 7)
                                                     .padding(3 * dilation)
                                                     .dilation(dilation)));
    fc7_ = register_module(
        "fc7", torch::nn::Conv2d(torch::nn::Conv2dOptions(kVggChannels, kVggChannels, 1)));
    for (const auto& one : {fc6_, fc7_}) {
      torch::nn::init::kaiming_normal_(one->weight, 0, torch::kFanIn, torch::kReLU);
      torch::nn::init::zeros_(one->bias);
    }
    channels = kVggChannels;
  }
  for (std::size_t i = 0; i < levels_.size(); ++i) {
    auto& level = levels_[i];
    const auto suffix = i == 0 ? std::string() : concat(level.geometry.stride);
    level.score_name = "score" + suffix;
    level.score = register_module(
        level.score_name, torch::nn::Conv2d(torch::nn::Conv2dOptions(
                              i == 0 ? channels : chosen[i]->channels, options.classes, 1)));
    if (is_dilated || options.context) {
      torch::nn::init::normal_(level.score->weight, 0, kScoreDeviation);
    } else {
      torch::nn::init::zeros_(level.score->weight);
    }
    torch::nn::init::zeros_(level.score->bias);
    if (i == 0) continue;
    level.up_name = "up" + suffix;
    level.up = register_module(
        level.up_name, nn::Upsampling(options.classes, levels_[i - 1].geometry, level.geometry));
  }
  if (options.context)
    context_ = register_module(
        "context", nn::ContextModule(nn::ContextOptions{.channels = options.classes,
                                                        .size = *options.context,
                                                        .start = options.context_start}));
}

std::vector<nn::LayerId> FcnImpl::maps() const {
  std::vector<nn::LayerId> ids;
  for (const auto& level : levels_) ids.push_back(level.map);
  return ids;
}

Tensor FcnImpl::head(const Tensor& x, const Key* key) const {
  const auto dropped = [&](const Tensor& values, std::uint64_t number) {
    return is_training() && key != nullptr && dropout_ > 0
               ? nn::dropout(values, dropout_, fold_in(*key, number))
               : values;
  };
  if (fc6_ == nullptr) return dropped(x, kKeyFc7);
  const auto hidden = dropped(torch::relu(fc6_->forward(x)), kKeyFc6);
  return dropped(torch::relu(fc7_->forward(hidden)), kKeyFc7);
}

Tensor FcnImpl::prepare(const Tensor& images) const {
  CLEW_CHECK(images.dim() == 4 && images.size(1) == 3 && images.is_floating_point() &&
                 images.size(2) > 0 && images.size(3) > 0,
             "images must be [B,3,H,W] of real numbers with pixels, got ", images.sizes(), " of ",
             images.scalar_type());
  const auto height = images.size(2), width = images.size(3);
  const auto multiple = static_cast<std::int64_t>(levels_[0].geometry.stride);
  const auto missing = [&](std::int64_t side) { return (multiple - side % multiple) % multiple; };
  const auto x = ops::normalise(images, statistics_);
  if (missing(height) == 0 && missing(width) == 0) return x;
  return torch::constant_pad_nd(x, {0, missing(width), 0, missing(height)});
}

Tensor FcnImpl::coarse_scores(const Tensor& images, const Key* key) const {
  return merged(level_scores(images, key));
}

std::vector<Tensor> FcnImpl::level_scores(const Tensor& images, const Key* key) const {
  const auto values = body_->run(prepare(images), maps());
  std::vector<Tensor> scores;
  for (std::size_t i = 0; i < levels_.size(); ++i)
    scores.push_back(levels_[i].score->forward(i == 0 ? head(values[0], key) : values[i]));
  return scores;
}

Tensor FcnImpl::merged(const std::vector<Tensor>& scores) const {
  auto sum = at_least_f32(scores.at(0));
  for (std::size_t i = 1; i < levels_.size(); ++i)
    sum = at_least_f32(scores.at(i)) + at_least_f32(levels_[i].up->forward(sum));
  return context_ == nullptr ? sum : at_least_f32(context_->forward(sum));
}

DenseGraph FcnImpl::dense_graph() const {
  DenseGraph dense{.graph = std::make_shared<nn::LayerGraph>(*body_, nn::LayerGraph::Extension{}),
                   .scores = {}};
  auto& graph = *dense.graph;
  for (std::size_t i = 0; i < levels_.size(); ++i) {
    auto x = levels_[i].map;
    if (i == 0 && fc6_ != nullptr) {
      x = graph.activation(graph.convolution(fc6_, "fc6", x), nn::Activation::kRelu);
      x = graph.activation(graph.convolution(fc7_, "fc7", x), nn::Activation::kRelu);
    }
    dense.scores.push_back(graph.convolution(levels_[i].score, levels_[i].score_name, x));
  }
  return dense;
}

Scores FcnImpl::finish(const std::vector<Tensor>& scores, std::int64_t height,
                       std::int64_t width) const {
  const auto geometry = score_geometry();
  const ops::MapAxis axis{.first = (kPixels.offset - geometry.offset) / geometry.stride,
                          .step = kPixels.stride / geometry.stride};
  return {.main = {.map = merged(scores), .axes = {.rows = axis, .columns = axis}},
          .height = height,
          .width = width};
}

Scores FcnImpl::forward(const Tensor& images, const Key* key) const {
  return finish(level_scores(images, key), images.size(2), images.size(3));
}

std::vector<nn::OnnxValue> FcnImpl::to_onnx(nn::OnnxGraph& graph,
                                            const std::vector<nn::OnnxValue>& inputs) const {
  const auto sizes = graph.slice(nn::onnx_sizes(graph, inputs.at(0)), 0, 2, 4);
  const auto multiple =
      nn::onnx_integers(graph, {static_cast<std::int64_t>(levels_[0].geometry.stride)});
  const auto rounded = graph.mul(
      graph.div(graph.add(sizes, graph.sub(multiple, nn::onnx_integers(graph, {1}))), multiple),
      multiple);
  const auto x = nn::onnx_pad_to(graph, onnx_normalised(graph, inputs.at(0), statistics_), rounded);
  graph.begin_scope("backbone");
  const auto values = body_->run_onnx(graph, x, maps());
  graph.end_scope();
  auto last = values[0];
  if (fc6_ != nullptr) {
    last = graph.relu(nn::onnx_child(graph, "fc6", *fc6_, last));
    last = graph.relu(nn::onnx_child(graph, "fc7", *fc7_, last));
  }
  nn::OnnxValue scores;
  for (std::size_t i = 0; i < levels_.size(); ++i) {
    const auto& level = levels_[i];
    const auto own =
        nn::onnx_child(graph, level.score_name, *level.score, i == 0 ? last : values[i]);
    scores = i == 0 ? own : graph.add(own, nn::onnx_child(graph, level.up_name, *level.up, scores));
  }
  if (context_ != nullptr) scores = nn::onnx_child(graph, "context", *context_, scores);
  const auto pixels = nn::onnx_upsample_bilinear(graph, scores, score_geometry(), kPixels);
  return {nn::onnx_crop_to(graph, pixels, 0, sizes)};
}

std::vector<nn::LayerRow> FcnImpl::layers() const {
  auto rows = nn::layer_rows(*body_, maps(), "backbone.");
  const auto add = [&](const std::string& name, const torch::nn::Conv2dImpl& convolution,
                       const nn::MapGeometry& from) {
    rows.push_back(nn::layer_row(name, convolution, from));
    return rows.back().geometry;
  };
  nn::MapGeometry scores;
  for (std::size_t i = 0; i < levels_.size(); ++i) {
    const auto& level = levels_[i];
    auto geometry = level.geometry;
    if (i == 0 && fc6_ != nullptr) {
      geometry = add("fc6", *fc6_, geometry);
      geometry = add("fc7", *fc7_, geometry);
    }
    geometry = add(level.score_name, *level.score, geometry);
    if (i > 0) {
      // A fine element gets the weighted sum of two neighbours of the coarse ones along each axis.
      geometry.field = std::max(geometry.field, scores.field + scores.stride);
      rows.push_back({.name = level.up_name,
                      .kernel = level.up->weight.size(2),
                      .stride = level.geometry.stride / scores.stride,
                      .channels = level.up->weight.size(1),
                      .geometry = geometry});
    }
    scores = geometry;
  }
  if (context_ == nullptr) return rows;
  const auto own = context_->layers("context.", scores);
  rows.insert(rows.end(), own.begin(), own.end());
  return rows;
}

}  // namespace clew::segment
