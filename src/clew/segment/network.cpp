// SPDX-License-Identifier: Apache-2.0
#include "clew/segment/network.h"

#include <torch/types.h>

#include <algorithm>
#include <array>

#include "clew/core/config.h"
#include "clew/core/error.h"
#include "clew/core/text.h"
#include "clew/nn/backbones/backbone.h"
#include "clew/segment/fcn.h"
#include "clew/segment/torchvision.h"

namespace clew::segment {
namespace {

/// Side of VGG-16's last map for its pictures of 224 x 224.
constexpr std::int64_t kVggSide = 7;

bool is_vgg(const std::string& backbone) { return backbone.starts_with("vgg"); }

}  // namespace

const std::vector<std::string>& network_names() {
  static const std::vector<std::string> kNames = {"fcn32s",  "fcn16s",       "fcn8s",
                                                  "dilated", "fcn_resnet50", "deeplabv3_resnet50"};
  return kNames;
}

std::int64_t own_output_stride(const std::string& network) {
  return network == "dilated" || is_torchvision(network) ? 8 : 32;
}

const std::vector<std::string>& fcn_backbone_names() {
  static const auto kNames = [] {
    auto names = nn::backbone_names();
    std::erase_if(names, [](const auto& name) { return name == "alexnet" || name == "zf"; });
    return names;
  }();
  return kNames;
}

std::shared_ptr<SegmentationNetwork> make_network(const NetworkOptions& options) {
  const auto check_name = [](const char* key, const std::string& name,
                             const std::vector<std::string>& names) {
    if (std::ranges::find(names, name) == names.end())
      throw UsageError(concat(key, " must be one of ", join(names), ", got '", name, "'",
                              did_you_mean(name, names)));
  };
  check_name("network", options.network, network_names());
  check_name("backbone", options.backbone, fcn_backbone_names());
  if (options.classes < 2 || options.classes > 255)
    throw UsageError(concat("a segmentation must have 2..255 classes, got ", options.classes));
  if (!is_torchvision(options.network)) return std::make_shared<FcnImpl>(options);
  if (options.backbone != "resnet50" || options.output_stride != 8)
    throw UsageError(concat("network = ", options.network,
                            " needs backbone = resnet50 and output_stride = 8, got ",
                            options.backbone, " and ", options.output_stride));
  if (options.context)
    throw UsageError(
        concat("network = ", options.network,
               " takes no context, which is for fcn32s, fcn16s, fcn8s and dilated, got "
               "context = ",
               name_of(*options.context)));
  return std::make_shared<TorchvisionImpl>(options);
}

std::vector<std::string> start_names(const NetworkOptions& options, const std::string& name) {
  const auto is_below = [&](const auto& modules) {
    return std::ranges::any_of(modules,
                               [&](const char* module) { return name.starts_with(module); });
  };
  if (is_torchvision(options.network)) {
    constexpr std::array kOwn = {"backbone.", "classifier.", "aux_classifier."};
    if (is_below(kOwn)) return {name};
    if (name.starts_with("fc.")) return {};
    return {"backbone." + name};
  }
  constexpr std::array kOwn = {"backbone.", "fc6.",  "fc7.", "score.",  "score16.",
                               "score8.",   "up16.", "up8.", "context."};
  constexpr std::array kClassifiers = {"classifier.", "fc.", "_fc."};
  if (is_below(kOwn)) return {name};
  if (is_vgg(options.backbone)) {
    for (const auto& [from, to] :
         {std::pair("classifier.0.", "fc6."), std::pair("classifier.3.", "fc7.")})
      if (name.starts_with(from)) return {to + name.substr(std::string(from).size())};
  }
  if (is_below(kClassifiers)) return {};
  return {"backbone." + name};
}

torch::Tensor start_value(const std::string& name, const torch::Tensor& value) {
  if (value.dim() != 2) return value;
  if (name == "fc7.weight") return value.view({value.size(0), value.size(1), 1, 1});
  if (name != "fc6.weight" || value.size(1) % (kVggSide * kVggSide) != 0) return value;
  return value.reshape({value.size(0), -1, kVggSide, kVggSide});
}

}  // namespace clew::segment
