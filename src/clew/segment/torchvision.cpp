// SPDX-License-Identifier: Apache-2.0
#include "clew/segment/torchvision.h"

#include <torch/nn/modules/container/modulelist.h>
#include <torch/nn/modules/conv.h>
#include <torch/types.h>

#include <array>
#include <limits>
#include <utility>

#include "clew/core/error.h"
#include "clew/nn/backbones/backbone.h"
#include "clew/nn/batch_norm.h"
#include "clew/nn/dropout.h"
#include "clew/nn/export/onnx_dynamic.h"
#include "clew/segment/onnx.h"

namespace clew::segment {
namespace {

using torch::Tensor;

constexpr std::uint64_t kKeyHead = 1, kKeyAuxiliary = 2;
constexpr std::int64_t kDeepLabChannels = 256;
constexpr std::array<std::int64_t, 3> kRates = {12, 24, 36};  // for output stride 8
constexpr double kFcnDropout = 0.1, kProjectDropout = 0.5;

double dropout_or(double given, double own) { return given < 0 ? own : given; }

/// Convolution without a bias and the batch norm behind it, in evaluation mode, as one: a copy.
std::shared_ptr<torch::nn::Conv2dImpl> folded(const torch::nn::Conv2dImpl& convolution,
                                              const nn::BatchNorm2dImpl& norm) {
  const torch::NoGradGuard no_grad;
  const auto& own = convolution.options;
  const auto result = std::make_shared<torch::nn::Conv2dImpl>(
      torch::nn::Conv2dOptions(own.in_channels(), own.out_channels(), own.kernel_size())
          .padding(own.padding())
          .dilation(own.dilation()));
  const auto exact = [](const Tensor& values) { return values.detach().to(torch::kFloat64); };
  const auto scale = exact(norm.weight) * (exact(norm.running_var) + norm.options.eps()).rsqrt();
  result->weight.copy_(exact(convolution.weight) * scale.view({-1, 1, 1, 1}));
  result->bias.copy_(exact(norm.bias) - exact(norm.running_mean) * scale);
  return result;
}

/// Convolution "N" that keeps the size, batch norm "N+1" and ReLU.
class ConvolutionBlock : public torch::nn::Module, public nn::OnnxConvertible {
 public:
  ConvolutionBlock(std::int64_t in, std::int64_t out, std::int64_t kernel,
                   std::int64_t dilation = 1, int first = 0)
      : first_(first),
        convolution_(register_module(std::to_string(first),
                                     torch::nn::Conv2d(torch::nn::Conv2dOptions(in, out, kernel)
                                                           .padding(dilation * (kernel / 2))
                                                           .dilation(dilation)
                                                           .bias(false)))),
        norm_(register_module(std::to_string(first + 1), nn::BatchNorm2d(out))) {}

  Tensor forward(const Tensor& x) const {
    return torch::relu(norm_->forward(convolution_->forward(x)));
  }
  std::shared_ptr<torch::nn::Conv2dImpl> one() const { return folded(*convolution_, *norm_); }
  nn::LayerId append(nn::LayerGraph& graph, nn::LayerId x) const {
    return graph.activation(graph.convolution(one(), "", x), nn::Activation::kRelu);
  }
  std::vector<nn::OnnxValue> to_onnx(nn::OnnxGraph& graph,
                                     const std::vector<nn::OnnxValue>& inputs) const override {
    const auto x = nn::onnx_child(graph, std::to_string(first_), *convolution_, inputs.at(0));
    return {graph.relu(nn::onnx_child(graph, std::to_string(first_ + 1), *norm_, x))};
  }
  nn::LayerRow row(const std::string& prefix, const nn::MapGeometry& from) const {
    return nn::layer_row(concat(prefix, first_), *convolution_, from);
  }

 private:
  int first_;
  std::shared_ptr<torch::nn::Conv2dImpl> convolution_;
  std::shared_ptr<nn::BatchNorm2dImpl> norm_;
};

/// Layer "4" of both heads.
std::shared_ptr<torch::nn::Conv2dImpl> scoring(std::int64_t in, std::int64_t classes) {
  return torch::nn::Conv2d(torch::nn::Conv2dOptions(in, classes, 1)).ptr();
}

/// torchvision's FCNHead: 3x3 convolution to a quarter of the channels, scores.
class FcnHead : public HeadImpl {
 public:
  FcnHead(std::int64_t in, std::int64_t classes, double dropout)
      : dropout_(dropout_or(dropout, kFcnDropout)) {
    const auto hidden = in / 4;
    convolution_ = register_module(
        "0", torch::nn::Conv2d(torch::nn::Conv2dOptions(in, hidden, 3).padding(1).bias(false)));
    norm_ = register_module("1", nn::BatchNorm2d(hidden));
    score_ = register_module("4", scoring(hidden, classes));
  }

