// SPDX-License-Identifier: Apache-2.0
#include "clew/ops/lstm.h"

#include <gtest/gtest.h>
#include <hwy/targets.h>
#include <torch/torch.h>

#include <cmath>
#include <functional>
#include <string>
#include <tuple>
#include <vector>

#include "tests/support/expect_error.h"

namespace clew::ops {
namespace lstm_test {

using torch::Tensor;

LstmWeights make_weights(std::int64_t input, std::int64_t hidden,
                         torch::Dtype type = torch::kFloat32) {
  const auto uniform = [&](torch::IntArrayRef shape) {
    return ((torch::rand(shape, type) * 2 - 1) / std::sqrt(static_cast<double>(hidden)))
        .requires_grad_();
  };
  return {.w_ih = uniform({4 * hidden, input}),
          .w_hh = uniform({4 * hidden, hidden}),
          .b_ih = uniform({4 * hidden}),
          .b_hh = uniform({4 * hidden})};
}

std::vector<Tensor> list(const LstmWeights& w) { return {w.w_ih, w.w_hh, w.b_ih, w.b_hh}; }

double relative_error(const Tensor& got, const Tensor& wanted) {
  return ((got - wanted).norm() / (wanted.norm() + 1e-30)).item<double>();
}
double cosine(const Tensor& a, const Tensor& b) {
  return ((a * b).sum() / (a.norm() * b.norm() + 1e-30)).item<double>();
}

// Lets only these instruction sets be used; 0: all again.
void use_targets(std::int64_t targets) {
  hwy::SetSupportedTargetsForTest(targets);
  hwy::GetChosenTarget().Update(hwy::SupportedTargets());
}

// Outputs of a sequence: every h, the last c, and the gradients of a loss on all of them.
struct Outcome {
  std::vector<Tensor> outputs, grads;
};

// `steps` steps over inputs in parts of the widths given; the state is reset to zero for some lanes
// after step 1.
/// f32 numbers that are the same on every CPU, as LibTorch draws f64 ones: a gradient of few numbers
/// may be what is left of many that cancel, and its relative error depends on what was drawn.
Tensor normal(torch::IntArrayRef shape) {
  return torch::randn(shape, torch::kFloat64).to(torch::kFloat32);
}

struct Sequence {
  Sequence(std::int64_t n, std::vector<std::int64_t> parts, std::int64_t hidden, int steps) : w{} {
    std::int64_t width = 0;
    for (const std::int64_t part : parts) width += part;
    w = make_weights(width, hidden);
    h = normal({n, hidden}).mul_(0.5).requires_grad_();
    c = normal({n, hidden}).requires_grad_();
    for (int t = 0; t < steps; ++t) {
      x.emplace_back();
      for (const std::int64_t part : parts) x.back().push_back(normal({n, part}).requires_grad_());
      up.push_back(normal({n, hidden}));
    }
    up.push_back(normal({n, hidden}));
  }

  Outcome outcome(const std::function<LstmOut(const std::vector<Tensor>&, const Tensor&,
                                              const Tensor&)>& step) const {
    Outcome result;
    Tensor loss = torch::zeros({}), hh = h, cc = c;
    for (std::size_t t = 0; t < x.size(); ++t) {
      const LstmOut out = step(x[t], hh, cc);
      hh = out.h;
      cc = out.c;
      result.outputs.push_back(hh);
      loss = loss + (hh * up[t]).sum();
      if (t == 1) hh = hh * keep(), cc = cc * keep();
    }
    result.outputs.push_back(cc);
    loss = loss + (cc * up.back()).sum();
    std::vector<Tensor> wanted = list(w);
    wanted.push_back(h);
    wanted.push_back(c);
    for (const auto& parts : x) wanted.insert(wanted.end(), parts.begin(), parts.end());
    result.grads = torch::autograd::grad({loss}, wanted);
    return result;
  }

  // The same numbers in double precision.
  Sequence in_f64() const {
    const auto f64 = [](const Tensor& tensor) {
      return tensor.detach().to(torch::kFloat64).requires_grad_();
    };
    Sequence result(*this);
    result.w = {.w_ih = f64(w.w_ih), .w_hh = f64(w.w_hh), .b_ih = f64(w.b_ih), .b_hh = f64(w.b_hh)};
    result.h = f64(h);
    result.c = f64(c);
    for (auto& parts : result.x)
      for (Tensor& part : parts) part = f64(part);
    for (Tensor& tensor : result.up) tensor = tensor.to(torch::kFloat64);
    return result;
  }

