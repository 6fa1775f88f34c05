// SPDX-License-Identifier: Apache-2.0
// Strides, receptive fields and dilation of layers, by gradients and against the networks with strides.
#include "clew/nn/backbones/layer_table.h"

#include <gtest/gtest.h>
#include <torch/torch.h>

#include <cmath>
#include <memory>
#include <string>
#include <vector>

#include "clew/nn/backbones/backbone.h"
#include "clew/nn/weights.h"

namespace clew::nn {
namespace layer_table_test {

struct Small {
  std::shared_ptr<LayerGraph> graph;
  LayerId middle, last;
};

/// Windows of 5, 3 and 3, overlapping pooling, a shortcut; stride 8 where strides stay.
Small small(std::int64_t output_stride) {
  Small net{.graph = std::make_shared<LayerGraph>(output_stride), .middle = {}, .last = {}};
  auto& graph = *net.graph;
  auto x = graph.convolution("a", graph.input(), {.out = 4, .kernel = 5, .stride = 2});
  x = graph.max_pool(x, 3, 2, 1);
  net.middle = x;
  x = graph.convolution("b", x, {.out = 6, .kernel = 3, .stride = 2});
  x = graph.convolution("c", x, {.out = 6, .kernel = 3});
  const auto shortcut = graph.convolution("d", net.middle, {.out = 6, .stride = 2});
  net.last = graph.add(x, shortcut);
  graph.to(torch::kFloat64);
  graph.eval();
  return net;
}

TEST(LayerTable, DilatedLayersGiveAtEachStrideWhatStridesGive) {
  torch::manual_seed(1);
  const torch::NoGradGuard no_grad;
  const auto strided = small(LayerGraph::kAnyStride);
  const auto x = torch::rand({1, 3, 64, 64}, torch::kFloat64);
  const auto coarse = strided.graph->run(x, {strided.last})[0];
  for (const std::int64_t output_stride : {4, 2}) {
    const auto dilated = small(output_stride);
    load_weights(*dilated.graph, state_of(*strided.graph), "the network with strides");
    const auto step = 8 / output_stride;
    const auto fine = dilated.graph->run(x, {dilated.last})[0];
    ASSERT_EQ(fine.size(2), step * coarse.size(2));
    const auto at_strides = fine.slice(2, 0, fine.size(2), step).slice(3, 0, fine.size(3), step);
    EXPECT_TRUE(torch::allclose(coarse, at_strides, 1e-12, 1e-12)) << output_stride;
    EXPECT_EQ(dilated.graph->geometry(dilated.last).field,
              strided.graph->geometry(strided.last).field);
    EXPECT_EQ(dilated.graph->geometry(dilated.last).stride, output_stride);
  }
}

TEST(LayerTable, FieldsAreThoseOfTheGradient) {
  for (const std::int64_t output_stride : {8, 4, 2}) {
    const auto net = small(output_stride);
    {
      const torch::NoGradGuard no_grad;
      for (auto& parameter : net.graph->parameters()) parameter.fill_(0.1);
    }
    // A pooling's gradient is of one element of each window, so the layers behind it are measured.
    const auto field = [&](LayerId from, LayerId to) {
      auto x =
          torch::ones({1, net.graph->channels(from), 64, 64}, torch::kFloat64).requires_grad_();
      const auto y = net.graph->run(x, {to}, nullptr, from)[0];
      y.select(3, y.size(3) / 2).select(2, y.size(2) / 2).sum().backward();
      const auto seen = x.grad()
                            .abs()
                            .sum(torch::IntArrayRef({0, 1}))
                            .gt(0)
                            .any(1)
                            .nonzero();  // with gaps by dilation
      return (seen.max() - seen.min()).item<double>() + 1;
    };
    const auto middle = net.graph->geometry(net.middle), last = net.graph->geometry(net.last);
    EXPECT_EQ(field(net.middle, net.last), 1 + (last.field - middle.field) / middle.stride);
  }
  LayerGraph graph;
  const auto a = graph.convolution("a", graph.input(), {.out = 2, .kernel = 5, .stride = 2}),
             b = graph.convolution("b", a, {.out = 2, .kernel = 3, .stride = 2}),
             pooled = graph.max_pool(b, 3, 2, 1);
  EXPECT_EQ(graph.geometry(b).field, 5 + 2 * 2);
  EXPECT_EQ(graph.geometry(pooled).field, 9 + 4 * 2);
  EXPECT_TRUE(std::isinf(graph.geometry(graph.multiply(b, graph.average_pool(b, 1))).field));
}

TEST(LayerTable, PublishedFields) {
  const auto field = [](const std::string& name, const std::string& map) {
    return Backbone(name)->feature_map(map).geometry.field;
  };
  // AlexNet's is in table 1 of Araujo et al. 2019, the others are sums of their windows.
  EXPECT_EQ(field("resnet18", "layer4"), 435);
  EXPECT_EQ(field("mobilenet_v2", "features.18"), 491);
  EXPECT_EQ(field("alexnet", "pool5"), 195);
}

TEST(LayerTable, RowsOfDilatedLayers) {
  const auto net = small(2);
  const auto rows = layer_rows(*net.graph, {net.last}, "body.");
  ASSERT_EQ(rows.size(), 5U);
  const std::vector<std::string> names = {"body.a", "body.max_pool", "body.b", "body.c", "body.d"};
  const std::vector<std::int64_t> dilations = {1, 1, 2, 4, 1}, channels = {4, 4, 6, 6, 6};
  const std::vector<double> fields = {5, 9, 17, 33, 9};
  for (std::size_t i = 0; i < rows.size(); ++i) {
    EXPECT_EQ(rows[i].name, names[i]);
    EXPECT_EQ(rows[i].dilation, dilations[i]) << names[i];
    EXPECT_EQ(rows[i].channels, channels[i]) << names[i];
    EXPECT_EQ(rows[i].geometry.field, fields[i]) << names[i];
    EXPECT_EQ(rows[i].geometry.stride, 2) << names[i];
  }
  const torch::nn::Conv2d convolution(
      torch::nn::Conv2dOptions(4, 7, 3).stride(2).padding(4).dilation(4));
  const auto row = layer_row("e", *convolution, {.stride = 8, .field = 100});
  EXPECT_EQ(row.geometry.field, 100 + 8 * 4 * 2);
  EXPECT_EQ(row.geometry.stride, 16);
  EXPECT_EQ(row.channels, 7);
}

}  // namespace layer_table_test
}  // namespace clew::nn