  Tensor forward(const Tensor& x, const Key* key) const override {
    auto hidden = torch::relu(norm_->forward(convolution_->forward(x)));
    if (is_training() && key != nullptr && dropout_ > 0)
      hidden = nn::dropout(hidden, dropout_, *key);
    return score_->forward(hidden);
  }
  nn::LayerId append(nn::LayerGraph& graph, nn::LayerId x) const override {
    const auto hidden = graph.activation(graph.convolution(folded(*convolution_, *norm_), "0", x),
                                         nn::Activation::kRelu);
    return graph.convolution(score_, "4", hidden);
  }
  std::vector<nn::OnnxValue> to_onnx(nn::OnnxGraph& graph,
                                     const std::vector<nn::OnnxValue>& inputs) const override {
    const auto x = nn::onnx_child(graph, "0", *convolution_, inputs.at(0));
    const auto hidden = graph.relu(nn::onnx_child(graph, "1", *norm_, x));
    return {nn::onnx_child(graph, "4", *score_, hidden)};
  }
  std::vector<nn::LayerRow> layers(const nn::MapGeometry& from) const override {
    const auto first = nn::layer_row("classifier.0", *convolution_, from);
    return {first, nn::layer_row("classifier.4", *score_, first.geometry)};
  }

 private:
  double dropout_;
  std::shared_ptr<torch::nn::Conv2dImpl> convolution_, score_;
  std::shared_ptr<nn::BatchNorm2dImpl> norm_;
};

/// Atrous spatial pyramid pooling: a 1x1 convolution, three dilated ones and the mean of the picture (Chen et al. 2017,
/// section 3.3).
class PyramidPooling : public torch::nn::Module, public nn::OnnxConvertible {
 public:
  PyramidPooling(std::int64_t in, double dropout) : dropout_(dropout_or(dropout, kProjectDropout)) {
    const auto list = register_module("convs", torch::nn::ModuleList());
    const auto add = [&](std::shared_ptr<ConvolutionBlock> block) {
      list->push_back(block);
      blocks_.push_back(std::move(block));
    };
    add(std::make_shared<ConvolutionBlock>(in, kDeepLabChannels, 1));
    for (const auto rate : kRates)
      add(std::make_shared<ConvolutionBlock>(in, kDeepLabChannels, 3, rate));
    add(std::make_shared<ConvolutionBlock>(in, kDeepLabChannels, 1, 1, 1));  // of the mean
    project_ = register_module(
        "project", std::make_shared<ConvolutionBlock>(std::ssize(blocks_) * kDeepLabChannels,
                                                      kDeepLabChannels, 1));
  }

