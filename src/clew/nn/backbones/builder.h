// SPDX-License-Identifier: Apache-2.0
// Builders of the backbone families. Not installed.
#pragma once

#include <string>
#include <vector>

#include "clew/nn/backbones/backbone.h"

namespace clew::nn {

/// Adds the layers of one backbone.
struct BackboneBuilder {
  BackboneImpl& net;
  const BackboneOptions& options;

  /// Registers a layer's output as a feature map.
  void map(const std::string& name, LayerId x);
  /// Last layer after `x`, preceded by `dropout`.
  void classify(const std::string& path, LayerId x, double dropout = 0);
  double dropout_or(double own) const { return options.dropout < 0 ? own : options.dropout; }
  void statistics(const InputStatistics& statistics);
};

void build_alexnet(BackboneBuilder& build);
void build_zf(BackboneBuilder& build);
void build_vgg16(BackboneBuilder& build, bool has_batch_norm);
/// `blocks`: number in each of the four stages. Bottleneck blocks (1x1, 3x3, 1x1) or basic ones
/// (3x3, 3x3).
void build_resnet(BackboneBuilder& build, const std::vector<int>& blocks, bool has_bottlenecks);
void build_mobilenet_v2(BackboneBuilder& build);
void build_mobilenet_v3(BackboneBuilder& build, bool is_large);
void build_efficientnet_lite0(BackboneBuilder& build);

}  // namespace clew::nn
