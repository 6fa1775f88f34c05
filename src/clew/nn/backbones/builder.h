// SPDX-License-Identifier: Apache-2.0
// Builder of the families of backbones. Not installed.
#pragma once

#include <string>
#include <vector>

#include "clew/nn/backbones/backbone.h"

namespace clew::nn {

/// Makes the layers of one backbone.
struct BackboneBuilder {
  BackboneImpl& net;
  const BackboneOptions& options;

  /// Names a layer's value as a map of features.
  void map(const std::string& name, LayerId x);
  /// The last layer behind `x`, with `dropout` before it.
  void classify(const std::string& path, LayerId x, double dropout = 0);
  double dropout_or(double own) const { return options.dropout < 0 ? own : options.dropout; }
  void statistics(const InputStatistics& statistics);
};

void build_alexnet(BackboneBuilder& build);
void build_vgg16(BackboneBuilder& build, bool has_batch_norm);
/// Blocks of each of the four stages; bottlenecks of 1x1, 3x3, 1x1 instead of two of 3x3.
void build_resnet(BackboneBuilder& build, const std::vector<int>& blocks, bool has_bottlenecks);
void build_mobilenet_v2(BackboneBuilder& build);
void build_mobilenet_v3(BackboneBuilder& build, bool is_large);
void build_efficientnet_lite0(BackboneBuilder& build);

}  // namespace clew::nn
