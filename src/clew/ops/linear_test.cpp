// SPDX-License-Identifier: Apache-2.0
#include "clew/ops/linear.h"

#include <gtest/gtest.h>
#include <torch/torch.h>

#include <cmath>
#include <string>
#include <tuple>
#include <vector>

#include "tests/support/expect_error.h"

namespace clew::ops {
namespace linear_test {

using torch::Tensor;

double relative_error(const Tensor& got, const Tensor& wanted) {
  return ((got - wanted).norm() / (wanted.norm() + 1e-30)).item<double>();
}

struct Layer {
  Layer(std::int64_t n, std::int64_t in, std::int64_t out, torch::Dtype type = torch::kFloat32)
      : x(torch::randn({n, in}, type).requires_grad_()),
        w((torch::randn({out, in}, type) / std::sqrt(static_cast<double>(in))).requires_grad_()),
        b(torch::randn({out}, type).requires_grad_()),
        up(torch::randn({n, out}, type)) {}
  std::vector<Tensor> grads(const Tensor& y) const {
    return torch::autograd::grad({y}, {x, w, b}, {up});
  }
  Tensor x, w, b, up;
};

class LinearTest : public testing::Test {
 protected:
  void SetUp() override { torch::manual_seed(3); }
};

TEST_F(LinearTest, AgreesWithLibTorch) {
  for (const auto& [n, in, out] : std::vector<std::tuple<int, int, int>>{{1, 1, 1},
                                                                         {64, 256, 8},
                                                                         {64, 256, 1},
                                                                         {1280, 256, 128},
                                                                         {1280, 128, 512},
                                                                         {3, 17, 33},
                                                                         {17, 31, 100}}) {
    for (const bool has_relu : {false, true}) {
      for (const Precision precision : {Precision::kFp32, Precision::kBf16}) {
        const Layer layer(n, in, out);
        const Tensor raw = torch::linear(layer.x, layer.w, layer.b);
        const Tensor wanted = has_relu ? torch::relu(raw) : raw;
        const Tensor got =
            linear(layer.x, layer.w, layer.b, {.has_relu = has_relu, .precision = precision});
        ASSERT_EQ(got.sizes(), wanted.sizes());
        // f32: another order of the sums. bf16: 0.2 % rms a factor.
        const bool is_exact = precision == Precision::kFp32;
        EXPECT_LT(relative_error(got, wanted), is_exact ? 2e-6 : 1e-2)
            << n << " " << in << " " << out;
        const std::vector<Tensor> got_grads = layer.grads(got);
        // With the mask that was used: a unit near zero may be on in one and off in the other.
        const Tensor masked = has_relu ? raw * (got > 0) : raw;
        const std::vector<Tensor> wanted_grads = layer.grads(masked);
        for (std::size_t i = 0; i < 3; ++i) {
          ASSERT_EQ(got_grads[i].sizes(), wanted_grads[i].sizes());
          EXPECT_LT(relative_error(got_grads[i], wanted_grads[i]), is_exact ? 1e-5 : 1e-2)
              << n << " " << in << " " << out << " gradient " << i;
        }
      }
    }
  }
}

TEST_F(LinearTest, ViewsAndPartsOfTheGradients) {
  const Layer layer(6, 20, 24);
  const Tensor x = layer.x.detach().t().contiguous().t(),
               w = layer.w.detach().t().contiguous().t().requires_grad_();
  const Tensor got = linear(x, w, layer.b.detach()), wanted = torch::linear(x, w, layer.b.detach());
  EXPECT_LT(relative_error(got, wanted), 2e-6);
  EXPECT_LT(relative_error(torch::autograd::grad({got.t().contiguous().sum()}, {w})[0],
                           torch::autograd::grad({wanted.sum()}, {w})[0]),
            1e-5);
  const torch::NoGradGuard guard;
  EXPECT_FALSE(linear(layer.x, layer.w, layer.b).requires_grad());
}

TEST_F(LinearTest, GradientMatchesFiniteDifferencesInDouble) {
  const Layer layer(3, 4, 5, torch::kFloat64);
  const auto loss = [&] {
    return (linear(layer.x, layer.w, layer.b, {.has_relu = true}) * layer.up).sum();
  };
  const std::vector<Tensor> all = {layer.x, layer.w, layer.b};
  const std::vector<Tensor> grads = torch::autograd::grad({loss()}, all);
  const torch::NoGradGuard guard;
  for (std::size_t k = 0; k < 3; ++k) {
    const Tensor flat = all[k].view(-1), grad = grads[k].reshape(-1);
    for (std::int64_t i = 0; i < flat.numel(); ++i) {
      const double step = 1e-6, before = flat[i].item<double>();
      flat[i] = before + step;
      const double up = loss().item<double>();
      flat[i] = before - step;
      const double down = loss().item<double>();
      flat[i] = before;
      EXPECT_NEAR((up - down) / (2 * step), grad[i].item<double>(), 1e-7);
    }
  }
}

TEST_F(LinearTest, SaysWhatIsWrong) {
  const Tensor x = torch::zeros({2, 3}), w = torch::zeros({4, 3}), b = torch::zeros({4});
  expect_error([&] { linear(x, Tensor(), b); },
               "weight must be [O,I], got an undefined tensor (linear)");
  expect_error([&] { linear(x, w, torch::zeros({3})); }, "bias must be [4], got [3] (linear)");
  expect_error([&] { linear(x[0], w, b); }, "x must be [N,3] with N > 0, got [3] (linear)");
  expect_error([&] { linear(x.slice(0, 0, 0), w, b); },
               "x must be [N,3] with N > 0, got [0, 3] (linear)");
  expect_error([&] { linear(Tensor(), w, b); },
               "x must be [N,3] with N > 0, got an undefined tensor (linear)");
  expect_error([&] { linear(x.to(torch::kFloat64), w, b); },
               "x must be Float on cpu as the weight, got Double on cpu (linear)");
}

}  // namespace linear_test
}  // namespace clew::ops
