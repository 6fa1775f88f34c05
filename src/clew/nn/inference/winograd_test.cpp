// SPDX-License-Identifier: Apache-2.0
#include "clew/nn/inference/winograd.h"

#include <gtest/gtest.h>
#include <torch/torch.h>

#include <limits>
#include <vector>

namespace clew::nn {
namespace winograd_test {

using torch::Tensor;

/// [B,C,H,W] -> [B,C/block,H,W,block], and the reverse.
Tensor blocked(const Tensor& map, std::int64_t block) {
  return map.view({map.size(0), map.size(1) / block, block, map.size(2), map.size(3)})
      .permute({0, 1, 3, 4, 2})
      .contiguous();
}
Tensor plain(const Tensor& map) {
  return map.permute({0, 1, 4, 2, 3})
      .reshape({map.size(0), map.size(1) * map.size(4), map.size(2), map.size(3)});
}

/// y holds the addend.
void convolve(const WinogradShape& shape, const Tensor& x, const Tensor& weight, const Tensor& bias,
              bool has_addend, Tensor& y) {
  const auto weights = winograd_weight(weight);
  const auto strip = shape.strip();
  const auto parts = [&](std::int64_t channels) {
    return torch::empty({kWinogradParts * shape.part_stride(channels)});
  };
  const auto input = parts(shape.in), products = parts(shape.out);
  // A part is [channels / block, strip, block].
  const auto matrix = [&](const Tensor& all, std::int64_t k, std::int64_t channels) {
    return all.narrow(0, k * shape.part_stride(channels), channels * strip)
        .view({channels / shape.block, strip, shape.block});
  };
  for (std::int64_t first = 0; first < shape.tiles(); first += strip) {
    winograd_input(shape, x.data_ptr<float>(), first, input.data_ptr<float>());
    for (std::int64_t k = 0; k < kWinogradParts; ++k) {
      const auto values = matrix(input, k, shape.in).permute({0, 2, 1}).reshape({shape.in, strip});
      const auto product = torch::matmul(weights[k], values);
      matrix(products, k, shape.out)
          .copy_(product.view({shape.out / shape.block, shape.block, strip}).permute({0, 2, 1}));
    }
    winograd_output(shape, products.data_ptr<float>(), first,
                    {.bias = bias.data_ptr<float>(),
                     .has_addend = has_addend,
                     .low = 0,
                     .high = std::numeric_limits<float>::infinity()},
                    y.data_ptr<float>());
  }
}

TEST(Winograd, IsTheConvolution) {
  torch::manual_seed(1);
  const torch::NoGradGuard no_grad;
  const std::vector<WinogradShape> shapes = {
      {.images = 1, .in = 16, .out = 32, .height = 8, .width = 12, .block = 8},
      {.images = 2, .in = 32, .out = 16, .height = 7, .width = 13, .block = 16},
      {.images = 3, .in = 8, .out = 8, .height = 1, .width = 3, .block = 8},
      {.images = 1, .in = 16, .out = 16, .height = 21, .width = 10, .dilation = 2, .block = 8},
      {.images = 2, .in = 16, .out = 16, .height = 5, .width = 11, .dilation = 6, .block = 16},
      {.images = 2, .in = 8, .out = 8, .height = 61, .width = 70, .dilation = 3, .block = 8}};
  for (const auto& shape : shapes) {
    const auto x = torch::randn({shape.images, shape.in, shape.height, shape.width}),
               addend = torch::randn({shape.images, shape.out, shape.height, shape.width}),
               weight = torch::randn({shape.out, shape.in, 3, 3}), bias = torch::randn({shape.out});
    const auto sums = torch::conv2d(x.to(torch::kFloat64), weight.to(torch::kFloat64),
                                    bias.to(torch::kFloat64), 1, shape.dilation, shape.dilation);
    for (const bool has_addend : {false, true}) {
      auto y = blocked(addend, shape.block);
      convolve(shape, blocked(x, shape.block), weight, bias, has_addend, y);
      const auto wanted = torch::relu(has_addend ? sums + addend : sums);
      EXPECT_LT(((plain(y) - wanted).abs().max() / sums.abs().max()).item<double>(), 4e-6)
          << shape.height << " x " << shape.width << " dilated by " << shape.dilation;
    }
  }
}

TEST(Winograd, PaysOnLargeMapsOfManyChannels) {
  EXPECT_TRUE(winograd_pays({.in = 256, .out = 256, .height = 50, .width = 67}, 1, 72));
  EXPECT_TRUE(winograd_pays({.in = 2048, .out = 512, .height = 60, .width = 80}, 2, 72));
  EXPECT_FALSE(winograd_pays({.in = 512, .out = 512, .height = 7, .width = 7}, 1, 72));
  // Grids of 2 x 3 elements fill an eighth of their tiles.
  EXPECT_FALSE(
      winograd_pays({.in = 2048, .out = 256, .height = 60, .width = 80, .dilation = 36}, 1, 72));
}

}  // namespace winograd_test
}  // namespace clew::nn
