// SPDX-License-Identifier: Apache-2.0
#include "clew/ops/sampler.h"

#include <c10/core/Allocator.h>
#include <c10/util/ThreadLocalDebugInfo.h>
#include <gtest/gtest.h>
#include <hwy/targets.h>
#include <torch/torch.h>

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <functional>
#include <limits>
#include <memory>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include "tests/support/expect_error.h"
#include "tests/support/gradient.h"

namespace clew::ops {
namespace sampler_test {

using torch::Tensor;

constexpr SampleKernel kKernels[] = {SampleKernel::kBilinear, SampleKernel::kNearest,
                                     SampleKernel::kBicubic};
constexpr SampleBorder kBorders[] = {SampleBorder::kZeros, SampleBorder::kBorder,
                                     SampleBorder::kReflection};

std::vector<SampleOptions> all_options() {
  std::vector<SampleOptions> all;
  for (const auto kernel : kKernels)
    for (const auto border : kBorders)
      for (const bool align_corners : {false, true}) all.push_back({kernel, border, align_corners});
  return all;
}

std::string name(const SampleOptions& o) {
  return "kernel " + std::to_string(static_cast<int>(o.kernel)) + " border " +
         std::to_string(static_cast<int>(o.border)) + (o.align_corners ? " corners" : "");
}

Tensor libtorch(const Tensor& input, const Tensor& grid, const SampleOptions& o) {
  return torch::grid_sampler(input, grid, static_cast<int>(o.kernel), static_cast<int>(o.border),
                             o.align_corners);
}

double largest(const Tensor& t) { return t.abs().max().item<double>(); }

// Thetas that turn, shear, scale and leave the image.
Tensor thetas(std::int64_t batch, torch::Dtype type) {
  const Tensor identity = torch::tensor({1.0, 0.0, 0.0, 0.0, 1.0, 0.0}).view({1, 2, 3});
  return (identity + 0.4 * torch::randn({batch, 2, 3})).to(type);
}

class SamplerTest : public testing::Test {
 protected:
  void SetUp() override { torch::manual_seed(5); }
};

TEST_F(SamplerTest, AgreesWithLibTorchInDouble) {
  for (const auto& o : all_options()) {
    for (const std::int64_t side : {1, 2, 7}) {
      const Tensor input = torch::randn({2, 3, side, 6}, torch::kFloat64).requires_grad_();
      const Tensor grid = (torch::rand({2, 5, 9, 2}, torch::kFloat64) * 5 - 2.5).requires_grad_();
      const Tensor wanted = libtorch(input, grid, o), got = grid_sample(input, grid, o);
      ASSERT_EQ(got.sizes(), wanted.sizes());
      EXPECT_LT(largest(got - wanted), 1e-12) << name(o) << " side " << side;
      const Tensor up = torch::randn_like(got);
      const auto g = torch::autograd::grad({got}, {input, grid}, {up});
      const auto w = torch::autograd::grad({wanted}, {input, grid}, {up});
      EXPECT_LT(largest(g[0] - w[0]), 1e-11) << name(o) << " side " << side;
      EXPECT_LT(largest(g[1] - w[1]), 1e-11) << name(o) << " side " << side;
    }
  }
}

TEST_F(SamplerTest, AgreesWithLibTorchInFloat) {
  for (const auto& o : all_options()) {
    // Both round a pixel coordinate to about H * 2^-24, so small images for a small difference.
    const Tensor input = torch::rand({2, 3, 4, 5}), grid = torch::rand({2, 11, 12, 2}) * 3 - 1.5;
    EXPECT_LT(largest(grid_sample(input, grid, o) - libtorch(input, grid, o)), 1e-6) << name(o);
  }
}

TEST_F(SamplerTest, AffineIsTheGridOfAffineGridGenerator) {
  for (const auto& o : all_options()) {
    for (const std::int64_t side : {1, 2, 7}) {
      const Tensor input = torch::randn({3, 2, side, 6}, torch::kFloat64).requires_grad_();
      const Tensor theta = thetas(3, torch::kFloat64).requires_grad_();
      const Tensor grid = torch::affine_grid_generator(theta, {3, 2, 5, side}, o.align_corners);
      const Tensor wanted = libtorch(input, grid, o),
                   got = affine_sample(input, theta, {5, side}, o);
      ASSERT_EQ(got.sizes(), wanted.sizes());
      EXPECT_LT(largest(got - wanted), 1e-11) << name(o) << " side " << side;
      const Tensor up = torch::randn_like(got);
      const auto g = torch::autograd::grad({got}, {input, theta}, {up});
      EXPECT_LT(largest(g[0] - torch::autograd::grad({wanted}, {input}, {up}, true)[0]), 1e-11);
      // On a side of one pixel LibTorch reads only whole pixels, where its slope is from the right.
      if (side > 1) {
        EXPECT_LT(largest(g[1] - torch::autograd::grad({wanted}, {theta}, {up})[0]), 1e-10)
            << name(o) << " side " << side;
      }
    }
  }
}

TEST_F(SamplerTest, GradientsMatchFiniteDifferencesInDouble) {
  for (const auto& o : all_options()) {
    const Tensor input = torch::randn({2, 2, 4, 5}, torch::kFloat64).requires_grad_();
    const Tensor grid = (torch::rand({2, 3, 4, 2}, torch::kFloat64) * 3 - 1.5).requires_grad_();
    const Tensor theta = thetas(2, torch::kFloat64).requires_grad_();
    const Tensor up = torch::randn({2, 2, 3, 4}, torch::kFloat64);
    const auto by_grid = [&] { return (grid_sample(input, grid, o) * up).sum(); };
    const auto by_theta = [&] { return (affine_sample(input, theta, {3, 4}, o) * up).sum(); };
    expect_gradient(input, by_grid, 1e-8, name(o) + " input of grid_sample");
    expect_gradient(grid, by_grid, 1e-7, name(o) + " grid");
    expect_gradient(input, by_theta, 1e-8, name(o) + " input of affine_sample");
    expect_gradient(theta, by_theta, 1e-7, name(o) + " theta");
  }
}

TEST_F(SamplerTest, IdentityIsExact) {
  for (const auto& o : all_options()) {
    for (const auto type : {torch::kFloat32, torch::kFloat64}) {
      for (const std::int64_t side : {1, 2, 3, 28, 42, 101, 224}) {
        const ImageSize size{side, side + 7};
        const Tensor input = torch::randn({1, 2, size.height, size.width}, type);
        const Tensor grid = identity_grid(size, o.align_corners, type).unsqueeze(0);
        EXPECT_TRUE(torch::equal(grid_sample(input, grid, o), input)) << name(o) << " " << side;
        const Tensor theta = torch::tensor({1.0, 0.0, 0.0, 0.0, 1.0, 0.0}, type).view({1, 2, 3});
        EXPECT_TRUE(torch::equal(affine_sample(input, theta, size, o), input))
            << name(o) << " " << side;
      }
    }
  }
}

// Slopes of the paper: +1 for m >= x and -1 for m < x; x = 2 is a whole pixel.
TEST_F(SamplerTest, SlopeAtAWholePixelIsFromTheLeft) {
  for (const auto type : {torch::kFloat32, torch::kFloat64}) {
    const Tensor input =
        torch::tensor({1.0, 10.0, 100.0, 1000.0, 10000.0}, type).view({1, 1, 1, 5});
    const Tensor grid = torch::zeros({1, 1, 1, 2}, type).requires_grad_();
    const SampleOptions corners{.align_corners = true};
    const Tensor out = grid_sample(input, grid, corners);
    EXPECT_EQ(out.item<double>(), 100);
    // Two pixels per unit of normalised coordinates.
    EXPECT_EQ(torch::autograd::grad({out.sum()}, {grid})[0].view(-1)[0].item<double>(), 2 * 90);
    // A constant image has no slope.
    const Tensor flat = grid_sample(torch::ones_like(input), grid, corners);
    EXPECT_EQ(torch::autograd::grad({flat.sum()}, {grid})[0].view(-1)[0].item<double>(), 0);
  }
}

// The same on images with two sides, where f32 runs on the vector kernels: at whole pixels from one
// outside the image to the other, (x,y) of grids and of matrices.
TEST_F(SamplerTest, SlopesAtWholePixelsAreFromTheLeftOnEveryPath) {
  constexpr std::int64_t kSide = 8;  // halves and eighths: coordinates are exact
  for (const std::int64_t channels : {1, 2, 3, 16}) {
    for (const auto border : kBorders) {
      const SampleOptions o{SampleKernel::kBilinear, border, false};
      const Tensor input = torch::randn({1, channels, kSide, kSide}, torch::kFloat64);
      const Tensor pixels = torch::arange(-2.0, kSide + 2.0, torch::kFloat64);
      const Tensor axis = (2 * pixels + 1) / kSide - 1;
      const auto cells = torch::meshgrid({axis, axis}, "ij");
      const Tensor grid = torch::stack({cells[1], cells[0]}, 2).unsqueeze(0);
      // A single coordinate, without neighbours in the vector.
      const Tensor lone = grid.view({-1, 1, 1, 2});
      const auto slopes = [&](torch::Dtype type, const Tensor& coordinates) {
        const Tensor x = input.to(type).expand({coordinates.size(0), -1, -1, -1});
        const Tensor p = coordinates.to(type).requires_grad_();
        return torch::autograd::grad({grid_sample(x, p, o).sum()}, {p})[0]
            .to(torch::kFloat64)
            .view({-1, 2});
      };
      // By hand: the difference of the pixels at and before it, four pixels per unit of
      // coordinates.
      const auto value = [&](std::int64_t x, std::int64_t y) {
        const auto at = [&](std::int64_t i) -> std::int64_t {
          if (i >= 0 && i < kSide) return i;
          if (border == SampleBorder::kZeros) return -1;
          if (border == SampleBorder::kBorder) return i < 0 ? 0 : kSide - 1;
          const std::int64_t turn = (i % (2 * kSide) + 2 * kSide) % (2 * kSide);
          return std::min(turn, 2 * kSide - 1 - turn);
        };
        if (at(x) < 0 || at(y) < 0) return 0.0;
        return input[0].select(2, at(x)).select(1, at(y)).sum().item<double>();
      };
      const std::int64_t count = pixels.size(0);
      Tensor wanted = torch::zeros({count * count, 2}, torch::kFloat64);
      for (std::int64_t i = 0; i < count; ++i) {
        for (std::int64_t j = 0; j < count; ++j) {
          const std::int64_t x = j - 2, y = i - 2;
          wanted[i * count + j][0] = 4 * (value(x, y) - value(x - 1, y));
          wanted[i * count + j][1] = 4 * (value(x, y) - value(x, y - 1));
        }
      }
      for (const auto type : {torch::kFloat32, torch::kFloat64}) {
        EXPECT_LT(largest(slopes(type, grid) - wanted), 1e-4) << name(o) << " " << channels;
        EXPECT_LT(largest(slopes(type, lone) - wanted), 1e-4) << name(o) << " " << channels;
        // Matrices that shift by whole pixels, seen from the middle of the picture.
        const Tensor theta =
            torch::tensor({1.0, 0.0, 0.0, 0.0, 1.0, 0.0}, torch::kFloat64).view({1, 2, 3}).clone();
        for (const auto shift : {0, 3, 8}) {
          theta[0][0][2] = 2.0 * shift / kSide;
          theta[0][1][2] = -2.0 * shift / kSide;
          const Tensor t = theta.to(type).detach().requires_grad_();
          const Tensor y = affine_sample(input.to(type), t, {kSide, kSide}, o);
          const Tensor got = torch::autograd::grad({y.sum()}, {t})[0].to(torch::kFloat64);
          double by_x = 0, by_y = 0;
          for (std::int64_t i = 0; i < kSide; ++i) {
            for (std::int64_t j = 0; j < kSide; ++j) {
              by_x += 4 * (value(j + shift, i - shift) - value(j + shift - 1, i - shift));
              by_y += 4 * (value(j + shift, i - shift) - value(j + shift, i - shift - 1));
            }
          }
          EXPECT_NEAR(got[0][0][2].item<double>(), by_x, 1e-3) << name(o) << " shift " << shift;
          EXPECT_NEAR(got[0][1][2].item<double>(), by_y, 1e-3) << name(o) << " shift " << shift;
        }
      }
    }
  }
}

TEST_F(SamplerTest, NearestIsThePapersIntegerKernel) {
  const Tensor input = torch::arange(4, torch::kFloat64).view({1, 1, 1, 4});
  const auto at = [&](double pixel) {
    const Tensor grid =
        torch::tensor({(2 * pixel + 1) / 4 - 1, 0.0}, torch::kFloat64).view({1, 1, 1, 2});
    return grid_sample(input, grid, {.kernel = SampleKernel::kNearest}).item<double>();
  };
  EXPECT_EQ(at(0.5), 1);  // floor(x + 0.5)
  EXPECT_EQ(at(1.5), 2);
  EXPECT_EQ(at(2.49), 2);
  EXPECT_EQ(at(3.6), 0);  // outside
}

TEST_F(SamplerTest, CoordinatesFarAwayOrNotNumbers) {
  const double inf = std::numeric_limits<double>::infinity();
  for (const auto type : {torch::kFloat32, torch::kFloat64}) {
    const Tensor input = torch::rand({1, 1, 5, 6}, type).requires_grad_();
    for (const auto& o : all_options()) {
      const Tensor far = torch::tensor({inf, -inf, 1e30, -1e30, 3e9, 7e8}, type).view({1, 1, 3, 2});
      const Tensor out = grid_sample(input, far, o);
      EXPECT_TRUE(torch::isfinite(out).all().item<bool>()) << name(o);
      EXPECT_TRUE(
          torch::isfinite(torch::autograd::grad({out.sum()}, {input})[0]).all().item<bool>());
      if (o.border == SampleBorder::kZeros) {
        EXPECT_EQ(largest(out), 0);
      }
      // Also where the other coordinate alone would be outside.
      const double none = std::nan("");
      const Tensor nan = torch::tensor({none, none, none, 9.0, -9.0, none, none, 0.0}, type);
      EXPECT_TRUE(torch::isnan(grid_sample(input, nan.view({1, 2, 2, 2}), o)).all().item<bool>())
          << name(o);
    }
  }
}

// From 2^25 pixels on, f32 has no whole numbers to put bicubic taps on.
TEST_F(SamplerTest, FarAwayTheBorderContinues) {
  const Tensor input = torch::rand({1, 1, 5, 6});
  for (const auto kernel : kKernels) {
    for (const double far : {1e4, 1e6, 1e7, 1e8, 3e9}) {
      const Tensor grid = torch::tensor({far, far, -far, far}, torch::kFloat32).view({1, 1, 2, 2});
      const Tensor out = grid_sample(input, grid, {kernel, SampleBorder::kBorder});
      EXPECT_NEAR(out[0][0][0][0].item<double>(), input[0][0][4][5].item<double>(), 1e-6) << far;
      EXPECT_NEAR(out[0][0][0][1].item<double>(), input[0][0][4][0].item<double>(), 1e-6) << far;
    }
  }
}

// The result for coordinates outside must not depend on the vector's other lanes, which depend on
// the distribution over threads.
TEST_F(SamplerTest, OutsideOfAnInfiniteImageIsZero) {
  for (const std::int64_t channels : {1, 2}) {
    const Tensor input = torch::full({1, channels, 4, 4}, std::numeric_limits<float>::infinity());
    const Tensor grid = torch::tensor({9.0F, 9.0F, 0.1F, 0.1F}).view({1, 1, 2, 2});
    const Tensor out = grid_sample(input, grid);
    EXPECT_EQ(out.select(3, 0).abs().max().item<double>(), 0);
    EXPECT_TRUE(std::isinf(out[0][0][0][1].item<double>()));
  }
}

// Gradients too large for the caches are written past them, in both groupings of channels.
TEST_F(SamplerTest, LargeGradientsAreThoseOfTheirParts) {
  for (const auto& [batch, channels, side] :
       std::vector<std::tuple<int, int, int>>{{60, 16, 96}, {11, 3, 512}}) {
    const Tensor input = torch::rand({batch, channels, side, side}).requires_grad_();
    const Tensor theta = thetas(batch, torch::kFloat32);
    const auto grad = [&](std::int64_t first, std::int64_t count) {
      const Tensor part = input.detach().narrow(0, first, count).requires_grad_();
      const Tensor out = affine_sample(part, theta.narrow(0, first, count), {40, 40});
      return torch::autograd::grad({(out * out).sum()}, {part})[0];
    };
    ASSERT_GT(input.numel(), 1 << 23);
    const Tensor whole = grad(0, batch);
    for (int b = 0; b < batch; b += 5) {
      const Tensor part = grad(b, 1);
      ASSERT_GT(part.abs().sum().item<double>(), 0);
      EXPECT_TRUE(torch::equal(whole.narrow(0, b, 1), part)) << input.sizes() << " " << b;
    }
  }
}

/// Bytes of tensors that the thread allocates while it lives.
struct TensorBytes : c10::MemoryReportingInfoBase {
  std::int64_t total = 0;
  bool memoryProfilingEnabled() const override { return true; }
  void add(std::int64_t bytes) { total += std::max<std::int64_t>(0, bytes); }
#if TORCH_VERSION_MAJOR >= 2
  void reportMemoryUsage(void*, std::int64_t bytes, std::size_t, std::size_t,
                         c10::Device) override {
    add(bytes);
  }
#else
  void reportMemoryUsage(void*, std::int64_t bytes, std::int64_t, std::int64_t,
                         c10::Device) override {
    add(bytes);
  }
#endif
};

// No allocation of a grid's size: only output and gradients.
TEST_F(SamplerTest, AffineSamplesNeedNoMemoryButResultsAndGradients) {
  for (const std::int64_t channels : {1, 3, 16}) {
    const Tensor input = torch::rand({4, channels, 40, 40}).requires_grad_();
    const Tensor theta = thetas(4, torch::kFloat32).requires_grad_();
    const Tensor up = torch::rand({4, channels, 60, 60});
    const auto bytes = std::make_shared<TensorBytes>();
    Tensor out;
    std::vector<Tensor> grads;
    {
      const c10::DebugInfoGuard guard(c10::DebugInfoKind::PROFILER_STATE, bytes);
      out = affine_sample(input, theta, {60, 60});
      grads = torch::autograd::grad({out}, {input, theta}, {up});
    }
    const auto all =
        static_cast<std::int64_t>(out.nbytes() + grads[0].nbytes() + grads[1].nbytes());
    EXPECT_GE(bytes->total, all);
    EXPECT_LT(bytes->total, all + 4096) << channels << " channels";
  }
}

// Lets only these instruction sets be used; 0: all again.
void use_targets(std::int64_t targets) {
  hwy::SetSupportedTargetsForTest(targets);
  hwy::GetChosenTarget().Update(hwy::SupportedTargets());
}

/// f32 on the fast paths against f64, the reference implementation.
void check_fast(const Tensor& input, const Tensor& coordinates, const SampleOptions& o,
                ImageSize size = {19, 21}) {
  const bool is_affine = coordinates.dim() == 3;
  const auto run = [&](torch::Dtype type) {
    const Tensor x = input.to(type).detach().requires_grad_(),
                 p = coordinates.to(type).detach().requires_grad_();
    const Tensor y = is_affine ? affine_sample(x, p, size, o) : grid_sample(x, p, o);
    // Neither smooth nor constant.
    const Tensor up = torch::arange(y.numel(), type).view(y.sizes()).remainder(7) - 2.5;
    auto all = torch::autograd::grad({y}, {x, p}, {up});
    all.push_back(y.detach());
    return all;
  };
  const auto got = run(torch::kFloat32), wanted = run(torch::kFloat64);
  for (std::size_t i = 0; i < got.size(); ++i) {
    // f32 rounds coordinates to 3e-6 pixels here and sums of some hundred numbers of about 1.
    const double error = largest(got[i] - wanted[i]) / (1 + largest(wanted[i]));
    EXPECT_LT(error, 2e-5) << name(o) << " " << input.sizes() << (is_affine ? " affine" : " grid")
                           << " tensor " << i;
  }
}

const std::vector<std::int64_t> kInstructionSets = {
    0, HWY_AVX3 | HWY_AVX2 | HWY_STATIC_TARGET, HWY_AVX2 | HWY_STATIC_TARGET, HWY_STATIC_TARGET};

// Every layout (one or two channels, groups of 4 and 16 with and without a remainder), grids and
// matrices, sizes below a vector, paddings.
TEST_F(SamplerTest, FastAgreesWithTheObviousInEveryInstructionSet) {
  for (const std::int64_t targets : kInstructionSets) {
    if (targets != 0) use_targets(targets & hwy::SupportedTargets());
    for (const std::int64_t channels : {1, 2, 3, 4, 16, 37}) {
      for (const auto border : kBorders) {
        for (const bool align_corners : {false, true}) {
          const SampleOptions o{SampleKernel::kBilinear, border, align_corners};
          const Tensor input = torch::randn({3, channels, 23, 18}),
                       large = torch::randn({2, channels, 45, 44});
          // Most of these are nowhere near a whole pixel, where f32 and f64 may take other sides.
          check_fast(input, thetas(3, torch::kFloat32), o);
          check_fast(large, thetas(2, torch::kFloat32), o);
          check_fast(input, torch::rand({3, 20, 17, 2}) * 4 - 2, o);
          check_fast(torch::randn({1, channels, 2, 2}), thetas(1, torch::kFloat32), o);
          const Tensor grid = identity_grid({45, 44}, align_corners).expand({2, 45, 44, 2});
          EXPECT_TRUE(torch::equal(grid_sample(large, grid, o), large)) << name(o);
        }
      }
    }
    use_targets(0);
  }
}

// Rows are one line to the fast path: a vector may hold several of them, and sums start anew every 16.
TEST_F(SamplerTest, FastAgreesOnRowsShorterThanAVector) {
  for (const std::int64_t targets : kInstructionSets) {
    if (targets != 0) use_targets(targets & hwy::SupportedTargets());
    for (const std::int64_t channels : {1, 2, 5})
      for (const auto border : kBorders)
        for (const std::int64_t width : {1, 3, 7, 16}) {
          const SampleOptions o{SampleKernel::kBilinear, border, false};
          const Tensor input = torch::randn({2, channels, 23, 18});
          check_fast(input, thetas(2, torch::kFloat32), o, {37, width});
          check_fast(input, torch::rand({2, 37, width, 2}) * 4 - 2, o);
        }
    use_targets(0);
  }
}

TEST_F(SamplerTest, ThreadsDoNotChangeTheBits) {
  const int before = torch::get_num_threads();
  for (const auto& [batch, channels] :
       std::vector<std::pair<int, int>>{{1, 2}, {1, 7}, {2, 3}, {5, 1}, {2, 16}, {1, 20}}) {
    for (const auto& o : all_options()) {
      const Tensor input = torch::randn({batch, channels, 40, 37}).requires_grad_();
      const Tensor theta = thetas(batch, torch::kFloat32).requires_grad_();
      const Tensor grid = (torch::rand({batch, 33, 64, 2}) * 3 - 1.5).requires_grad_();
      std::vector<std::vector<Tensor>> results;
      for (const int threads : {1, 2, 4}) {
        torch::set_num_threads(threads);
        const Tensor a = affine_sample(input, theta, {64, 33}, o), g = grid_sample(input, grid, o);
        auto all = torch::autograd::grad({(a * a).sum() + (g * g).sum()}, {input, theta, grid});
        all.push_back(a.detach());
        all.push_back(g.detach());
        results.push_back(all);
      }
      for (std::size_t i = 0; i < results[0].size(); ++i)
        for (std::size_t k = 1; k < results.size(); ++k)
          EXPECT_TRUE(torch::equal(results[0][i], results[k][i])) << name(o) << " tensor " << i;
    }
  }
  torch::set_num_threads(before);
}

TEST_F(SamplerTest, ViewsEmptyBatchesAndPartsOfTheGradients) {
  const Tensor theta = thetas(2, torch::kFloat32);
  const Tensor wide = torch::randn({2, 5, 4, 3});
  const Tensor view = wide.permute({0, 3, 1, 2});
  EXPECT_TRUE(torch::equal(affine_sample(view, theta, {6, 7}),
                           affine_sample(view.contiguous(), theta, {6, 7})));
  EXPECT_FALSE(affine_sample(view, theta, {6, 7}).requires_grad());

  const Tensor input = torch::randn({2, 1, 5, 4}).requires_grad_();
  EXPECT_EQ(torch::autograd::grad({affine_sample(input, theta, {3, 3}).sum()}, {input})[0].sizes(),
            input.sizes());
  const Tensor learned = theta.clone().requires_grad_();
  EXPECT_EQ(
      torch::autograd::grad({affine_sample(input.detach(), learned, {3, 3}).sum()}, {learned})[0]
          .sizes(),
      theta.sizes());

  const Tensor none = torch::zeros({0, 1, 5, 4}).requires_grad_();
  const Tensor out = affine_sample(none, torch::zeros({0, 2, 3}), {3, 2});
  EXPECT_EQ(out.sizes(), (std::vector<std::int64_t>{0, 1, 3, 2}));
  EXPECT_EQ(torch::autograd::grad({out.sum()}, {none})[0].sizes(), none.sizes());
}

// Activations in mixed precision: sampled in f32 at f32 coordinates, returned in their own type.
TEST_F(SamplerTest, ShortTypesAreSampledInFloat) {
  const Tensor theta = thetas(2, torch::kFloat32).requires_grad_();
  const Tensor grid = (torch::rand({2, 6, 7, 2}) * 2 - 1).requires_grad_();
  for (const auto type : {torch::kBFloat16, torch::kFloat16}) {
    const Tensor input = torch::rand({2, 3, 5, 4}).to(type).requires_grad_();
    const Tensor wide = input.detach().to(torch::kFloat32).requires_grad_();
    EXPECT_EQ(coordinate_type(input), torch::kFloat32);
    const auto check = [&](const Tensor& got, const Tensor& wanted, const Tensor& coordinates) {
      EXPECT_EQ(got.scalar_type(), type);
      EXPECT_TRUE(torch::equal(got, wanted.to(type)));
      const Tensor up = torch::rand_like(wanted).to(type);
      const auto g = torch::autograd::grad({got}, {input, coordinates}, {up});
      const auto w = torch::autograd::grad({wanted}, {wide, coordinates}, {up.to(torch::kFloat32)});
      EXPECT_TRUE(torch::equal(g[0], w[0].to(type)));
      EXPECT_TRUE(torch::equal(g[1], w[1]));
    };
    check(affine_sample(input, theta, {6, 7}), affine_sample(wide, theta, {6, 7}), theta);
    check(grid_sample(input, grid), grid_sample(wide, grid), grid);
  }
}

TEST_F(SamplerTest, SaysWhatIsWrong) {
  const Tensor input = torch::zeros({2, 1, 4, 4}), theta = torch::zeros({2, 2, 3});
  expect_error(
      [&] {
        affine_sample(Tensor(), theta, {4, 4});
      },
      "input must be [B,C,H,W] with C, H and W at least 1, got an undefined tensor "
      "(affine_sample)");
  expect_error(
      [&] {
        affine_sample(input.to(torch::kInt32), theta, {4, 4});
      },
      "input must be f32, f64, bf16 or f16, got [2, 1, 4, 4] Int on cpu (affine_sample)");
  expect_error(
      [&] {
        affine_sample(input, torch::zeros({3, 2, 3}), {4, 4});
      },
      "theta must be [2,2,3], got [3, 2, 3] Float on cpu (affine_sample)");
  expect_error(
      [&] {
        affine_sample(input, theta.to(torch::kFloat64), {4, 4});
      },
      "theta must be Float on cpu for the input [2, 1, 4, 4] Float on cpu, got [2, 2, 3] Double on "
      "cpu (affine_sample)");
  expect_error(
      [&] {
        affine_sample(input, theta, {0, 4});
      },
      "size must be at least 1x1, got 0x4 (affine_sample)");
  expect_error(
      [&] {
        grid_sample(input, torch::zeros({2, 3, 3, 3}));
      },
      "grid must be [2,h,w,2] with h and w at least 1, got [2, 3, 3, 3] Float on cpu "
      "(grid_sample)");
  expect_error(
      [&] {
        identity_grid({3, 0}, false);
      },
      "size must be at least 1x1, got 3x0 (identity_grid)");

  const Tensor learned = theta.clone().requires_grad_();
  const Tensor out = affine_sample(input, learned, {4, 4});
  expect_error(
      [&] { torch::autograd::grad({out.sum()}, {learned}, {}, true, true); },
      "affine_sample has no second derivative: backward must not be called with create_graph");
  const Tensor again = affine_sample(input, learned, {4, 4});
  input.add_(1);
  expect_error([&] { torch::autograd::grad({again.sum()}, {learned}); },
               "the input must not be changed in place before backward (affine_sample)");
}

}  // namespace sampler_test
}  // namespace clew::ops
