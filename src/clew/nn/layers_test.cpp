// SPDX-License-Identifier: Apache-2.0
#include "clew/nn/layers.h"

#include <gtest/gtest.h>
#include <torch/torch.h>

#include <vector>

#include "clew/ops/linear.h"
#include "clew/ops/narrow_conv.h"

namespace clew::nn {
namespace layers_test {

TEST(Layers, GiveWhatEachLayerGivesInTurn) {
  torch::manual_seed(5);
  // Pooling with and without a ReLU behind it, and one that is not by two.
  Layers layers(torch::nn::Conv2d(1, 20, 3), torch::nn::MaxPool2d(2), torch::nn::ReLU(),
                torch::nn::Conv2d(20, 17, 3), torch::nn::MaxPool2d(2),
                torch::nn::MaxPool2d(torch::nn::MaxPool2dOptions(3).stride(1)), torch::nn::ReLU(),
                torch::nn::Flatten(), torch::nn::Linear(17 * 9, 3), torch::nn::ReLU());
  const auto images = ops::channels_last(torch::randn({4, 1, 26, 26}));
  std::vector<torch::Tensor> wanted;
  torch::Tensor x = images;
  for (auto& layer : *layers) {
    // A linear layer adds in the order of our kernels, not in that of a BLAS.
    const auto* const linear = layer.ptr()->as<torch::nn::Linear>();
    x = linear != nullptr ? ops::linear(x, linear->weight, linear->bias) : layer.forward(x);
    if (layer.ptr()->as<torch::nn::ReLU>() != nullptr) wanted.push_back(x);
  }
  std::vector<torch::Tensor> behind;
  EXPECT_TRUE(torch::equal(layers->forward(images, &behind), x));
  ASSERT_EQ(behind.size(), wanted.size());
  for (std::size_t i = 0; i < wanted.size(); ++i)
    EXPECT_TRUE(torch::equal(behind[i], wanted[i])) << i;
  const auto mine = torch::autograd::grad({layers->forward(images).sum()}, layers->parameters()),
             theirs = torch::autograd::grad({x.sum()}, layers->parameters());
  for (std::size_t i = 0; i < mine.size(); ++i) EXPECT_TRUE(torch::equal(mine[i], theirs[i])) << i;
}

TEST(ParameterTotal, ByHand) {
  // 3 x 2 weights, 2 biases; 2 x 4 weights of 1 x 1, no bias.
  Layers layers(torch::nn::Linear(3, 2), torch::nn::ReLU(),
                torch::nn::Conv2d(torch::nn::Conv2dOptions(2, 4, 1).bias(false)));
  EXPECT_EQ(parameter_total(*layers), 16);
  EXPECT_EQ(parameter_total(*torch::nn::ReLU()), 0);
}

}  // namespace layers_test
}  // namespace clew::nn
