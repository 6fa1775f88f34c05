// SPDX-License-Identifier: Apache-2.0
#include "clew/warp/transform.h"

#include <gtest/gtest.h>
#include <torch/torch.h>

#include <string>
#include <utility>
#include <vector>

#include "clew/ops/sampler.h"
#include "tests/support/expect_error.h"

namespace clew::warp {
namespace transform_test {

using torch::Tensor;

constexpr TransformKind kAll[] = {TransformKind::kAffine, TransformKind::kAttention,
                                  TransformKind::kTranslation, TransformKind::kProjective,
                                  TransformKind::kThinPlate};
constexpr TransformKind kWithMatrix[] = {TransformKind::kAffine, TransformKind::kAttention,
                                         TransformKind::kTranslation, TransformKind::kProjective};

double largest(const Tensor& t) { return t.abs().max().item<double>(); }

Tensor numbers(std::vector<double> values, std::int64_t columns) {
  return torch::tensor(values, torch::kFloat64).view({-1, columns});
}

// Near the identity, so that projective ones have no horizon in the image.
Tensor some(TransformKind kind, std::int64_t batch, double size = 0.2) {
  const Tensor identity = identity_parameters(kind, torch::kFloat64);
  return identity + size * (2 * torch::rand({batch, identity.size(0)}, torch::kFloat64) - 1);
}

class TransformTest : public testing::Test {
 protected:
  void SetUp() override { torch::manual_seed(7); }
};

TEST_F(TransformTest, NamesGoBothWays) {
  ASSERT_EQ(names(TransformKind{}).size(), std::size(kAll));
  for (const auto kind : kAll) EXPECT_EQ(find_named<TransformKind>(name_of(kind)), kind);
  const std::int64_t counts[] = {6, 3, 2, 8, 32};
  for (std::size_t i = 0; i < std::size(kAll); ++i) EXPECT_EQ(parameter_count(kAll[i]), counts[i]);
}

TEST_F(TransformTest, HandComputed) {
  const Tensor points = numbers({0.5, -0.25, 1, 1}, 2);
  const auto moved = [&](TransformKind kind, std::vector<double> p) {
    const auto count = static_cast<std::int64_t>(p.size());
    return transform_points(kind, numbers(std::move(p), count), points)[0];
  };
  EXPECT_LT(
      largest(moved(TransformKind::kAffine, {1, 2, 3, 4, 5, 6}) - numbers({3, 6.75, 6, 15}, 2)),
      1e-15);
  EXPECT_LT(
      largest(moved(TransformKind::kAttention, {2, 0.5, -1}) - numbers({1.5, -1.5, 2.5, 1}, 2)),
      1e-15);
  EXPECT_LT(largest(moved(TransformKind::kTranslation, {0.5, -1}) - numbers({1, -1.25, 1.5, 0}, 2)),
            1e-15);
  // Denominators 1 + 0.5 x - y: 1.5 and 0.5.
  EXPECT_LT(largest(moved(TransformKind::kProjective, {3, 0, 0, 0, 6, 0, 0.5, -1}) -
                    numbers({1, -1, 6, 12}, 2)),
            1e-14);
}

TEST_F(TransformTest, IdentityIsTheIdentityGridBitForBit) {
  for (const auto kind : kAll) {
    for (const auto type : {torch::kFloat32, torch::kFloat64}) {
      for (const bool corners : {false, true}) {
        for (const std::int64_t side : {1, 2, 17, 42, 60}) {
          const GridGenerator generate(kind, {side, side + 3}, corners, type);
          const Tensor grid = generate(identity_parameters(kind, type).expand({2, -1}));
          const Tensor wanted = ops::identity_grid({side, side + 3}, corners, type);
          EXPECT_TRUE(torch::equal(grid, wanted.expand({2, side, side + 3, 2})))
              << name_of(kind) << " " << side;
          const Tensor image = torch::randn({2, 1, side, side + 3}, type);
          EXPECT_TRUE(
              torch::equal(ops::grid_sample(image, grid, {.align_corners = corners}), image))
              << name_of(kind) << " " << side;
        }
      }
    }
  }
}

TEST_F(TransformTest, GridsAreThePointsOfTheIdentityGrid) {
  for (const auto kind : kAll) {
    const Tensor p = some(kind, 3);
    const Tensor points = ops::identity_grid({5, 4}, false, torch::kFloat64).view({-1, 2});
    const Tensor grid = GridGenerator(kind, {5, 4}, false, torch::kFloat64)(p);
    ASSERT_EQ(grid.sizes(), (std::vector<std::int64_t>{3, 5, 4, 2}));
    EXPECT_LT(largest(grid.view({3, -1, 2}) - transform_points(kind, p, points)), 1e-14);
  }
}

TEST_F(TransformTest, InverseAndComposition) {
  const Tensor points = 2 * torch::rand({9, 2}, torch::kFloat64) - 1;
  for (const auto kind : kWithMatrix) {
    const Tensor a = some(kind, 4), b = some(kind, 4);
    const Tensor back = compose(kind, invert(kind, a), a);
    ASSERT_EQ(back.sizes(), a.sizes());
    EXPECT_LT(largest(back - identity_parameters(kind, torch::kFloat64)), 1e-13) << name_of(kind);
    const Tensor at_once = transform_points(kind, compose(kind, a, b), points);
    const Tensor inner = transform_points(kind, b, points);
    for (std::int64_t i = 0; i < 4; ++i) {
      const Tensor after = transform_points(kind, a.slice(0, i, i + 1), inner[i])[0];
      EXPECT_LT(largest(at_once[i] - after), 1e-13) << name_of(kind);
    }
  }
  const Tensor half = numbers({0.5, 0.25, -1}, 3);
  EXPECT_LT(largest(invert(TransformKind::kAttention, half) - numbers({2, -0.5, 2}, 3)), 1e-15);
}

// By hand: the inverse of the first maps (0,0) to a denominator of -1, so that normalising its last
// entry to 1 would change all signs, and swap the sides of the horizon.
TEST_F(TransformTest, ProjectiveResultsMustKeepWhatIsBeforeTheHorizonThere) {
  const auto kind = TransformKind::kProjective;
  const Tensor good = identity_parameters(kind, torch::kFloat64).view({1, 8});
  const Tensor turned = torch::cat({good, numbers({-0.2, 0, 1, 0, 1, 0, -1, 0}, 8)});
  expect_error([&] { invert(kind, turned); },
               "transform 1 of the batch has no inverse that is 'projective' (invert)");
  const Tensor outer = numbers({1, 0, 0, 0, 1, 0, -0.8, 0}, 8),
               inner = numbers({1, 0, 1.5, 0, 1, 0, 0, 0}, 8);
  expect_error([&] { compose(kind, outer, inner); },
               "transform 0 of the batch has no composition that is 'projective' (compose)");
  // On the horizon, not behind it.
  const Tensor edge = numbers({1, 0, 0, 0, 1, 0, -1, 0}, 8),
               shift = numbers({1, 0, 1, 0, 1, 0, 0, 0}, 8);
  expect_error([&] { compose(kind, edge, shift); },
               "transform 0 of the batch has no composition that is 'projective' (compose)");
}

TEST_F(TransformTest, RoundingDoesNotMakeAMatrixRegular) {
  for (const auto type : {torch::kFloat32, torch::kFloat64}) {
    const Tensor flat = numbers({0.1, 0.7, 0, 0.3, 2.1, 0}, 6).to(type);
    expect_error([&] { invert(TransformKind::kAffine, flat); },
                 "transform 0 of the batch has no inverse that is 'affine' (invert)");
    // Small or anisotropic is not singular.
    const Tensor small = numbers({1e-6, 0, 1000, 0, 1e3, -1000}, 6).to(type);
    const Tensor back = invert(TransformKind::kAffine, small).to(torch::kFloat64);
    EXPECT_NEAR(back[0][0].item<double>(), 1e6, 1);
    EXPECT_NEAR(back[0][4].item<double>(), 1e-3, 1e-9);
  }
}

TEST_F(TransformTest, ThinPlateHasAGradientByItsPoints) {
  const auto kind = TransformKind::kThinPlate;
  const Tensor controls = ops::identity_grid({4, 4}, true, torch::kFloat64).view({16, 2});
  // Offsets that halve the plane.
  const Tensor halving = (-0.5 * controls).reshape({1, 32});
  const Tensor at = torch::cat({controls, torch::rand({5, 2}, torch::kFloat64)}).requires_grad_();
  const Tensor halved = torch::autograd::grad({transform_points(kind, halving, at).sum()}, {at})[0];
  EXPECT_LT(largest(halved - 0.5), 1e-12);
  const Tensor bending = some(kind, 1), up = torch::randn({1, 21, 2}, torch::kFloat64);
  const auto loss = [&](const Tensor& points) {
    return (transform_points(kind, bending, points) * up).sum();
  };
  const Tensor grad = torch::autograd::grad({loss(at)}, {at})[0];
  const Tensor direction = torch::randn_like(at), plain = at.detach();
  const double step = 1e-6;
  const double wanted =
      (loss(plain + step * direction) - loss(plain - step * direction)).item<double>() / (2 * step);
  EXPECT_NEAR((grad * direction).sum().item<double>(), wanted, 1e-7);
}

TEST_F(TransformTest, ThinPlateMovesControlPointsByTheirOffsetsAndBendsLeast) {
  const auto kind = TransformKind::kThinPlate;
  const Tensor controls = ops::identity_grid({4, 4}, true, torch::kFloat64).view({16, 2});
  const Tensor p = some(kind, 2);
  EXPECT_LT(largest(transform_points(kind, p, controls) - (controls + p.view({2, 16, 2}))), 1e-12);
  // Offsets that are an affine function are continued as it, everywhere.
  const Tensor affine = numbers({0.9, 0.2, 0.1, -0.3, 1.1, -0.2}, 6);
  const Tensor offsets = transform_points(TransformKind::kAffine, affine, controls) - controls;
  const Tensor points = 4 * torch::rand({50, 2}, torch::kFloat64) - 2;
  EXPECT_LT(largest(transform_points(kind, offsets.view({1, 32}), points) -
                    transform_points(TransformKind::kAffine, affine, points)),
            1e-12);
}

TEST_F(TransformTest, ProjectivePointsBehindTheHorizonGoFarAway) {
  const Tensor p = numbers({1, 0, 0, 0, 1, 0, -1, 0}, 8);
  const Tensor at =
      transform_points(TransformKind::kProjective, p, numbers({1, 0.5, 2, 0.5}, 2))[0];
  EXPECT_LT(largest(at - numbers({1000, 500, 2000, 500}, 2)), 1e-9);
}

// Gradients of every transform through every kernel and border against central differences.
TEST_F(TransformTest, GradientsMatchFiniteDifferencesInDouble) {
  for (const auto kind : kAll) {
    for (int choice = 0; choice < 18; ++choice) {
      const ops::SampleOptions options{.kernel = static_cast<ops::SampleKernel>(choice % 3),
                                       .border = static_cast<ops::SampleBorder>(choice / 3 % 3),
                                       .align_corners = choice >= 9};
      const Tensor image = torch::randn({2, 2, 5, 6}, torch::kFloat64).requires_grad_();
      const Tensor p = some(kind, 2, 0.4).requires_grad_(),
                   up = torch::randn({2, 2, 4, 3}, torch::kFloat64);
      const GridGenerator generate(kind, {4, 3}, options.align_corners, torch::kFloat64);
      const auto loss = [&] { return (ops::grid_sample(image, generate(p), options) * up).sum(); };
      const auto grads = torch::autograd::grad({loss()}, {image, p});
      const torch::NoGradGuard guard;
      const Tensor all[] = {image, p};
      for (std::size_t k = 0; k < 2; ++k) {
        const Tensor flat = all[k].view(-1), grad = grads[k].reshape(-1);
        for (std::int64_t i = 0; i < flat.numel(); ++i) {
          const double step = 1e-6, before = flat[i].item<double>();
          flat[i] = before + step;
          const double above = loss().item<double>();
          flat[i] = before - step;
          const double below = loss().item<double>();
          flat[i] = before;
          // Projective derivatives are steep where the denominator is small: third derivatives of
          // 1e3 times step^2 / 6, and rounding 1e-16 of values about 10 / step.
          ASSERT_NEAR((above - below) / (2 * step), grad[i].item<double>(),
                      1e-7 * (1 + std::abs(grad[i].item<double>())))
              << name_of(kind) << " choice " << choice << " tensor " << k << " entry " << i;
        }
      }
    }
  }
}

// f32 uses our kernels, f64 LibTorch's.
TEST_F(TransformTest, SinglePrecisionAgreesWithDouble) {
  for (const auto kind : kAll) {
    const Tensor p = some(kind, 5), up = torch::rand({5, 7, 9, 2}, torch::kFloat64);
    const auto grid_and_gradient = [&](torch::ScalarType type) {
      const Tensor parameters = p.to(type).requires_grad_();
      const Tensor grid = GridGenerator(kind, {7, 9}, true, torch::dtype(type))(parameters);
      const auto gradient = torch::autograd::grad({grid}, {parameters}, {up.to(type)})[0];
      return std::pair(grid.detach().to(torch::kFloat64), gradient.to(torch::kFloat64));
    };
    const auto [grid, gradient] = grid_and_gradient(torch::kFloat64);
    const auto [rounded_grid, rounded_gradient] = grid_and_gradient(torch::kFloat32);
    EXPECT_LT(largest(rounded_grid - grid), 1e-5) << name_of(kind);
    EXPECT_LT(largest(rounded_gradient - gradient), 1e-4 * largest(gradient)) << name_of(kind);
  }
}

TEST_F(TransformTest, NoParametersGiveNoGrids) {
  for (const auto kind : kAll)
    for (const auto type : {torch::kFloat32, torch::kFloat64})
      EXPECT_EQ(
          GridGenerator(kind, {2, 3}, true, torch::dtype(type))(some(kind, 0).to(type)).sizes(),
          (torch::IntArrayRef{0, 2, 3, 2}))
          << name_of(kind);
}

TEST_F(TransformTest, AffineMatrixAgreesWithTheGrid) {
  for (const auto kind :
       {TransformKind::kAffine, TransformKind::kAttention, TransformKind::kTranslation}) {
    const Tensor image = torch::randn({2, 3, 9, 8}, torch::kFloat64), p = some(kind, 2, 0.5);
    const Tensor by_grid =
        ops::grid_sample(image, GridGenerator(kind, {7, 5}, false, torch::kFloat64)(p));
    EXPECT_LT(largest(ops::affine_sample(image, affine_matrix(kind, p), {7, 5}) - by_grid), 1e-12);
  }
}

TEST_F(TransformTest, SaysWhatIsWrong) {
  const Tensor six = torch::zeros({1, 6}), points = torch::zeros({4, 2});
  expect_error([&] { transform_points(TransformKind::kProjective, six, points); },
               "parameters of 'projective' must be [B,8] of a floating type, got [1, 6] Float "
               "(transform_points)");
  expect_error(
      [&] {
        transform_points(TransformKind::kAffine, six, torch::zeros({4, 3}));
      },
      "points must be [N,2] Float, got [4, 3] Float (transform_points)");
  expect_error(
      [&] {
        affine_matrix(TransformKind::kProjective, torch::zeros({1, 8}));
      },
      "'projective' is no 2x3 matrix; wanted affine, attention or translation (affine_matrix)");
  expect_error(
      [&] {
        invert(TransformKind::kThinPlate, torch::zeros({1, 32}));
      },
      "'tps' has no inverse among its kind; wanted affine, attention, translation or projective");
  const Tensor flat = torch::cat({identity_parameters(TransformKind::kAffine).view({1, 6}), six});
  expect_error([&] { invert(TransformKind::kAffine, flat); },
               "transform 1 of the batch has no inverse that is 'affine' (invert)");
  expect_error([&] { compose(TransformKind::kAffine, flat, six); },
               "outer and inner must be of one batch size, got 2 and 1 (compose)");
  const GridGenerator generate(TransformKind::kAffine, {3, 3}, false, torch::kFloat64);
  expect_error(
      [&] { generate(six); },
      "parameters must be Double on cpu as the generator, got Float on cpu (GridGenerator)");
}

}  // namespace transform_test
}  // namespace clew::warp
