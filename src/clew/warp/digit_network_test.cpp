// SPDX-License-Identifier: Apache-2.0
#include "clew/warp/digit_network.h"

#include <gtest/gtest.h>
#include <torch/torch.h>

#include <array>
#include <vector>

#include "clew/core/error.h"
#include "clew/ops/autocast.h"
#include "clew/ops/precision.h"
#include "tests/support/expect_error.h"

namespace clew::warp {
namespace digit_network_test {

TEST(DigitNetwork, HasAsManyParametersAsAskedFor) {
  for (const auto body : {BodyKind::kFcn, BodyKind::kCnn}) {
    for (const auto& transform : std::vector<std::optional<TransformKind>>{
             {}, TransformKind::kAffine, TransformKind::kProjective, TransformKind::kThinPlate}) {
      for (const auto localiser : {LocaliserKind::kFc, LocaliserKind::kConv}) {
        // Sides of images; of what a transformer gives: the same, as in warp/rts, as in warp/tc.
        for (const auto& [side, warp_size, pool] :
             {std::array{42, 0, 1}, {60, 0, 1}, {42, 56, 2}, {60, 72, 2}}) {
          const NetworkConfig config{.body = body,
                                     .transform = transform,
                                     .localiser = localiser,
                                     .warp_size = warp_size,
                                     .pool = pool};
          DigitNetwork network(config, DigitShape{.side = side});
          const auto total = static_cast<double>(nn::parameter_total(*network));
          EXPECT_NEAR(total / 200'000, 1, 0.05) << dump_toml(config) << side;
        }
      }
    }
  }
}

TEST(DigitNetwork, ShapesAndGradients) {
  torch::manual_seed(1);
  for (const auto body : {BodyKind::kFcn, BodyKind::kCnn}) {
    for (const int transformers : {1, 2}) {
      NetworkConfig config{.body = body,
                           .transform = TransformKind::kThinPlate,
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
  for (const auto& transform :
       std::vector<std::optional<TransformKind>>{{}, TransformKind::kAffine}) {
    DigitNetwork network(NetworkConfig{.transform = transform}, DigitShape{});
    const auto images = torch::rand({2, 1, 42, 42});
    const auto wanted = network->forward(images);
    const ops::Autocast autocast(ops::Precision::kBf16);
    const auto layers = network->activations(network->warp(images));
    EXPECT_EQ(layers[0].scalar_type(), transform ? torch::kFloat32 : torch::kBFloat16);
    EXPECT_TRUE(torch::allclose(layers.back().to(torch::kFloat32), wanted, 0.05, 0.02))
        << transform.has_value() << '\n'
        << layers.back() << wanted;
  }
}

TEST(DigitNetwork, AtFirstATransformerChangesNothing) {
  NetworkConfig config{.transform = TransformKind::kProjective};
  DigitNetwork network(config, DigitShape{});
  const auto images = torch::rand({2, 1, 42, 42});
  EXPECT_TRUE(network->warp(images).equal(images));
}

TEST(DigitNetwork, WithoutATransformer) {
  NetworkConfig config{.transform = {}, .transformers = 2, .warp_size = 20, .pool = 2};
  DigitNetwork network(config, DigitShape{});
  EXPECT_TRUE(network->transformers().empty());
  const auto images = torch::rand({2, 1, 42, 42});
  EXPECT_TRUE(network->warp(images).equal(images));
}

TEST(DigitNetwork, SaysWhatIsWrong) {
  expect_error<UsageError>(
      [] { DigitNetwork(NetworkConfig{.pool = 2}, DigitShape{}); },
      "the body (cnn) needs images of at least 24 pixels behind the pooling, got 21");
  expect_error<UsageError>([] { DigitNetwork(NetworkConfig{}, DigitShape{.side = 27}); },
                           "network.localiser = conv needs images of at least 28 pixels, got 27");
  expect_error<UsageError>(
      [] {
        DigitNetwork(NetworkConfig{.transform = {}, .parameters = 1000}, DigitShape{.side = 60});
      },
      "network.parameters = 1000 cannot be met within 5 %; the nearest that this network can have "
      "is "
      "1142");
  // Between two widths, far from both.
  expect_error<UsageError>(
      [] {
        DigitNetwork(NetworkConfig{.transform = {}, .parameters = 1800}, DigitShape{.side = 60});
      },
      "network.parameters = 1800 cannot be met within 5 %; the nearest that this network can have "
      "is "
      "2372");
}

}  // namespace digit_network_test
}  // namespace clew::warp
