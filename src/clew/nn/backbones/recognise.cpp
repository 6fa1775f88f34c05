// SPDX-License-Identifier: Apache-2.0
#include "clew/nn/backbones/recognise.h"

#include <algorithm>
#include <vector>

#include "clew/core/error.h"
#include "clew/core/files.h"
#include "clew/core/text.h"

namespace clew::nn {
namespace {

constexpr int kMostTries = 100;  // prefixes, against malicious files

struct Layout {
  std::string backbone, last_layer;
  std::uint64_t hash;
};

/// Layout hashes of the networks; checked by recognise_test.cpp.
const std::vector<Layout>& layouts() {
  static const std::vector<Layout> kAll = {
      {"alexnet", "classifier.6", 0xee4f86cb29877d43},
      {"zf", "classifier.6", 0x566301add3a7e58e},
      {"vgg16", "classifier.6", 0xcdfc0b0c69727f63},
      {"vgg16_bn", "classifier.6", 0x81247274be7f942d},
      {"resnet18", "fc", 0x38b088ed2e44cafe},
      {"resnet34", "fc", 0x9e1486bc19860319},
      {"resnet50", "fc", 0xa5a9af228d6a1a58},
      {"mobilenet_v2", "classifier.1", 0x46d8f699dda86736},
      {"mobilenet_v3_small", "classifier.3", 0xa06349675bbd7aff},
      {"mobilenet_v3_large", "classifier.3", 0xe2d146985adb3366},
      {"efficientnet_lite0", "_fc", 0xb4b9bc255789a982},
  };
  return kAll;
}

/// Tensors below `prefix`, with the prefix removed.
std::vector<TensorInfo> below(std::span<const TensorInfo> tensors, const std::string& prefix) {
  std::vector<TensorInfo> inner;
  for (const auto& one : tensors) {
    if (!one.name.starts_with(prefix)) continue;
    inner.push_back(one);
    inner.back().name.erase(0, prefix.size());
  }
  return inner;
}

}  // namespace

std::string BackboneFit::text() const {
  return concat(backbone, " of ", classes, " classes",
                prefix.empty() ? "" : concat(" behind '", excerpt(prefix), "'"));
}

std::uint64_t layout_hash(std::span<const TensorInfo> tensors, const std::string& last_layer) {
  std::vector<std::string> lines;
  for (const auto& one : tensors) {
    if (one.name.starts_with(last_layer + ".") || one.name.ends_with("num_batches_tracked"))
      continue;
    auto line = one.name + '\0';
    for (const auto side : one.shape) line += concat(side, ',');
    lines.push_back(std::move(line));
  }
  std::ranges::sort(lines);
  std::uint64_t hash = 0;
  for (const auto& line : lines) hash = hash64(std::as_bytes(std::span(line)), hash);
  return hash;
}

std::optional<BackboneFit> fitting_backbone(std::span<const TensorInfo> tensors) {
  int tries = 0;
  for (const auto& [backbone, last_layer, hash] : layouts()) {
    const auto weight = last_layer + ".weight";
    for (const auto& one : tensors) {
      if (!one.name.ends_with(weight) || one.shape.empty()) continue;
      const auto prefix = one.name.substr(0, one.name.size() - weight.size());
      if (!prefix.empty() && !prefix.ends_with('.')) continue;
      if (++tries > kMostTries) return std::nullopt;
      if (layout_hash(below(tensors, prefix), last_layer) == hash)
        return BackboneFit{backbone, one.shape[0], prefix};
    }
  }
  return std::nullopt;
}

}  // namespace clew::nn
