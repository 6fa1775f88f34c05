// SPDX-License-Identifier: Apache-2.0
#include "clew/ops/encoder.h"

#include <gtest/gtest.h>
#include <hwy/targets.h>
#include <torch/torch.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <string>
#include <thread>
#include <vector>

#include "clew/ops/kernels.h"
#include "tests/support/expect_error.h"

namespace clew::ops {
namespace encoder_test {

using torch::Tensor;

std::vector<Tensor> list(const EncoderWeights& w) {
  return {w.conv1_weight, w.conv1_bias, w.conv2_weight, w.conv2_bias, w.fc_weight, w.fc_bias};
}

// The navigator's encoder with weights of the size PyTorch would give them.
EncoderWeights navigator_weights(std::int64_t channels = 3, std::int64_t features = 256) {
  const auto uniform = [](torch::IntArrayRef shape, double fan_in) {
    return ((torch::rand(shape) * 2 - 1) / std::sqrt(fan_in)).requires_grad_();
  };
  const double k1 = 64.0 * static_cast<double>(channels);
  return {.conv1_weight = uniform({16, channels, 8, 8}, k1),
          .conv1_bias = uniform({16}, k1),
          .conv2_weight = uniform({32, 16, 4, 4}, 256),
          .conv2_bias = uniform({32}, 256),
          .fc_weight = uniform({features, 2592}, 2592),
          .fc_bias = uniform({features}, 2592)};
}

// The same function written with LibTorch's operators only.
Tensor plain(const Tensor& frames, const EncoderWeights& w, int stride1 = 4, int stride2 = 2) {
  Tensor x = frames.to(w.conv1_weight.scalar_type()) / 255.0;
  x = torch::relu(torch::conv2d(x, w.conv1_weight, w.conv1_bias, stride1));
  x = torch::relu(torch::conv2d(x, w.conv2_weight, w.conv2_bias, stride2));
  return torch::relu(torch::linear(x.flatten(1), w.fc_weight, w.fc_bias));
}

double relative_error(const Tensor& got, const Tensor& wanted) {
  return ((got - wanted).norm() / (wanted.norm() + 1e-30)).item<double>();
}
double cosine(const Tensor& a, const Tensor& b) {
  return ((a * b).sum() / (a.norm() * b.norm() + 1e-30)).item<double>();
}

// Images that differ from each other as rendered ones do, unlike noise, which a convolution
// averages away.
Tensor blocks(std::int64_t n) {
  return torch::randint(0, 256, {n, 3, 12, 12}, torch::kUInt8)
      .repeat_interleave(7, 2)
      .repeat_interleave(7, 3);
}

// Lets only these instruction sets be used; 0: all again.
void use_targets(std::int64_t targets) {
  hwy::SetSupportedTargetsForTest(targets);
  hwy::GetChosenTarget().Update(hwy::SupportedTargets());
}

class EncoderTest : public testing::Test {
 protected:
  void SetUp() override { torch::manual_seed(1); }
};

TEST_F(EncoderTest, AgreesWithLibTorchInF32) {
  for (const int n : {1, 2, 3, 17, 64}) {
    const EncoderWeights w = navigator_weights();
    const Tensor frames = torch::randint(0, 256, {n, 3, 84, 84}, torch::kUInt8);
    const Tensor upstream = torch::randn({n, 256});
    const Tensor wanted = plain(frames, w);
    const std::vector<Tensor> wanted_grads = torch::autograd::grad({wanted}, list(w), {upstream});
    const Tensor got = conv_encoder(frames, w);
    const std::vector<Tensor> got_grads = torch::autograd::grad({got}, list(w), {upstream});
    ASSERT_EQ(got.sizes(), wanted.sizes());
    // Sums of up to 2592 products in another order: a few units in the last place of f32 (6e-8)
    // each. A ReLU at almost exactly zero may fall on the other side, which moves single entries,
    // not norms.
    EXPECT_LT(relative_error(got, wanted), 2e-6) << n;
    for (std::size_t i = 0; i < got_grads.size(); ++i) {
      ASSERT_EQ(got_grads[i].sizes(), wanted_grads[i].sizes());
      EXPECT_LT(relative_error(got_grads[i], wanted_grads[i]), 2e-5) << n << " weight " << i;
      EXPECT_GT(got_grads[i].norm().item<double>(), 0) << n << " weight " << i;
    }
  }
}

TEST_F(EncoderTest, Bf16PointsWhereF32Points) {
  const EncoderWeights w = navigator_weights();
  const Tensor frames = blocks(32);
  const Tensor upstream = torch::randn({32, 256});
  const Tensor wanted = plain(frames, w);
  const std::vector<Tensor> wanted_grads = torch::autograd::grad({wanted}, list(w), {upstream});
  const Tensor got = conv_encoder(frames, w, {.precision = Precision::kBf16});
  const std::vector<Tensor> got_grads = torch::autograd::grad({got}, list(w), {upstream});
  // bf16 keeps 8 bits: 0.2 % rms a factor, averaged over long sums. What is left are units near
  // zero that flip on or off: some 0.4 % of each layer, and their gradients with them. The test
  // below shows that nothing else is lost.
  EXPECT_LT(relative_error(got, wanted), 1e-2);
  for (std::size_t i = 0; i < got_grads.size(); ++i) {
    EXPECT_GT(cosine(got_grads[i], wanted_grads[i]), i < 2 ? 0.997 : 0.999) << "weight " << i;
    EXPECT_NEAR((got_grads[i].norm() / wanted_grads[i].norm()).item<double>(), 1.0, 0.03)
        << "weight " << i;
  }
}

// The same rounding written with LibTorch's operators: operands of every product in bf16, all else
// f32.
TEST_F(EncoderTest, Bf16RoundsOnlyTheOperandsOfProducts) {
  if (kernels(Precision::kBf16) == nullptr || kernels(Precision::kBf16)->pack != 2)
    GTEST_SKIP() << "this CPU multiplies no bf16, so kBf16 means f32 (tested above)";
  const auto round = [](const Tensor& x) { return x.to(torch::kBFloat16).to(torch::kFloat32); };
  const auto rounded = [&](const Tensor& x) { return x + (round(x) - x).detach(); };
  const auto rounds_gradient = [&](Tensor x) {
    x.register_hook([&](const Tensor& g) { return round(g); });
    return x;
  };
  for (const int n : {1, 6, 7}) {
    const EncoderWeights w = navigator_weights();
    const Tensor frames = torch::randint(0, 256, {n, 3, 84, 84}, torch::kUInt8);
    const Tensor upstream = torch::randn({n, 256});
    Tensor x = frames.to(torch::kFloat32);
    x = rounds_gradient(
        torch::conv2d(x, rounded(w.conv1_weight * (1.0F / 255.0F)), w.conv1_bias, 4));
    x = rounded(torch::relu(x));
    x = rounded(
        torch::relu(rounds_gradient(torch::conv2d(x, rounded(w.conv2_weight), w.conv2_bias, 2))));
    const Tensor wanted =
        torch::relu(rounds_gradient(torch::linear(x.flatten(1), rounded(w.fc_weight), w.fc_bias)));
    const Tensor got = conv_encoder(frames, w, {.precision = Precision::kBf16});
    // Sums in another order move a few of the rounded activations to the neighbouring bf16.
    EXPECT_LT(relative_error(got, wanted), 1e-4) << n;
    const std::vector<Tensor> wanted_grads = torch::autograd::grad({wanted}, list(w), {upstream});
    const std::vector<Tensor> got_grads = torch::autograd::grad({got}, list(w), {upstream});
    for (std::size_t i = 0; i < got_grads.size(); ++i)
      // The last bias is summed before rounding, by up to half a unit of 8 bits.
      EXPECT_LT(relative_error(got_grads[i], wanted_grads[i]), i == 5 ? 4e-3 : 1e-3)
          << n << " weight " << i;
  }
}

TEST_F(EncoderTest, ManyCallsOfOneEncoderSumTheirGradients) {
  for (const Precision precision : {Precision::kFp32, Precision::kBf16}) {
    const EncoderWeights w = navigator_weights();
    std::vector<Tensor> frames;
    for (const int n : {5, 8, 1, 4})
      frames.push_back(torch::randint(0, 256, {n, 3, 84, 84}, torch::kUInt8));
    const auto loss_of = [](const Tensor& f) { return (f * f).sum(); };

    Encoder encoder(w, {.precision = precision});
    Tensor loss = torch::zeros({});
    for (const Tensor& f : frames) loss = loss + loss_of(encoder(f));
    const std::vector<Tensor> together = torch::autograd::grad({loss}, list(w));
    for (std::size_t i = 0; i < together.size(); ++i) {
      Tensor one_by_one = torch::zeros_like(together[i]);
      for (const Tensor& f : frames)
        one_by_one += torch::autograd::grad({loss_of(conv_encoder(f, w, {.precision = precision}))},
                                            list(w))[i];
      EXPECT_LT(relative_error(together[i], one_by_one), 1e-5) << "weight " << i;
    }
  }
}

TEST_F(EncoderTest, CallsThatDoNotReachTheLossCountNothing) {
  const EncoderWeights w = navigator_weights();
  const Tensor a = torch::randint(0, 256, {4, 3, 84, 84}, torch::kUInt8);
  Encoder encoder(w, {});
  const Tensor unused = encoder(a.flip(3));
  const Tensor used = encoder(a);
  const std::vector<Tensor> got =
      torch::autograd::grad({used.sum()}, list(w), {}, /*retain_graph=*/true);
  const std::vector<Tensor> wanted = torch::autograd::grad({plain(a, w).sum()}, list(w));
  // A second backward through the kept graph, of both calls.
  const std::vector<Tensor> both = torch::autograd::grad({used.sum() + unused.sum()}, list(w));
  const std::vector<Tensor> wanted_both =
      torch::autograd::grad({plain(a, w).sum() + plain(a.flip(3), w).sum()}, list(w));
  for (std::size_t i = 0; i < got.size(); ++i) {
    EXPECT_LT(relative_error(got[i], wanted[i]), 2e-5) << "weight " << i;
    EXPECT_LT(relative_error(both[i], wanted_both[i]), 2e-5) << "weight " << i;
  }
}

TEST_F(EncoderTest, FramesAndGradientsMayBeViews) {
  const EncoderWeights w = navigator_weights();
  const Tensor interleaved = torch::randint(0, 256, {3, 84, 84, 3}, torch::kUInt8);
  const Tensor frames = interleaved.permute({0, 3, 1, 2});
  const Tensor got = conv_encoder(frames, w);
  const Tensor wanted = plain(frames, w);
  EXPECT_LT(relative_error(got, wanted), 2e-6);
  // sum() sends an expanded gradient, t() a transposed one.
  const std::vector<Tensor> got_grads =
      torch::autograd::grad({got.t().contiguous().sum()}, list(w));
  const std::vector<Tensor> wanted_grads = torch::autograd::grad({wanted.sum()}, list(w));
  for (std::size_t i = 0; i < got_grads.size(); ++i)
    EXPECT_LT(relative_error(got_grads[i], wanted_grads[i]), 2e-5) << "weight " << i;
}

TEST_F(EncoderTest, OtherNetsOfTheSameForm) {
  for (const std::int64_t channels : {1, 4}) {
    const EncoderWeights w = navigator_weights(channels, 100);
    const Tensor frames = torch::randint(0, 256, {3, channels, 84, 84}, torch::kUInt8);
    const Tensor got = conv_encoder(frames, w), wanted = plain(frames, w);
    EXPECT_LT(relative_error(got, wanted), 2e-6);
    const std::vector<Tensor> got_grads = torch::autograd::grad({got.sum()}, list(w));
    const std::vector<Tensor> wanted_grads = torch::autograd::grad({wanted.sum()}, list(w));
    for (std::size_t i = 0; i < got_grads.size(); ++i)
      EXPECT_LT(relative_error(got_grads[i], wanted_grads[i]), 2e-5) << channels << " weight " << i;
  }
}

TEST_F(EncoderTest, OnlySomeWeightsMayNeedGradients) {
  EncoderWeights w = navigator_weights();
  w.conv1_weight.requires_grad_(false);
  w.fc_bias.requires_grad_(false);
  const Tensor frames = torch::randint(0, 256, {3, 3, 84, 84}, torch::kUInt8);
  const std::vector<Tensor> some = {w.conv1_bias, w.conv2_weight, w.conv2_bias, w.fc_weight};
  const std::vector<Tensor> got = torch::autograd::grad({conv_encoder(frames, w).sum()}, some);
  const std::vector<Tensor> wanted = torch::autograd::grad({plain(frames, w).sum()}, some);
  for (std::size_t i = 0; i < some.size(); ++i) EXPECT_LT(relative_error(got[i], wanted[i]), 2e-5);
}

TEST_F(EncoderTest, WithoutGradientsNothingIsRecorded) {
  const EncoderWeights w = navigator_weights();
  const Tensor frames = torch::randint(0, 256, {3, 3, 84, 84}, torch::kUInt8);
  Encoder encoder(w, {});
  const Tensor recorded = encoder(frames);
  EXPECT_TRUE(recorded.requires_grad());
  const torch::NoGradGuard guard;
  const Tensor silent = encoder(frames);
  EXPECT_FALSE(silent.requires_grad());
  EXPECT_TRUE(torch::equal(silent, recorded));
}

TEST_F(EncoderTest, SameInputsGiveTheSameBytes) {
  for (const Precision precision : {Precision::kFp32, Precision::kBf16}) {
    const EncoderWeights w = navigator_weights();
    const Tensor frames = torch::randint(0, 256, {7, 3, 84, 84}, torch::kUInt8);
    const auto run = [&] {
      const Tensor f = conv_encoder(frames, w, {.precision = precision});
      std::vector<Tensor> all = torch::autograd::grad({f.pow(2).sum()}, list(w));
      all.push_back(f.detach());
      return all;
    };
    const std::vector<Tensor> first = run(), second = run();
    for (std::size_t i = 0; i < first.size(); ++i) EXPECT_TRUE(torch::equal(first[i], second[i]));
  }
}

// Two workers at once, each with its own encoder on the same weights, get what one gets alone.
TEST_F(EncoderTest, TwoThreadsAtOnceGiveTheSameBytes) {
  const EncoderWeights w = navigator_weights();
  const Tensor frames = torch::randint(0, 256, {9, 3, 84, 84}, torch::kUInt8);
  const auto run = [&](Precision precision) {
    Encoder encoder(w, {.precision = precision});
    Tensor loss = torch::zeros({});
    for (int step = 0; step < 5; ++step) loss = loss + encoder(frames).pow(2).sum();
    return torch::autograd::grad({loss}, list(w));
  };
  for (const Precision precision : {Precision::kFp32, Precision::kBf16}) {
    const std::vector<Tensor> alone = run(precision);
    std::vector<std::vector<Tensor>> together(2);
    std::vector<std::thread> workers;
    for (auto& result : together) workers.emplace_back([&] { result = run(precision); });
    for (std::thread& worker : workers) worker.join();
    for (const auto& result : together)
      for (std::size_t i = 0; i < alone.size(); ++i) EXPECT_TRUE(torch::equal(result[i], alone[i]));
  }
}

TEST_F(EncoderTest, EveryInstructionSetAgreesWithLibTorch) {
  const EncoderWeights w = navigator_weights();
  const Tensor frames = torch::randint(0, 256, {3, 3, 84, 84}, torch::kUInt8);
  const Tensor wanted = plain(frames, w);
  const std::vector<Tensor> wanted_grads = torch::autograd::grad({wanted.sum()}, list(w));
  for (const std::int64_t target : hwy::SupportedAndGeneratedTargets()) {
    use_targets(target);
    const Tensor got = conv_encoder(frames, w);
    const std::vector<Tensor> got_grads = torch::autograd::grad({got.sum()}, list(w));
    EXPECT_LT(relative_error(got, wanted), 2e-6) << hwy::TargetName(target);
    for (std::size_t i = 0; i < got_grads.size(); ++i)
      EXPECT_LT(relative_error(got_grads[i], wanted_grads[i]), 2e-5)
          << hwy::TargetName(target) << " weight " << i;
  }
  use_targets(0);
}

TEST_F(EncoderTest, NotANumberStaysNotANumber) {
  for (const Precision precision : {Precision::kFp32, Precision::kBf16}) {
    const EncoderWeights w = navigator_weights();
    {
      const torch::NoGradGuard guard;
      w.conv1_weight[3][0][0][0] = std::numeric_limits<float>::quiet_NaN();
    }
    const Tensor frames = torch::randint(1, 256, {2, 3, 84, 84}, torch::kUInt8);
    EXPECT_TRUE(torch::isnan(conv_encoder(frames, w, {.precision = precision})).all().item<bool>());
  }
}

// A tiny net in double precision, through the fall-back: central differences against the gradient.
TEST_F(EncoderTest, GradientMatchesFiniteDifferencesInDouble) {
  const auto options = torch::dtype(torch::kFloat64);
  EncoderWeights w{.conv1_weight = torch::randn({2, 1, 3, 3}, options) * 0.5,
                   .conv1_bias = torch::randn({2}, options) * 0.5,
                   .conv2_weight = torch::randn({3, 2, 2, 2}, options) * 0.5,
                   .conv2_bias = torch::randn({3}, options) * 0.5,
                   .fc_weight = torch::randn({4, 27}, options) * 0.5,
                   .fc_bias = torch::rand({4}, options)};
  for (Tensor& t : list(w)) t.requires_grad_();
  const Tensor frames = torch::randint(0, 256, {2, 1, 9, 9}, torch::kUInt8);
  const Tensor direction = torch::randn({2, 4}, options);
  const auto loss = [&] {
    return (conv_encoder(frames, w, {.stride1 = 2, .stride2 = 1}) * direction).sum();
  };
  const std::vector<Tensor> grads = torch::autograd::grad({loss()}, list(w));
  const torch::NoGradGuard guard;
  for (std::size_t k = 0; k < grads.size(); ++k) {
    const Tensor flat = list(w)[k].view(-1), grad = grads[k].reshape(-1);
    for (std::int64_t i = 0; i < flat.numel(); i += 3) {
      const double step = 1e-6, before = flat[i].item<double>();
      flat[i] = before + step;
      const double up = loss().item<double>();
      flat[i] = before - step;
      const double down = loss().item<double>();
      flat[i] = before;
      EXPECT_NEAR((up - down) / (2 * step), grad[i].item<double>(), 1e-7)
          << "weight " << k << " entry " << i;
    }
  }
}

TEST_F(EncoderTest, SaysWhatIsWrong) {
  const EncoderWeights w = navigator_weights();
  const Tensor frames = torch::zeros({2, 3, 84, 84}, torch::kUInt8);
  const auto with = [&](auto change) {
    EncoderWeights other = w;
    change(other);
    return [other] { Encoder(other, {}); };
  };
  expect_error(with([](EncoderWeights& o) { o.conv1_bias = Tensor(); }),
               "conv1_bias must be a tensor, got an undefined one (encoder)");
  expect_error(with([](EncoderWeights& o) { o.conv1_weight = Tensor(); }),
               "conv1_weight must be a tensor, got an undefined one (encoder)");
  expect_error(with([](EncoderWeights& o) { o.fc_weight = torch::zeros({3}); }),
               "fc_weight must have 2 dimensions and no empty one, got [3] (encoder)");
  expect_error(with([](EncoderWeights& o) {
                 o.conv2_weight = torch::zeros({32, 8, 4, 4});
               }),
               "conv2_weight must be [32, 16, 4, 4], got [32, 8, 4, 4] (encoder)");
  expect_error(with([](EncoderWeights& o) { o.fc_bias = torch::zeros({256}, torch::kFloat64); }),
               "fc_bias must be of type Float as conv1_weight, got Double (encoder)");
  expect_error(with([](EncoderWeights& o) {
                 o.conv1_weight = torch::zeros({16, 3, 8, 8}, torch::kInt32);
               }),
               "conv1_weight must be of a floating type, got Int (encoder)");
  expect_error([&] { Encoder(w, {.stride1 = 0}); },
               "strides must be at least 1, got 0 and 2 (encoder)");
  expect_error([&] { conv_encoder(Tensor(), w); },
               "frames must be [N,C,H,W] u8, got an undefined tensor (encoder)");
  expect_error([&] { conv_encoder(frames.to(torch::kFloat32), w); },
               "frames must be [N,C,H,W] u8, got [2, 3, 84, 84] Float (encoder)");
  expect_error([&] { conv_encoder(frames[0], w); },
               "frames must be [N,C,H,W] u8, got [3, 84, 84] Byte (encoder)");
  expect_error([&] { conv_encoder(frames.slice(0, 0, 0), w); },
               "frames must hold at least one image, got [0, 3, 84, 84] (encoder)");
  expect_error([&] { conv_encoder(frames.slice(1, 0, 2), w); },
               "frames must have 3 channels as conv1_weight, got [2, 2, 84, 84] (encoder)");
  expect_error(
      [&] { conv_encoder(frames.slice(2, 0, 76), w); },
      "fc_weight must have 2304 columns for frames [2, 3, 76, 84], got [256, 2592] (encoder)");
  expect_error([&] { conv_encoder(frames.slice(2, 0, 5), w); },
               "fc_weight must have 0 columns for frames [2, 3, 5, 84], got [256, 2592] (encoder)");
  if (Encoder(w, {}).fast()) {
    Tensor features = conv_encoder(frames, w);
    const Tensor loss = features.pow(2).sum();
    expect_error(
        [&] { torch::autograd::grad({loss}, list(w), {}, true, /*create_graph=*/true); },
        "the fast encoder has no second derivative: backward must not be called with create_graph; "
        "use f64 weights for that");
    const Tensor sum = features.sum();
    features.detach().add_(1);
    expect_error([&] { torch::autograd::grad({sum}, list(w)); },
                 "the features must not be changed in place before backward (encoder)");
  }
  Encoder encoder(w, {});
  {
    const torch::NoGradGuard guard;
    w.conv2_bias.add_(1);
  }
  expect_error([&] { encoder(frames); },
               "the weights of an encoder must not change while it is in use, got another version "
               "of weight 3; "
               "make a new one after each optimiser step");
}

}  // namespace encoder_test
}  // namespace clew::ops
