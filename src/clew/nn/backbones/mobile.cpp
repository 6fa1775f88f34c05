// SPDX-License-Identifier: Apache-2.0
// MobileNetV2 (Sandler et al. 2018) and V3 (Howard et al. 2019) as torchvision has them, EfficientNet-Lite0
// (the sizes of EfficientNet-B0, Tan and Le 2019, without squeeze and excitation, with ReLU6).
#include <algorithm>

#include "clew/core/error.h"
#include "clew/nn/backbones/builder.h"

namespace clew::nn {
namespace {

/// Nearest multiple of 8, at least 90 % of `value`.
std::int64_t multiple_of_8(double value) {
  const auto nearest = std::max<std::int64_t>(8, (static_cast<std::int64_t>(value + 4) / 8) * 8);
  return static_cast<double>(nearest) < 0.9 * value ? nearest + 8 : nearest;
}

}  // namespace

void build_mobilenet_v2(BackboneBuilder& build) {
  auto& net = build.net;
  const auto convolve = [&](const std::string& path, LayerId x, std::int64_t out,
                            std::int64_t kernel, std::int64_t stride, std::int64_t groups) {
    x = net.convolution(path + ".0", x,
                        {.out = out, .kernel = kernel, .stride = stride, .groups = groups});
    return net.activation(net.batch_norm(path + ".1", x), Activation::kRelu6);
  };
  auto x = convolve("features.0", net.input(), 32, 3, 2, 1);
  int place = 1;
  struct Stage {
    int expansion, out, blocks, stride;
  };
  for (const auto& [expansion, out, blocks, stride] :
       {Stage{1, 16, 1, 1}, Stage{6, 24, 2, 2}, Stage{6, 32, 3, 2}, Stage{6, 64, 4, 2},
        Stage{6, 96, 3, 1}, Stage{6, 160, 3, 2}, Stage{6, 320, 1, 1}}) {
    for (int i = 0; i < blocks; ++i) {
      const auto path = concat("features.", place++, ".conv.");
      const auto before = x;
      const std::int64_t in = net.channels(x), hidden = in * expansion, step = i == 0 ? stride : 1;
      int part = 0;
      if (expansion != 1) x = convolve(concat(path, part++), x, hidden, 1, 1, 1);
      x = convolve(concat(path, part++), x, hidden, 3, step, hidden);
      x = net.convolution(concat(path, part), x, {.out = out});
      x = net.batch_norm(concat(path, part + 1), x);
      if (step == 1 && in == out) x = net.add(before, x);
      build.map(concat("features.", place - 1), x);
    }
  }
  x = convolve("features.18", x, 1280, 1, 1, 1);
  build.map("features.18", x);
  x = net.flatten(net.average_pool(x, 1));
  build.classify("classifier.1", x, build.dropout_or(0.2));
}

void build_mobilenet_v3(BackboneBuilder& build, bool is_large) {
  auto& net = build.net;
  const auto convolve = [&](const std::string& path, LayerId x, std::int64_t out,
                            std::int64_t kernel, std::int64_t stride, std::int64_t groups) {
    x = net.convolution(path + ".0", x,
                        {.out = out, .kernel = kernel, .stride = stride, .groups = groups});
    return net.batch_norm(path + ".1", x, 0.001, 0.01);
  };
  struct Block {
    int kernel, hidden, out;
    bool has_excitation, has_hardswish;
    int stride;
  };
  // Tables 1 and 2 of the paper.
  const std::vector<Block> large = {
      {3, 16, 16, false, false, 1}, {3, 64, 24, false, false, 2}, {3, 72, 24, false, false, 1},
      {5, 72, 40, true, false, 2},  {5, 120, 40, true, false, 1}, {5, 120, 40, true, false, 1},
      {3, 240, 80, false, true, 2}, {3, 200, 80, false, true, 1}, {3, 184, 80, false, true, 1},
      {3, 184, 80, false, true, 1}, {3, 480, 112, true, true, 1}, {3, 672, 112, true, true, 1},
      {5, 672, 160, true, true, 2}, {5, 960, 160, true, true, 1}, {5, 960, 160, true, true, 1}};
  const std::vector<Block> small = {
      {3, 16, 16, true, false, 2}, {3, 72, 24, false, false, 2}, {3, 88, 24, false, false, 1},
      {5, 96, 40, true, true, 2},  {5, 240, 40, true, true, 1},  {5, 240, 40, true, true, 1},
      {5, 120, 48, true, true, 1}, {5, 144, 48, true, true, 1},  {5, 288, 96, true, true, 2},
      {5, 576, 96, true, true, 1}, {5, 576, 96, true, true, 1}};
  auto x = net.activation(convolve("features.0", net.input(), 16, 3, 2, 1), Activation::kHardswish);
  int place = 1;
  for (const auto& block : is_large ? large : small) {
    const auto path = concat("features.", place, ".block.");
    const auto kind = block.has_hardswish ? Activation::kHardswish : Activation::kRelu;
    const auto before = x;
    const std::int64_t in = net.channels(x);
    int part = 0;
    if (block.hidden != in)
      x = net.activation(convolve(concat(path, part++), x, block.hidden, 1, 1, 1), kind);
    x = net.activation(
        convolve(concat(path, part++), x, block.hidden, block.kernel, block.stride, block.hidden),
        kind);
    if (block.has_excitation) {  // Hu et al. 2018
      const auto excitation = concat(path, part++, ".fc");
      auto scale = net.average_pool(x, 1);
      scale = net.convolution(excitation + "1", scale,
                              {.out = multiple_of_8(block.hidden / 4.0), .has_bias = true});
      scale = net.activation(scale, Activation::kRelu);
      scale = net.convolution(excitation + "2", scale, {.out = block.hidden, .has_bias = true});
      x = net.multiply(x, net.activation(scale, Activation::kHardsigmoid));
    }
    x = convolve(concat(path, part), x, block.out, 1, 1, 1);
    if (block.stride == 1 && in == block.out) x = net.add(x, before);
    build.map(concat("features.", place++), x);
  }
  x = convolve(concat("features.", place), x, 6 * net.channels(x), 1, 1, 1);
  x = net.activation(x, Activation::kHardswish);
  build.map(concat("features.", place), x);
  x = net.flatten(net.average_pool(x, 1));
  x = net.linear("classifier.0", x, is_large ? 1280 : 1024);
  x = net.activation(x, Activation::kHardswish);
  build.classify("classifier.3", x, build.dropout_or(0.2));
}

void build_efficientnet_lite0(BackboneBuilder& build) {
  constexpr double kEps = 1e-3, kMomentum = 0.01;
  auto& net = build.net;
  // Pixels of 0 to 255 become (x - 127) / 128.
  build.statistics({.channels = {.mean = {127.0 / 255, 127.0 / 255, 127.0 / 255},
                                 .deviation = {128.0 / 255, 128.0 / 255, 128.0 / 255}},
                    .is_bicubic = true});
  const auto convolve = [&](const std::string& path, const std::string& norm, LayerId x,
                            std::int64_t out, std::int64_t kernel, std::int64_t stride,
                            std::int64_t groups) {
    x = net.convolution(path, x,
                        {.out = out,
                         .kernel = kernel,
                         .stride = stride,
                         .groups = groups,
                         .is_padded_as_tensorflow = true});
    return net.batch_norm(norm, x, kEps, kMomentum);
  };
  auto x =
      net.activation(convolve("_conv_stem", "_bn0", net.input(), 32, 3, 2, 1), Activation::kRelu6);
  int place = 0;
  struct Stage {
    int blocks, kernel, stride, expansion, out;
  };
  for (const auto& [blocks, kernel, stride, expansion, out] :
       {Stage{1, 3, 1, 1, 16}, Stage{2, 3, 2, 6, 24}, Stage{2, 5, 2, 6, 40}, Stage{3, 3, 2, 6, 80},
        Stage{3, 5, 1, 6, 112}, Stage{4, 5, 2, 6, 192}, Stage{1, 3, 1, 6, 320}}) {
    for (int i = 0; i < blocks; ++i) {
      const auto path = concat("_blocks.", place, ".");
      const auto before = x;
      const std::int64_t in = net.channels(x), hidden = in * expansion, step = i == 0 ? stride : 1;
      if (expansion != 1) {
        x = net.activation(convolve(path + "_expand_conv", path + "_bn0", x, hidden, 1, 1, 1),
                           Activation::kRelu6);
      }
      x = net.activation(
          convolve(path + "_depthwise_conv", path + "_bn1", x, hidden, kernel, step, hidden),
          Activation::kRelu6);
      x = convolve(path + "_project_conv", path + "_bn2", x, out, 1, 1, 1);
      if (step == 1 && in == out) x = net.add(x, before);
      build.map(concat("blocks.", place++), x);
    }
  }
  x = net.activation(convolve("_conv_head", "_bn1", x, 1280, 1, 1, 1), Activation::kRelu6);
  build.map("head", x);
  x = net.flatten(net.average_pool(x, 1));
  build.classify("_fc", x, build.dropout_or(0.2));
}

}  // namespace clew::nn
