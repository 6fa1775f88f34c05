// SPDX-License-Identifier: Apache-2.0
#include "clew/warp/spatial_transformer.h"

#include <gtest/gtest.h>
#include <torch/torch.h>

#include <string>
#include <vector>

#include "clew/ops/autocast.h"
#include "clew/ops/precision.h"
#include "tests/support/expect_error.h"

namespace clew::warp {
namespace spatial_transformer_test {

using torch::Tensor;
namespace nn = torch::nn;

nn::Sequential small_net(std::int64_t in) {
  return nn::Sequential(nn::Flatten(), nn::Linear(in, 16), nn::ReLU());
}

class SpatialTransformerTest : public testing::Test {
 protected:
  void SetUp() override { torch::manual_seed(11); }
};

TEST_F(SpatialTransformerTest, BeginsAsTheIdentityBitForBit) {
  const Tensor images = torch::randn({3, 2, 14, 15});
  for (const auto& [kind, name] : names(TransformKind{})) {
    for (const bool corners : {false, true}) {
      SpatialTransformer st(
          small_net(2 * 14 * 15),
          SpatialTransformerOptions{
              .transform = kind, .features = 16, .sample = {.align_corners = corners}});
      EXPECT_FALSE(st->last_grid().defined());
      EXPECT_TRUE(torch::equal(st->forward(images), images)) << name;
      EXPECT_TRUE(torch::equal(st->last_grid(),
                               ops::identity_grid({14, 15}, corners).expand({3, 14, 15, 2})))
          << name;
      EXPECT_EQ(st->last_parameters().sizes(),
                (std::vector<std::int64_t>{3, parameter_count(kind)}));
      EXPECT_FALSE(st->last_parameters().requires_grad());
    }
  }
}

TEST_F(SpatialTransformerTest, EveryParameterHasAPrefixAndGetsAGradient) {
  struct Net : nn::Module {
    Net() {
      first = register_module("first", make());
      second = register_module("second", make());
      head = register_module("head", nn::Linear(2 * 36, 3));
    }
    static SpatialTransformer make() {
      return SpatialTransformer(small_net(64),
                                SpatialTransformerOptions{.features = 16, .output_size = {6, 6}});
    }
    SpatialTransformer first{nullptr}, second{nullptr};
    nn::Linear head{nullptr};
  };
  auto net = std::make_shared<Net>();
  EXPECT_EQ(localiser_prefixes(*net),
            (std::vector<std::string>{"first.localiser.", "second.localiser."}));
  EXPECT_EQ(localiser_prefixes(*net->first), std::vector<std::string>{"localiser."});

  const Tensor images = torch::randn({4, 1, 8, 8});
  // One step away from zero weights of the last layers, so that the localisers see a gradient.
  const auto loss = [&] {
    const Tensor both = torch::cat({net->first->forward(images), net->second->forward(images)}, 1);
    return net->head->forward(both.flatten(1)).square().sum();
  };
  torch::optim::SGD sgd(net->parameters(), 1e-2);
  for (int step = 0; step < 2; ++step) {
    sgd.zero_grad();
    loss().backward();
    sgd.step();
  }
  int localised = 0;
  for (const auto& p : net->named_parameters()) {
    ASSERT_TRUE(p.value().grad().defined()) << p.key();
    EXPECT_GT(p.value().grad().abs().sum().item<double>(), 0) << p.key();
    for (const auto& prefix : localiser_prefixes(*net)) localised += p.key().starts_with(prefix);
  }
  EXPECT_EQ(localised, 8);
  EXPECT_EQ(net->named_parameters().size(), 10U);
}

// A blob must be centred, which only the transformer can do.
TEST_F(SpatialTransformerTest, LearnsToCentreABlob) {
  const auto blobs = [](const Tensor& centres) {  // [B,2] in places -> [B,1,20,20]
    const Tensor places = ops::identity_grid({20, 20}, false).unsqueeze(0);
    const Tensor away = (places - centres.view({-1, 1, 1, 2})).square().sum(3);
    return torch::exp(-away / 0.08).unsqueeze(1);
  };
  SpatialTransformer st(
      small_net(400),
      SpatialTransformerOptions{.transform = TransformKind::kTranslation, .features = 16});
  const Tensor wanted = blobs(torch::zeros({1, 2}));
  torch::optim::Adam adam(st->parameters(), 3e-3);
  double first = 0, last = 0;
  for (int step = 0; step < 300; ++step) {
    const Tensor loss = (st->forward(blobs(torch::rand({32, 2}) - 0.5)) - wanted).square().mean();
    adam.zero_grad();
    loss.backward();
    adam.step();
    (step == 0 ? first : last) = loss.item<double>();
  }
  EXPECT_LT(last, 0.1 * first);
}

// After a convolution in mixed precision its images are bf16.
TEST_F(SpatialTransformerTest, StandsAnywhereInANetworkInMixedPrecision) {
  for (const auto& [kind, name] : names(TransformKind{})) {
    nn::Conv2d before(nn::Conv2dOptions(1, 4, 3)), after(nn::Conv2dOptions(4, 2, 3));
    SpatialTransformer st(
        small_net(4 * 10 * 10),
        SpatialTransformerOptions{.transform = kind, .features = 16, .output_size = {8, 8}});
    const Tensor images = torch::randn({3, 1, 12, 12});
    torch::optim::SGD sgd(st->parameters(), 1e-2);
    const auto type = ops::has_bf16(ops::Products::kLibTorch) ? torch::kBFloat16 : torch::kFloat32;
    for (int step = 0; step < 2; ++step) {
      Tensor out;
      {
        const ops::Autocast autocast(ops::Precision::kBf16);
        const Tensor features = before->forward(images);
        ASSERT_EQ(features.scalar_type(), type);
        const Tensor warped = st->forward(features);
        EXPECT_EQ(warped.scalar_type(), type) << name;
        EXPECT_EQ(st->last_parameters().scalar_type(), torch::kFloat32) << name;
        out = after->forward(warped);
      }
      sgd.zero_grad();
      out.to(torch::kFloat32).square().sum().backward();
      sgd.step();
    }
    for (const auto& p : st->named_parameters())
      EXPECT_GT(p.value().grad().abs().sum().item<double>(), 0) << name << " " << p.key();
    EXPECT_GT(before->weight.grad().abs().sum().item<double>(), 0) << name;
  }
}

TEST_F(SpatialTransformerTest, InitialParametersSizesAndOtherImages) {
  SpatialTransformer st(small_net(64),
                        SpatialTransformerOptions{.transform = TransformKind::kAttention,
                                                  .features = 16,
                                                  .output_size = {4, 5},
                                                  .initial = {0.5, 0.25, -0.25}});
  const Tensor images = torch::rand({2, 1, 8, 8});
  EXPECT_EQ(st->forward(images).sizes(), (std::vector<std::int64_t>{2, 1, 4, 5}));
  EXPECT_TRUE(torch::equal(st->last_parameters()[1], torch::tensor({0.5F, 0.25F, -0.25F})));
  // Located on one channel, applied to three of another size.
  const Tensor colour = torch::rand({2, 3, 20, 30});
  EXPECT_EQ(st->warp(colour, st->locate(images)).sizes(), (std::vector<std::int64_t>{2, 3, 4, 5}));
}

TEST_F(SpatialTransformerTest, SaysWhatIsWrong) {
  const auto make = [](const SpatialTransformerOptions& o) {
    SpatialTransformer st(small_net(64), o);
  };
  expect_error([&] { make({}); }, "features must be at least 1, got 0 (SpatialTransformer)");
  expect_error(
      [&] {
        make({.features = 16, .output_size = {3, 0}});
      },
      "output_size must be {} or at least 1x1, got 3x0 (SpatialTransformer)");
  expect_error(
      [&] {
        make({.features = 16, .initial = {1, 0}});
      },
      "initial must have 6 numbers for 'affine', got 2 (SpatialTransformer)");
  SpatialTransformer st(small_net(64), SpatialTransformerOptions{.features = 12});
  expect_error([&] { st->forward(torch::zeros({64})); },
               "images must be [B,C,H,W], got [64] (SpatialTransformer)");
  expect_error(
      [&] {
        st->forward(torch::zeros({2, 1, 8, 8}));
      },
      "the localisation network must give 12 numbers for an image, got 16 for images "
      "[2, 1, 8, 8] (SpatialTransformer)");
}

}  // namespace spatial_transformer_test
}  // namespace clew::warp