  Tensor keep() const {
    Tensor mask = torch::ones({h.size(0), 1}, h.dtype());
    mask[0] = 0;
    return mask;
  }

  LstmWeights w;
  Tensor h, c;
  std::vector<std::vector<Tensor>> x;
  std::vector<Tensor> up;
};

Outcome plain(const Sequence& s) {
  return s.outcome([&](const std::vector<Tensor>& x, const Tensor& h, const Tensor& c) -> LstmOut {
    const auto [next_h, next_c] =
        torch::lstm_cell(torch::cat(x, 1), {h, c}, s.w.w_ih, s.w.w_hh, s.w.b_ih, s.w.b_hh);
    return {next_h, next_c};
  });
}

Outcome ours(const Sequence& s, Precision precision = Precision::kFp32) {
  Lstm lstm(s.w, {.precision = precision});
  return s.outcome([&](const std::vector<Tensor>& x, const Tensor& h, const Tensor& c) {
    return lstm(x, h, c);
  });
}

class LstmTest : public testing::Test {
 protected:
  void SetUp() override { torch::manual_seed(2); }
};

TEST_F(LstmTest, F32AgreesWithLibTorchInF64) {
  for (const auto& [n, hidden, parts] :
       std::vector<std::tuple<std::int64_t, std::int64_t, std::vector<std::int64_t>>>{
           {1, 64, {256, 1}},
           {3, 64, {256, 1}},
           {17, 256, {256, 64, 6, 8}},
           {64, 256, {256, 64, 6, 8}},
           {5, 16, {3}},
           {4, 48, {1, 1, 1}},
           {3, 7, {5, 2}}}) {
    const Sequence s(n, parts, hidden, 4);
    const Outcome got = ours(s), wanted = plain(s.in_f64());
    // Sums of up to 846 products, and exp from a polynomial: a few units in the last place.
    for (std::size_t i = 0; i < got.outputs.size(); ++i)
      EXPECT_LT(relative_error(got.outputs[i], wanted.outputs[i]), 3e-6) << n << " output " << i;
    for (std::size_t i = 0; i < got.grads.size(); ++i) {
      EXPECT_LT(relative_error(got.grads[i], wanted.grads[i]), 1e-5) << n << " gradient " << i;
      EXPECT_GT(got.grads[i].norm().item<double>(), 0) << n << " gradient " << i;
    }
  }
}

TEST_F(LstmTest, Bf16PointsWhereF32Points) {
  const Sequence s(32, {256, 64, 6, 8}, 256, 6);
  const Outcome got = ours(s, Precision::kBf16), wanted = plain(s);
  // bf16 keeps 8 bits: 0.2 % rms a factor, averaged over sums of hundreds.
  for (std::size_t i = 0; i < got.outputs.size(); ++i)
    EXPECT_LT(relative_error(got.outputs[i], wanted.outputs[i]), 1e-2) << "output " << i;
  for (std::size_t i = 0; i < got.grads.size(); ++i) {
    EXPECT_GT(cosine(got.grads[i], wanted.grads[i]), 0.999) << "gradient " << i;
    EXPECT_NEAR((got.grads[i].norm() / wanted.grads[i].norm()).item<double>(), 1, 0.01)
        << "gradient " << i;
  }
}

TEST_F(LstmTest, ExtremeGatesStayFinite) {
  Sequence s(4, {8}, 16, 3);
  {
    const torch::NoGradGuard guard;
    for (auto& parts : s.x)
      for (Tensor& t : parts) t.mul_(1e4);
  }
  const Outcome got = ours(s), wanted = plain(s);
  for (std::size_t i = 0; i < got.outputs.size(); ++i)
    EXPECT_LT(relative_error(got.outputs[i], wanted.outputs[i]), 3e-6) << "output " << i;
  for (const Tensor& g : got.grads) EXPECT_TRUE(torch::isfinite(g).all().item<bool>());
}

TEST_F(LstmTest, ViewsAndMissingGradients) {
  const LstmWeights w = make_weights(10, 16);
  const Tensor x = torch::randn({10, 3}).t(), h = torch::randn({16, 3}).t(),
               c = torch::randn({3, 32}).slice(1, 0, 32, 2);
  const auto [wanted_h, wanted_c] = torch::lstm_cell(x, {h, c}, w.w_ih, w.w_hh, w.b_ih, w.b_hh);
  const LstmOut got = lstm_step(x, h, c, w);
  EXPECT_LT(relative_error(got.h, wanted_h), 3e-6);
  EXPECT_LT(relative_error(got.c, wanted_c), 3e-6);
  // Only c, then only h, reaches the loss.
  const std::vector<Tensor> from_c =
      torch::autograd::grad({got.c.t().contiguous().sum()}, list(w), {}, true);
  const std::vector<Tensor> want_c =
      torch::autograd::grad({wanted_c.sum()}, {w.w_ih, w.w_hh, w.b_ih, w.b_hh}, {}, true);
  const std::vector<Tensor> from_h = torch::autograd::grad({got.h.sum()}, list(w));
  const std::vector<Tensor> want_h = torch::autograd::grad({wanted_h.sum()}, list(w));
  for (std::size_t i = 0; i < 4; ++i) {
    EXPECT_LT(relative_error(from_c[i], want_c[i]), 1e-5);
    EXPECT_LT(relative_error(from_h[i], want_h[i]), 1e-5);
  }
}

TEST_F(LstmTest, WithoutGradientsNothingIsRecorded) {
  const LstmWeights w = make_weights(10, 16);
  const Tensor x = torch::randn({3, 10}), h = torch::randn({3, 16}), c = torch::randn({3, 16});
  Lstm lstm(w, {});
  const LstmOut recorded = lstm({x}, h, c);
  EXPECT_TRUE(recorded.h.requires_grad() && recorded.c.requires_grad());
  const torch::NoGradGuard guard;
  const LstmOut silent = lstm({x}, h, c);
  EXPECT_FALSE(silent.h.requires_grad() || silent.c.requires_grad());
  EXPECT_TRUE(torch::equal(silent.h, recorded.h) && torch::equal(silent.c, recorded.c));
}

TEST_F(LstmTest, SameInputsGiveTheSameBytes) {
  for (const Precision precision : {Precision::kFp32, Precision::kBf16}) {
    const Sequence s(9, {20, 3}, 32, 4);
    const Outcome first = ours(s, precision), second = ours(s, precision);
    for (std::size_t i = 0; i < first.grads.size(); ++i)
      EXPECT_TRUE(torch::equal(first.grads[i], second.grads[i]));
    for (std::size_t i = 0; i < first.outputs.size(); ++i)
      EXPECT_TRUE(torch::equal(first.outputs[i], second.outputs[i]));
  }
}

TEST_F(LstmTest, EveryInstructionSetAgreesWithLibTorch) {
  const Sequence s(5, {20, 3}, 32, 4);
  const Outcome wanted = plain(s);
  for (const std::int64_t target : hwy::SupportedAndGeneratedTargets()) {
    use_targets(target);
    const Outcome got = ours(s);
    for (std::size_t i = 0; i < got.outputs.size(); ++i)
      EXPECT_LT(relative_error(got.outputs[i], wanted.outputs[i]), 3e-6)
          << hwy::TargetName(target) << " output " << i;
    for (std::size_t i = 0; i < got.grads.size(); ++i)
      EXPECT_LT(relative_error(got.grads[i], wanted.grads[i]), 1e-5)
          << hwy::TargetName(target) << " gradient " << i;
  }
  use_targets(0);
}

TEST_F(LstmTest, GradientMatchesFiniteDifferencesInDouble) {
  const LstmWeights w = make_weights(3, 4, torch::kFloat64);
  const auto options = torch::dtype(torch::kFloat64);
  const Tensor x = torch::randn({2, 3}, options).requires_grad_(),
               h = torch::randn({2, 4}, options).requires_grad_(),
               c = torch::randn({2, 4}, options).requires_grad_(),
               up = torch::randn({2, 4}, options);
  const auto loss = [&] {
    const LstmOut first = lstm_step(x, h, c, w);
    const LstmOut second = lstm_step(x, first.h, first.c, w);
    return (second.h * up).sum() + second.c.sum();
  };
  std::vector<Tensor> all = list(w);
  all.insert(all.end(), {x, h, c});
  const std::vector<Tensor> grads = torch::autograd::grad({loss()}, all);
  const torch::NoGradGuard guard;
  for (std::size_t k = 0; k < grads.size(); ++k) {
    const Tensor flat = all[k].view(-1), grad = grads[k].reshape(-1);
    for (std::int64_t i = 0; i < flat.numel(); ++i) {
      const double step = 1e-6, before = flat[i].item<double>();
      flat[i] = before + step;
      const double up_loss = loss().item<double>();
      flat[i] = before - step;
      const double down_loss = loss().item<double>();
      flat[i] = before;
      EXPECT_NEAR((up_loss - down_loss) / (2 * step), grad[i].item<double>(), 1e-7)
          << "input " << k;
    }
  }
}

TEST_F(LstmTest, SaysWhatIsWrong) {
  const LstmWeights w = make_weights(3, 4);
  const Tensor x = torch::zeros({2, 3}), h = torch::zeros({2, 4}), c = torch::zeros({2, 4});
  const auto with = [&](auto change) {
    LstmWeights other = w;
    change(other);
    return [other] { Lstm(other, {}); };
  };
  expect_error(with([](LstmWeights& o) { o.w_hh = Tensor(); }),
               "w_hh must be a tensor, got an undefined one (lstm)");
  expect_error(with([](LstmWeights& o) { o.b_hh = Tensor(); }),
               "b_hh must be a tensor, got an undefined one (lstm)");
  expect_error(with([](LstmWeights& o) {
                 o.w_ih = torch::zeros({12, 3});
               }),
               "w_ih must be [16, 3], got [12, 3] (lstm)");
  expect_error(with([](LstmWeights& o) { o.w_ih = torch::zeros({16}); }),
               "w_ih must have 2 dimensions and no empty one, got [16] (lstm)");
  expect_error(with([](LstmWeights& o) { o.b_ih = torch::zeros({16}, torch::kFloat64); }),
               "b_ih must be of type Float as w_ih, got Double (lstm)");
  expect_error([&] { lstm_step(x.slice(1, 0, 2), h, c, w); },
               "inputs must have 3 columns together as w_ih, got 2 (lstm)");
  expect_error([&] { lstm_step(x.slice(0, 0, 1), h, c, w); },
               "inputs must have 2 rows as h, and at least one, got [1, 3] (lstm)");
  expect_error([&] { lstm_step(x, h, c.slice(1, 0, 3), w); },
               "h and c must be [N,4], got [2, 4] and [2, 3] (lstm)");
  expect_error([&] { lstm_step(x, h.to(torch::kFloat64), c, w); },
               "h must be Float on cpu as the weights, got Double on cpu (lstm)");
  expect_error([&] { lstm_step(x[0], h, c, w); }, "inputs must be [N,..], got [3] (lstm)");
  expect_error([&] { lstm_step(x, h, Tensor(), w); },
               "c must be [N,..], got an undefined tensor (lstm)");
  const LstmWeights wide = make_weights(3, 16);
  if (Lstm(wide, {}).fast()) {
    const Tensor zero = torch::zeros({2, 16});
    const LstmOut out = lstm_step(x, zero, zero, wide);
    const Tensor loss = out.h.pow(2).sum();
    expect_error(
        [&] { torch::autograd::grad({loss}, list(wide), {}, true, /*create_graph=*/true); },
        "the fast lstm has no second derivative: backward must not be called with create_graph; "
        "use f64 weights for that");
    const Tensor sum = out.h.sum();
    out.c.detach().add_(1);
    expect_error([&] { torch::autograd::grad({sum}, list(wide)); },
                 "the cell state returned must not be changed in place before backward (lstm)");
  }
  Lstm lstm(w, {});
  {
    const torch::NoGradGuard guard;
    w.w_hh.add_(1);
  }
  expect_error(
      [&] { lstm({x}, h, c); },
      "the weights of an lstm must not change while it is in use, got another version of weight 1; "
      "make a new one after each optimiser step");
}

}  // namespace lstm_test
}  // namespace clew::ops