  Tensor forward(const Tensor& x, const Key* key) const {
    std::vector<Tensor> parts;
    for (std::size_t i = 0; i + 1 < blocks_.size(); ++i) parts.push_back(blocks_[i]->forward(x));
    parts.push_back(blocks_.back()
                        ->forward(x.mean({2, 3}, /*keepdim=*/true))
                        .expand({-1, -1, x.size(2), x.size(3)}));
    const auto result = project_->forward(torch::cat(parts, 1));
    return is_training() && key != nullptr && dropout_ > 0 ? nn::dropout(result, dropout_, *key)
                                                           : result;
  }
  /// The 1x1 convolution of the joined parts is a sum of those of each; that of the mean is of one element.
  nn::LayerId append(nn::LayerGraph& graph, nn::LayerId x) const {
    const torch::NoGradGuard no_grad;
    const auto whole = project_->one();
    const auto projected = [&](std::size_t number, nn::LayerId part) {
      const bool is_mean = number + 1 == blocks_.size();
      const auto own = torch::nn::Conv2d(
          torch::nn::Conv2dOptions(kDeepLabChannels, kDeepLabChannels, 1).bias(is_mean));
      own->weight.copy_(whole->weight.narrow(
          1, static_cast<std::int64_t>(number) * kDeepLabChannels, kDeepLabChannels));
      if (is_mean) own->bias.copy_(whole->bias);
      return graph.convolution(own.ptr(), "", part);
    };
    const auto last = blocks_.size() - 1;
    const auto mean = blocks_[last]->append(graph, graph.average_pool(x, 1));
    auto sum = graph.upsample(projected(last, mean), x);
    for (std::size_t i = 0; i < last; ++i)
      sum = graph.add(sum, projected(i, blocks_[i]->append(graph, x)));
    return graph.activation(sum, nn::Activation::kRelu);
  }
  std::vector<nn::OnnxValue> to_onnx(nn::OnnxGraph& graph,
                                     const std::vector<nn::OnnxValue>& inputs) const override {
    const auto& x = inputs.at(0);
    std::vector<nn::OnnxValue> parts;
    for (std::size_t i = 0; i < blocks_.size(); ++i) {
      const bool is_mean = i + 1 == blocks_.size();
      const auto part = nn::onnx_child(graph, concat("convs.", i), *blocks_[i],
                                       is_mean ? graph.global_average_pool(x) : x);
      parts.push_back(is_mean ? graph.upsample(part, x) : part);
    }
    return {nn::onnx_child(graph, "project", *project_, graph.concat(parts, 1))};
  }
  /// The last one sees the whole picture.
  std::vector<nn::LayerRow> layers(const std::string& prefix, nn::MapGeometry from) const {
    std::vector<nn::LayerRow> rows;
    for (std::size_t i = 0; i < blocks_.size(); ++i) {
      if (i + 1 == blocks_.size()) from.field = std::numeric_limits<double>::infinity();
      rows.push_back(blocks_[i]->row(concat(prefix, "convs.", i, "."), from));
    }
    rows.push_back(project_->row(prefix + "project.", rows.back().geometry));
    return rows;
  }

 private:
  double dropout_;
  std::vector<std::shared_ptr<ConvolutionBlock>> blocks_;
  std::shared_ptr<ConvolutionBlock> project_;
};

/// torchvision's DeepLabHead.
class DeepLabHead : public HeadImpl {
 public:
  DeepLabHead(std::int64_t in, std::int64_t classes, double dropout)
      : pooling_(register_module("0", std::make_shared<PyramidPooling>(in, dropout))),
        convolution_(register_module(
            "1", torch::nn::Conv2d(torch::nn::Conv2dOptions(kDeepLabChannels, kDeepLabChannels, 3)
                                       .padding(1)
                                       .bias(false)))),
        norm_(register_module("2", nn::BatchNorm2d(kDeepLabChannels))),
        score_(register_module("4", scoring(kDeepLabChannels, classes))) {}

  Tensor forward(const Tensor& x, const Key* key) const override {
    const auto pooled = pooling_->forward(x, key);
    return score_->forward(torch::relu(norm_->forward(convolution_->forward(pooled))));
  }
  nn::LayerId append(nn::LayerGraph& graph, nn::LayerId x) const override {
    const auto hidden = graph.activation(
        graph.convolution(folded(*convolution_, *norm_), "1", pooling_->append(graph, x)),
        nn::Activation::kRelu);
    return graph.convolution(score_, "4", hidden);
  }
  std::vector<nn::OnnxValue> to_onnx(nn::OnnxGraph& graph,
                                     const std::vector<nn::OnnxValue>& inputs) const override {
    auto x = nn::onnx_child(graph, "0", *pooling_, inputs.at(0));
    x = nn::onnx_child(graph, "1", *convolution_, x);
    x = graph.relu(nn::onnx_child(graph, "2", *norm_, x));
    return {nn::onnx_child(graph, "4", *score_, x)};
  }
  std::vector<nn::LayerRow> layers(const nn::MapGeometry& from) const override {
    auto rows = pooling_->layers("classifier.0.", from);
    rows.push_back(nn::layer_row("classifier.1", *convolution_, rows.back().geometry));
    rows.push_back(nn::layer_row("classifier.4", *score_, rows.back().geometry));
    return rows;
  }

