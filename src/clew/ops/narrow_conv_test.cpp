// SPDX-License-Identifier: Apache-2.0
#include "clew/ops/narrow_conv.h"

#include <gtest/gtest.h>
#include <torch/torch.h>

#include <array>
#include <vector>

#include "clew/core/error.h"

namespace clew::ops {
namespace narrow_conv_test {

using torch::Tensor;
// Batch, channels, height, width, outputs, rows and columns of the kernel.
using Sizes = std::array<std::int64_t, 7>;

struct Layer {
  Layer(const Sizes& s, torch::Dtype type)
      : images(torch::randn({s[0], s[1], s[2], s[3]}, type).requires_grad_()),
        weight(torch::randn({s[4], s[1], s[5], s[6]}, type).requires_grad_()),
        bias(torch::randn({s[4]}, type).requires_grad_()) {}
  std::vector<Tensor> inputs() const { return {images, weight, bias}; }
  Tensor images, weight, bias;
};

const std::vector<Sizes> kSizes{{1, 1, 1, 1, 1, 1, 1},    {4, 1, 28, 28, 60, 9, 9},
                                {3, 2, 42, 42, 17, 9, 9}, {2, 3, 11, 20, 8, 7, 4},
                                {2, 8, 9, 7, 5, 3, 7},    {2, 1, 5, 6, 3, 5, 6}};

TEST(NarrowConvTest, AgreesWithLibTorch) {
  torch::manual_seed(1);
  for (const auto& sizes : kSizes) {
    const Layer layer(sizes, torch::kFloat64);
    const auto wanted = torch::conv2d(layer.images, layer.weight, layer.bias);
    const auto got = narrow_conv2d(layer.images, layer.weight, layer.bias);
    ASSERT_TRUE(torch::allclose(got, wanted, 1e-12, 1e-12));
    const auto up = torch::randn_like(wanted);
    const auto wanted_gradients = torch::autograd::grad({wanted}, layer.inputs(), {up}),
               gradients = torch::autograd::grad({got}, layer.inputs(), {up});
    for (std::size_t i = 0; i < gradients.size(); ++i)
      EXPECT_TRUE(torch::allclose(gradients[i], wanted_gradients[i], 1e-11, 1e-11)) << i;
  }
}

TEST(NarrowConvTest, InF32ItRoundsAsLibTorchDoes) {
  torch::manual_seed(2);
  for (const auto& sizes : kSizes) {
    const Layer layer(sizes, torch::kFloat32), exact(sizes, torch::kFloat64);
    const torch::NoGradGuard no_grad;
    for (std::size_t i = 0; i < 3; ++i) exact.inputs()[i].copy_(layer.inputs()[i]);
    const torch::AutoGradMode grad(true);
    const auto exact_out = torch::conv2d(exact.images, exact.weight, exact.bias);
    const auto up = torch::randn(exact_out.sizes());
    const auto gradients = [&](const Layer& of, const Tensor& out) {
      return torch::autograd::grad({out}, of.inputs(), {up.to(out.scalar_type())});
    };
    const auto wanted = gradients(exact, exact_out),
               got = gradients(layer, narrow_conv2d(layer.images, layer.weight, layer.bias)),
               peer = gradients(layer, torch::conv2d(layer.images, layer.weight, layer.bias));
    for (std::size_t i = 0; i < got.size(); ++i) {
      const auto error = [&](const Tensor& gradient) {
        return ((gradient - wanted[i]).norm() / wanted[i].norm()).item<double>();
      };
      EXPECT_LT(error(got[i]), 2 * error(peer[i]) + 1e-7) << i;
    }
  }
}

TEST(NarrowConvTest, TheResultHasItsChannelsLast) {
  for (const std::int64_t channels : {1, 3}) {
    const auto out = narrow_conv2d(torch::randn({2, channels, 8, 8}),
                                   torch::randn({4, channels, 3, 3}), torch::zeros({4}));
    EXPECT_TRUE(out.is_contiguous(torch::MemoryFormat::ChannelsLast));
  }
}

TEST(ChannelsLastTest, TheSameImagesInTheOtherLayoutAlsoWhereThereIsOneChannel) {
  for (const std::int64_t channels : {1, 3}) {
    const auto images = torch::rand({2, channels, 4, 5}).requires_grad_();
    const auto last = channels_last(images);
    EXPECT_EQ(last.strides(), torch::IntArrayRef({20 * channels, 1, 5 * channels, channels}));
    EXPECT_TRUE(torch::equal(last, images));
    const auto up = torch::rand_like(images);
    EXPECT_TRUE(torch::equal(torch::autograd::grad({last}, {images}, {up})[0], up));
  }
  // One channel is the same memory.
  const auto image = torch::rand({2, 1, 4, 5});
  EXPECT_EQ(channels_last(image).data_ptr(), image.data_ptr());
}

TEST(NarrowConvTest, TakesImagesInAnyLayout) {
  torch::manual_seed(3);
  const auto wide = torch::randn({2, 10, 2, 12});
  const auto images = wide.permute({0, 2, 3, 1});  // [2,2,12,10], not dense in its own order
  const auto weight = torch::randn({4, 2, 3, 5}), bias = torch::randn({4});
  EXPECT_TRUE(torch::allclose(narrow_conv2d(images, weight, bias),
                              torch::conv2d(images, weight, bias), 1e-5, 1e-5));
}

TEST(NarrowConvTest, HasASecondDerivative) {
  torch::manual_seed(4);
  const Layer layer({2, 2, 6, 5, 3, 3, 2}, torch::kFloat64);
  const auto of = [&](const Tensor& out) {
    const auto first = torch::autograd::grad({out.square().sum()}, layer.inputs(), {},
                                             /*retain_graph=*/true, /*create_graph=*/true);
    return torch::autograd::grad({(first[0].square().sum() + first[1].square().sum())},
                                 layer.inputs());
  };
  const auto got = of(narrow_conv2d(layer.images, layer.weight, layer.bias)),
             wanted = of(torch::conv2d(layer.images, layer.weight, layer.bias));
  for (std::size_t i = 0; i < got.size(); ++i)
    EXPECT_TRUE(torch::allclose(got[i], wanted[i], 1e-9, 1e-9)) << i;
}

TEST(NarrowConvTest, RefusesOtherShapes) {
  EXPECT_THROW(
      narrow_conv2d(torch::zeros({2, 8, 8}), torch::zeros({4, 2, 3, 3}), torch::zeros({4})), Error);
}

}  // namespace narrow_conv_test
}  // namespace clew::ops
