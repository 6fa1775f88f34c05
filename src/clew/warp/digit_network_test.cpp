// SPDX-License-Identifier: Apache-2.0
#include "clew/warp/digit_network.h"

#include <gtest/gtest.h>
#include <torch/torch.h>

#include <array>
#include <vector>

#include "clew/core/error.h"
#include "clew/ops/autocast.h"
#include "clew/ops/linear.h"
#include "clew/ops/narrow_conv.h"
#include "clew/ops/precision.h"
#include "tests/support/expect_error.h"

namespace clew::warp {
namespace digit_network_test {

TEST(DigitNetwork, HasAsManyParametersAsAskedFor) {
  for (const std::string body : {"fcn", "cnn"}) {
    for (const std::string transform : {"none", "affine", "projective", "tps"}) {
      for (const std::string localiser : {"fc", "conv"}) {
        // Sides of images; of what a transformer gives: the same, as in warp/rts, as in warp/tc.
        for (const auto& [side, warp_size, pool] :
             {std::array{42, 0, 1}, {60, 0, 1}, {42, 56, 2}, {60, 72, 2}}) {
          const NetworkConfig config{.body = body,
                                     .transform = transform,
                                     .localiser = localiser,
                                     .warp_size = warp_size,
                                     .pool = pool};
          DigitNetwork network(config, DigitShape{.side = side});
          const auto total = static_cast<double>(parameter_total(*network));
          EXPECT_NEAR(total / 200'000, 1, 0.05)
              << body << transform << localiser << side << ' ' << warp_size;
        }
      }
    }
  }
}

TEST(DigitNetwork, ShapesAndGradients) {
  torch::manual_seed(1);
  for (const std::string body : {"fcn", "cnn"}) {
    for (const int transformers : {1, 2}) {
      NetworkConfig config{.body = body,
                           .transform = "tps",
                           .transformers = transformers,
                           .warp_size = 56,
                           .pool = 2,
                           .parameters = 400'000};
      DigitNetwork network(config, DigitShape{.channels = 2, .side = 42, .classes = 19});
      EXPECT_EQ(network->transformers().size(), static_cast<std::size_t>(transformers));
      const auto images = torch::rand({3, 2, 42, 42});
      EXPECT_EQ(network->warp(images).sizes(), torch::IntArrayRef({3, 2 * transformers, 28, 28}));
      const auto logits = network->forward(images);
      EXPECT_EQ(logits.sizes(), torch::IntArrayRef({3, 19}));
      logits.square().sum().backward();
      EXPECT_EQ(localiser_prefixes(*network).size(), static_cast<std::size_t>(transformers));
      int learning = 0;  // of each transformer only the last layer, whose weights are zero at first
      for (const auto& item : network->named_parameters()) {
        if (item.key().find("localiser.last") == std::string::npos) continue;
        EXPECT_GT(item.value().grad().abs().sum().item<double>(), 0) << item.key();
        ++learning;
      }
      EXPECT_EQ(learning, 2 * transformers);
    }
  }
}

TEST(DigitNetwork, InMixedPrecisionTheFirstLayerIsF32OnlyBehindATransformer) {
  if (!ops::has_bf16(ops::Products::kLibTorch)) GTEST_SKIP() << "no bf16 on this CPU";
  torch::manual_seed(2);
  for (const std::string transform : {"none", "affine"}) {
    DigitNetwork network(NetworkConfig{.transform = transform}, DigitShape{});
    const auto images = torch::rand({2, 1, 42, 42});
    const auto wanted = network->forward(images);
    const ops::Autocast autocast(ops::Precision::kBf16);
    const auto layers = network->activations(network->warp(images));
    EXPECT_EQ(layers[0].scalar_type(), transform == "none" ? torch::kBFloat16 : torch::kFloat32);
    EXPECT_TRUE(torch::allclose(layers.back().to(torch::kFloat32), wanted, 0.05, 0.02))
        << transform << '\n'
        << layers.back() << wanted;
  }
}

TEST(DigitNetwork, AtFirstATransformerChangesNothing) {
  NetworkConfig config{.transform = "projective"};
  DigitNetwork network(config, DigitShape{});
  const auto images = torch::rand({2, 1, 42, 42});
  EXPECT_TRUE(network->warp(images).equal(images));
}

TEST(DigitNetwork, WithoutATransformer) {
  NetworkConfig config{.transform = "none", .transformers = 2, .warp_size = 20, .pool = 2};
  DigitNetwork network(config, DigitShape{});
  EXPECT_TRUE(network->transformers().empty());
  const auto images = torch::rand({2, 1, 42, 42});
  EXPECT_TRUE(network->warp(images).equal(images));
}

TEST(Layers, GiveWhatEachLayerGivesInTurn) {
  torch::manual_seed(5);
  namespace nn = torch::nn;
  // Pooling with and without a ReLU behind it, and one that is not by two.
  Layers layers(nn::Conv2d(1, 20, 3), nn::MaxPool2d(2), nn::ReLU(), nn::Conv2d(20, 17, 3),
                nn::MaxPool2d(2), nn::MaxPool2d(nn::MaxPool2dOptions(3).stride(1)), nn::ReLU(),
                nn::Flatten(), nn::Linear(17 * 9, 3), nn::ReLU());
  const auto images = ops::channels_last(torch::randn({4, 1, 26, 26}));
  std::vector<torch::Tensor> wanted;
  torch::Tensor x = images;
  for (auto& layer : *layers) {
    // A linear layer adds in the order of our kernels, not in that of a BLAS.
    const auto* const linear = layer.ptr()->as<nn::Linear>();
    x = linear != nullptr ? ops::linear(x, linear->weight, linear->bias) : layer.forward(x);
    if (layer.ptr()->as<nn::ReLU>() != nullptr) wanted.push_back(x);
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

TEST(DigitNetwork, SaysWhatIsWrong) {
  expect_error<UsageError>(
      [] { DigitNetwork(NetworkConfig{.pool = 2}, DigitShape{}); },
      "the body (cnn) needs images of at least 24 pixels behind the pooling, got 21");
  expect_error<UsageError>([] { DigitNetwork(NetworkConfig{}, DigitShape{.side = 27}); },
                           "network.localiser = conv needs images of at least 28 pixels, got 27");
  expect_error<UsageError>(
      [] {
        DigitNetwork(NetworkConfig{.transform = "none", .parameters = 1000},
                     DigitShape{.side = 60});
      },
      "network.parameters = 1000 cannot be met within 5 %; the nearest that this network can have "
      "is "
      "1142");
  // Between two widths, far from both.
  expect_error<UsageError>(
      [] {
        DigitNetwork(NetworkConfig{.transform = "none", .parameters = 1800},
                     DigitShape{.side = 60});
      },
      "network.parameters = 1800 cannot be met within 5 %; the nearest that this network can have "
      "is "
      "2372");
}

}  // namespace digit_network_test
}  // namespace clew::warp
