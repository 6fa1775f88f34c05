// SPDX-License-Identifier: Apache-2.0
#include "clew/nn/bilinear.h"

#include <gtest/gtest.h>
#include <torch/torch.h>

#include <vector>

#include "clew/core/error.h"
#include "tests/support/expect_error.h"

namespace clew::nn {
namespace bilinear_test {

struct Step {
  MapGeometry coarse, fine;
};
/// Of VGG-16, ResNets and EfficientNet-Lite0: half elements, the same first centre, a whole element apart.
const std::vector<Step> kSteps = {
    {{32, 15.5}, {16, 7.5}}, {{32, 0}, {16, 0}}, {{32, 31}, {16, 15}}, {{32, 15.5}, {1, 0}},
    {{16, 7.5}, {1, 0}},     {{8, 3.5}, {1, 0}}, {{32, 0}, {1, 0}},    {{8, 0}, {1, 0}},
    {{32, 31}, {1, 0}},      {{8, 7}, {1, 0}},
};

/// Coordinates of the elements of a map, [1,1,count,1].
torch::Tensor centres(const MapGeometry& map, std::int64_t count) {
  return (torch::arange(count, torch::kFloat32) * map.stride + map.offset).view({1, 1, count, 1});
}

torch::Tensor in_onnx(const torch::Tensor& x, const Step& step) {
  OnnxGraph graph("g");
  const auto input = graph.input("x", torch::kFloat, {kOnnxBatch, x.size(1), kOnnxFree, kOnnxFree});
  graph.output("y", onnx_upsample_bilinear(graph, input, step.coarse, step.fine));
  EXPECT_FALSE(graph.finish().empty());
  return graph.run({x})[0];
}

TEST(Bilinear, TapsByHand) {
  const auto even = bilinear_taps({32, 15.5}, {16, 7.5});
  EXPECT_EQ(even.kernel, (std::vector<double>{0.25, 0.75, 0.75, 0.25}));
  EXPECT_EQ(std::vector<std::int64_t>({even.factor, even.first, even.before, even.after}),
            std::vector<std::int64_t>({2, -1, 1, 1}));
  const auto odd = bilinear_taps({32, 0}, {16, 0});
  EXPECT_EQ(odd.kernel, (std::vector<double>{0.5, 1, 0.5}));
  EXPECT_EQ(std::vector<std::int64_t>({odd.factor, odd.first, odd.before, odd.after}),
            std::vector<std::int64_t>({2, -1, 0, 1}));
}

TEST(Bilinear, EachElementGetsTheValueAtItsCentre) {
  for (const auto& step : kSteps) {
    const auto x = centres(step.coarse, 5).expand({1, 1, 5, 3}).contiguous();
    const auto factor = bilinear_taps(step.coarse, step.fine).factor;
    // Beyond the outermost centres the value is theirs.
    const auto wanted = centres(step.fine, 5 * factor)
                            .clamp(x[0][0][0][0].item<float>(), x[0][0][4][0].item<float>())
                            .expand({1, 1, 5 * factor, 3 * factor});
    for (const auto& got : {upsample_bilinear(x, step.coarse, step.fine), in_onnx(x, step)}) {
      ASSERT_EQ(got.sizes(), wanted.sizes());
      EXPECT_LT((got - wanted).abs().max().item<double>(), 1e-3)
          << step.coarse.stride << ' ' << step.coarse.offset << ' ' << step.fine.stride;
    }
  }
}

TEST(Bilinear, TheLearnedOneBeginsAsTheFixedOne) {
  torch::manual_seed(1);
  const auto x = torch::randn({2, 3, 4, 1});
  for (const auto& step : kSteps) {
    if (step.fine.stride == 1) continue;
    const Upsampling up(3, step.coarse, step.fine);
    EXPECT_TRUE(
        torch::allclose(up->forward(x), upsample_bilinear(x, step.coarse, step.fine), 1e-4, 1e-5));
    OnnxGraph graph("g");
    const auto input = graph.input("x", torch::kFloat, {kOnnxBatch, 3, kOnnxFree, kOnnxFree});
    graph.output("y", onnx_child(graph, "up", *up, input));
    EXPECT_TRUE(torch::allclose(graph.run({x})[0], up->forward(x), 1e-4, 1e-5));
  }
}

TEST(Bilinear, BlocksOfStridesComeBackUnmoved) {
  const auto blocks = torch::tensor({0, 1, 2, 3, 4, 5, 6, 7, 8}).view({3, 3});
  const auto scores = torch::one_hot(blocks, 9).permute({2, 0, 1}).unsqueeze(0).to(torch::kFloat);
  const auto classes = upsample_bilinear(scores, {32, 15.5}, {1, 0}).argmax(1)[0];
  EXPECT_TRUE(classes.equal(blocks.repeat_interleave(32, 0).repeat_interleave(32, 1)));
}

TEST(Bilinear, WhatCannotBe) {
  expect_error(
      [] {
        (void)bilinear_taps({32, 0}, {12, 0});
      },
      "a map is upsampled by a whole factor, got strides of 32 and 12");
  expect_error(
      [] {
        (void)upsample_bilinear(torch::ones({1, 2, 0, 3}), {2, 0}, {1, 0});
      },
      "a map must be [B,C,h,w] with elements, got [1, 2, 0, 3]");
  expect_error(
      [] {
        (void)upsample_bilinear(torch::ones({1, 2, 3, 3}), {2, 0.25}, {1, 0});
      },
      "a map of stride 2 must begin at a whole or half element of the fine one, got 0.25");
}

}  // namespace bilinear_test
}  // namespace clew::nn