 private:
  std::shared_ptr<PyramidPooling> pooling_;
  std::shared_ptr<torch::nn::Conv2dImpl> convolution_;
  std::shared_ptr<nn::BatchNorm2dImpl> norm_;
  std::shared_ptr<torch::nn::Conv2dImpl> score_;
};

/// Centres of `pixels` half pixels among those of `elements` (align_corners=False).
ops::MapAxis half_pixel_axis(std::int64_t elements, std::int64_t pixels) {
  const double step = static_cast<double>(elements) / static_cast<double>(pixels);
  return {.first = 0.5 * step - 0.5, .step = step};
}

MapScores on_map(const Tensor& scores, std::int64_t height, std::int64_t width) {
  const auto exact = scores.scalar_type() == torch::kFloat64 ? scores : scores.to(torch::kFloat32);
  return {.map = exact,
          .axes = {.rows = half_pixel_axis(scores.size(2), height),
                   .columns = half_pixel_axis(scores.size(3), width)}};
}

}  // namespace

bool is_torchvision(const std::string& network) { return network.ends_with("_resnet50"); }

TorchvisionImpl::TorchvisionImpl(const NetworkOptions& options) {
  const nn::Backbone backbone(options.backbone,
                              nn::BackboneOptions{.output_stride = options.output_stride});
  const auto &last = backbone->feature_map("layer4"), &middle = backbone->feature_map("layer3");
  statistics_ = backbone->statistics().channels;
  last_ = last.layer;
  middle_ = middle.layer;
  body_ = register_module("backbone", std::make_shared<nn::LayerGraph>(
                                          *backbone, std::vector<nn::LayerId>{last_, middle_}, ""));
  if (options.network == "deeplabv3_resnet50") {
    classifier_ = std::make_shared<DeepLabHead>(last.channels, options.classes, options.dropout);
  } else {
    classifier_ = std::make_shared<FcnHead>(last.channels, options.classes, options.dropout);
  }
  register_module("classifier", classifier_);
  aux_classifier_ = register_module<HeadImpl>(
      "aux_classifier",
      std::make_shared<FcnHead>(middle.channels, options.classes, options.dropout));
}

Tensor TorchvisionImpl::prepare(const Tensor& images) const {
  CLEW_CHECK(images.dim() == 4 && images.size(1) == 3 && images.is_floating_point() &&
                 images.size(2) > 0 && images.size(3) > 0,
             "images must be [B,3,H,W] of real numbers with pixels, got ", images.sizes(), " of ",
             images.scalar_type());
  return ops::normalise(images, statistics_);
}

DenseGraph TorchvisionImpl::dense_graph() const {
  auto graph = std::make_shared<nn::LayerGraph>(*body_, nn::LayerGraph::Extension{});
  const auto scores = classifier_->append(*graph, last_);
  return {.graph = std::move(graph), .scores = {scores}};
}

Scores TorchvisionImpl::finish(const std::vector<Tensor>& scores, std::int64_t height,
                               std::int64_t width) const {
  return {.main = on_map(scores.at(0), height, width), .height = height, .width = width};
}

Scores TorchvisionImpl::forward(const Tensor& images, const Key* key) const {
  const auto height = images.size(2), width = images.size(3);
  const auto of_head = [&](const HeadImpl& head, const Tensor& map, std::uint64_t number) {
    const auto own = key == nullptr ? Key{} : fold_in(*key, number);
    return head.forward(map, key == nullptr ? nullptr : &own);
  };
  const auto x = prepare(images);
  const auto maps = body_->run(x, is_training() ? std::vector<nn::LayerId>{last_, middle_}
                                                : std::vector<nn::LayerId>{last_});
  auto scores = finish({of_head(*classifier_, maps[0], kKeyHead)}, height, width);
  if (is_training())
    scores.auxiliary = on_map(of_head(*aux_classifier_, maps[1], kKeyAuxiliary), height, width);
  return scores;
}

std::vector<nn::OnnxValue> TorchvisionImpl::to_onnx(
    nn::OnnxGraph& graph, const std::vector<nn::OnnxValue>& inputs) const {
  const auto sizes = graph.slice(nn::onnx_sizes(graph, inputs.at(0)), 0, 2, 4);
  const auto x = onnx_normalised(graph, inputs.at(0), statistics_);
  graph.begin_scope("backbone");
  const auto map = body_->run_onnx(graph, x, {last_})[0];
  graph.end_scope();
  const auto scores = nn::onnx_child(graph, "classifier", *classifier_, map);
  return {nn::onnx_resize_to(graph, scores, sizes)};
}

std::vector<nn::LayerRow> TorchvisionImpl::layers() const {
  auto rows = nn::layer_rows(*body_, {last_}, "backbone.");
  const auto own = classifier_->layers(body_->geometry(last_));
  rows.insert(rows.end(), own.begin(), own.end());
  return rows;
}

}  // namespace clew::segment
