// SPDX-License-Identifier: Apache-2.0
#include "clew/nn/backbones/backbone.h"

#include <torch/nn/init.h>
#include <torch/nn/modules/conv.h>
#include <torch/nn/modules/linear.h>
#include <torch/types.h>

#include <algorithm>
#include <functional>
#include <utility>

#include "clew/core/config.h"
#include "clew/core/error.h"
#include "clew/nn/backbones/builder.h"

namespace clew::nn {
namespace {

struct Architecture {
  std::string name;
  std::function<void(BackboneBuilder&)> build;
  bool has_lecun_weights = false;  // AlexNet keeps LibTorch's initialisation
};

const std::vector<Architecture>& architectures() {
  static const std::vector<Architecture> kAll = {
      {"alexnet", build_alexnet, true},
      {"zf", build_zf},
      {"vgg16", [](BackboneBuilder& b) { build_vgg16(b, false); }},
      {"vgg16_bn", [](BackboneBuilder& b) { build_vgg16(b, true); }},
      {"resnet18",
       [](BackboneBuilder& b) {
         build_resnet(b, {2, 2, 2, 2}, false);
       }},
      {"resnet34",
       [](BackboneBuilder& b) {
         build_resnet(b, {3, 4, 6, 3}, false);
       }},
      {"resnet50",
       [](BackboneBuilder& b) {
         build_resnet(b, {3, 4, 6, 3}, true);
       }},
      {"mobilenet_v2", build_mobilenet_v2},
      {"mobilenet_v3_small", [](BackboneBuilder& b) { build_mobilenet_v3(b, false); }},
      {"mobilenet_v3_large", [](BackboneBuilder& b) { build_mobilenet_v3(b, true); }},
      {"efficientnet_lite0", build_efficientnet_lite0},
  };
  return kAll;
}

/// He et al. 2015 (fan out) for convolutions, N(0, 0.01) for linear layers, as torchvision.
void initialise(torch::nn::Module& network) {
  const torch::NoGradGuard no_grad;
  for (const auto& module : network.modules(/*include_self=*/false)) {
    if (auto* conv = module->as<torch::nn::Conv2dImpl>()) {
      torch::nn::init::kaiming_normal_(conv->weight, 0, torch::kFanOut, torch::kReLU);
      if (conv->bias.defined()) conv->bias.zero_();
    } else if (auto* linear = module->as<torch::nn::LinearImpl>()) {
      linear->weight.normal_(0, 0.01);
      linear->bias.zero_();
    }
  }
}

}  // namespace

void BackboneBuilder::map(const std::string& name, LayerId x) {
  net.maps_.push_back(
      {.name = name, .channels = net.channels(x), .geometry = net.geometry(x), .layer = x});
}

void BackboneBuilder::classify(const std::string& path, LayerId x, double dropout) {
  net.features_ = x;
  net.last_ = path;
  if (dropout > 0) x = net.dropout(x, dropout);
  net.logits_ = net.linear(path, x, options.classes);
}

void BackboneBuilder::statistics(const InputStatistics& statistics) {
  net.statistics_ = statistics;
}

const std::vector<std::string>& backbone_names() {
  static const auto kNames = [] {
    std::vector<std::string> names;
    for (const auto& one : architectures()) names.push_back(one.name);
    return names;
  }();
  return kNames;
}

BackboneImpl::BackboneImpl(const std::string& name, const BackboneOptions& options)
    : LayerGraph(options.output_stride, options.norms), name_(name) {
  const auto found = std::ranges::find(architectures(), name, &Architecture::name);
  if (found == architectures().end()) {
    std::string all;
    for (const auto& one : backbone_names()) all += (all.empty() ? "" : ", ") + one;
    throw UsageError(concat("a backbone must be one of ", all, ", got '", name, "'",
                            did_you_mean(name, backbone_names())));
  }
  if (options.output_stride != 32 && options.output_stride != 16 && options.output_stride != 8)
    throw UsageError(concat("output stride must be 32, 16 or 8, got ", options.output_stride));
  if (options.classes < 1)
    throw UsageError(concat("classes must be at least 1, got ", options.classes));
  statistics_ = {.channels = ops::imagenet_statistics()};
  BackboneBuilder builder{*this, options};
  found->build(builder);
  if (!found->has_lecun_weights) initialise(*this);
}

torch::Tensor BackboneImpl::normalised(const torch::Tensor& images) const {
  CLEW_CHECK(images.dim() == 4 && images.size(1) == 3 && images.is_floating_point(),
             "images must be [B,3,H,W] of real numbers, got ", images.sizes(), " of ",
             images.scalar_type());
  return ops::normalise(images, statistics_.channels);
}

torch::Tensor BackboneImpl::forward(const torch::Tensor& images, const Key* key) const {
  return run(normalised(images), {logits_}, key)[0];
}

const FeatureMap& BackboneImpl::feature_map(const std::string& name) const {
  const auto found = std::ranges::find(maps_, name, &FeatureMap::name);
  if (found != maps_.end()) return *found;
  std::vector<std::string> names;
  std::string all;
  for (const auto& map : maps_) {
    names.push_back(map.name);
    all += (all.empty() ? "" : ", ") + map.name;
  }
  throw Error(
      concat(name_, " has the maps ", all, ", and no '", name, "'", did_you_mean(name, names)));
}

torch::Tensor BackboneImpl::from_map(const std::string& name, const torch::Tensor& x) const {
  return run(x, {logits_}, nullptr, feature_map(name).layer)[0];
}

std::vector<torch::Tensor> BackboneImpl::maps(const torch::Tensor& images,
                                              const std::vector<std::string>& names) const {
  std::vector<LayerId> wanted;
  for (const auto& name : names) wanted.push_back(feature_map(name).layer);
  return run(normalised(images), wanted);
}

torch::Tensor BackboneImpl::features(const torch::Tensor& images, const Key* key) const {
  return run(normalised(images), {features_}, key)[0];
}

torch::Tensor BackboneImpl::classify(const torch::Tensor& features, const Key* key) const {
  return run(features, {logits_}, key, features_)[0];
}

std::vector<OnnxValue> BackboneImpl::to_onnx(OnnxGraph& graph,
                                             const std::vector<OnnxValue>& inputs) const {
  CLEW_CHECK(inputs.size() == 1, name_, " takes one value, got ", inputs.size());
  const auto column = [&](const std::vector<double>& values, const char* name) {
    return graph.constant(
        torch::tensor(values, torch::kFloat64).to(torch::kFloat32).view({1, 3, 1, 1}), name);
  };
  const auto& [mean, deviation] = statistics_.channels;
  const auto x =
      graph.div(graph.sub(inputs[0], column(mean, "mean")), column(deviation, "deviation"));
  return run_onnx(graph, x, {logits_});
}

}  // namespace clew::nn
