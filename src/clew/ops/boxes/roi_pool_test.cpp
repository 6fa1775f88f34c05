// SPDX-License-Identifier: Apache-2.0
#include "clew/ops/boxes/roi_pool.h"

#include <gtest/gtest.h>
#include <torch/torch.h>

#include <limits>
#include <vector>

#include "clew/ops/boxes/roi_align.h"
#include "tests/support/expect_error.h"
#include "tests/support/gradient.h"

namespace clew::ops {
namespace roi_pool_test {

using torch::Tensor;

constexpr double kNan = std::numeric_limits<double>::quiet_NaN();

Tensor some_rois(std::int64_t count, std::int64_t images) {
  const Tensor corner = torch::rand({count, 2}, torch::kFloat64) * 90 - 15,
               size = torch::rand({count, 2}, torch::kFloat64).square() * 60;
  return torch::cat(
      {torch::randint(0, images, {count, 1}).to(torch::kFloat64), corner, corner + size}, 1);
}

TEST(RoiPool, ByHand) {
  const Tensor map = torch::arange(24).to(torch::kFloat32).view({1, 1, 4, 6}).requires_grad_();
  // Pixels 1..4 x 0..2: bins of 2 columns and 1.5 rows, which share row 1.
  const Tensor rois = torch::tensor({{0.F, 1.9F, 0.4F, 8.4F, 4.F}});
  const Tensor out = roi_pool(map, rois, {.height = 2, .width = 2, .scale = 0.5});
  EXPECT_TRUE(torch::equal(out.view({-1}), torch::tensor({8.F, 10.F, 14.F, 16.F}))) << out;
  const Tensor grad = torch::autograd::grad(
      {out}, {map}, {torch::tensor({1.F, 2.F, 3.F, 4.F}).view({1, 1, 2, 2})})[0];
  EXPECT_EQ(grad.sum().item<float>(), 10);
  EXPECT_EQ(grad.view({-1})[14].item<float>(), 3);
}

TEST(RoiPool, GradientsByDifferences) {
  torch::manual_seed(1);
  const Tensor features = torch::randn({2, 3, 9, 8}, torch::kFloat64).requires_grad_(),
               rois = some_rois(9, 2);
  const Tensor weights = torch::randn({9, 3, 3, 2}, torch::kFloat64);
  expect_gradient(
      features,
      [&] {
        return (roi_pool(features, rois, {3, 2, 0.125}) * weights).sum();
      },
      1e-6, "roi_pool");
}

TEST(RoiWarpPool, WithOneSampleItIsRoiAlign) {
  torch::manual_seed(2);
  const Tensor features = torch::randn({2, 5, 20, 16}, torch::kFloat64), rois = some_rois(20, 2);
  for (const bool is_aligned : {false, true}) {
    const Tensor got = roi_warp_pool(
        features, rois, {.scale = 0.25, .sampling_ratio = 1, .is_aligned = is_aligned});
    const Tensor wanted =
        roi_align(features, rois, {.scale = 0.25, .sampling_ratio = 1, .is_aligned = is_aligned});
    EXPECT_TRUE(torch::allclose(got, wanted, 1e-10, 1e-12));
  }
}

// More samples are those of a finer grid, of which each bin's largest counts.
TEST(RoiWarpPool, IsTheLargestOfFinerBins) {
  torch::manual_seed(3);
  const Tensor features = torch::randn({2, 5, 20, 16}, torch::kFloat64);
  const Tensor rois =
      torch::tensor({{0.0, 4.1, 6.3, 41.7, 55.2}, {1.0, 3.0, 8.0, 60.0, 70.0}}, torch::kFloat64);
  const Tensor fine =
      roi_align(features, rois, {.height = 9, .width = 12, .scale = 0.25, .sampling_ratio = 1});
  const Tensor got =
      roi_warp_pool(features, rois, {.height = 3, .width = 4, .scale = 0.25, .sampling_ratio = 3});
  EXPECT_TRUE(torch::allclose(got, torch::max_pool2d(fine, 3), 1e-10, 1e-12));
}

TEST(RoiWarpPool, GradientsByDifferences) {
  torch::manual_seed(4);
  const Tensor features = torch::randn({2, 3, 9, 8}, torch::kFloat64).requires_grad_();
  const Tensor rois = torch::tensor({{0.0, 4.1371, 6.3193, 21.7217, 25.2639},
                                     {1.0, -5.3119, -4.1273, 9.2411, 12.9067},
                                     {1.0, 20.3171, 22.9127, 41.2939, 44.7331},
                                     {0.0, 7.3171, 9.1319, 8.2273, 10.3927}},
                                    torch::kFloat64);
  for (const bool is_aligned : {false, true}) {
    for (const std::int64_t ratio : {1, 2, 3}) {
      const RoiWarpOptions o{.height = 3,
                             .width = 2,
                             .scale = 0.25,
                             .sampling_ratio = ratio,
                             .is_aligned = is_aligned};
      const Tensor weights = torch::randn({4, 3, 3, 2}, torch::kFloat64);
      const Tensor boxes = rois.narrow(1, 1, 4).clone().requires_grad_();
      const auto loss = [&] {
        return (roi_warp_pool(features, torch::cat({rois.narrow(1, 0, 1), boxes}, 1), o) * weights)
            .sum();
      };
      expect_gradient(features, loss, 1e-7, concat("features, ratio ", ratio));
      expect_gradient(boxes, loss, 1e-6,
                      concat("boxes, ratio ", ratio, is_aligned ? " aligned" : ""));
    }
  }
}

TEST(RoiPool, DoesNotDependOnThreads) {
  torch::manual_seed(5);
  const int threads = at::get_num_threads();
  const Tensor features = torch::randn({2, 17, 20, 16}).requires_grad_(),
               rois = some_rois(40, 2).to(torch::kFloat32).requires_grad_();
  std::vector<std::vector<Tensor>> results;
  for (const int count : {1, 2, 5}) {
    at::set_num_threads(count);
    const Tensor pooled = roi_pool(features, rois, {.scale = 0.25}),
                 warped = roi_warp_pool(features, rois, {.scale = 0.25});
    EXPECT_FALSE(pooled.requires_grad() && pooled.grad_fn() == nullptr);
    const auto of_pooled = torch::autograd::grad({pooled.square().sum()}, {features}),
               of_warped = torch::autograd::grad({warped.square().sum()}, {features, rois});
    results.push_back({pooled, warped, of_pooled[0], of_warped[0], of_warped[1]});
  }
  at::set_num_threads(threads);
  for (std::size_t i = 1; i < results.size(); ++i)
    for (std::size_t j = 0; j < 5; ++j)
      EXPECT_TRUE(torch::equal(results[0][j], results[i][j])) << i << ' ' << j;
}

TEST(RoiPool, DegenerateInput) {
  const Tensor features = torch::ones({2, 4, 5, 6}).requires_grad_();
  for (const auto& box :
       std::vector<std::vector<float>>{{static_cast<float>(kNan), 1, 3, 3},
                                       {1, 1, 3, std::numeric_limits<float>::infinity()},
                                       {50, 50, 60, 60}}) {
    const Tensor roi = torch::cat({torch::zeros({1}), torch::tensor(box)}).view({1, 5});
    EXPECT_EQ(roi_pool(features, roi).abs().max().item<float>(), 0);
    EXPECT_EQ(roi_warp_pool(features, roi).abs().max().item<float>(), 0);
    EXPECT_EQ(torch::autograd::grad(
                  {(roi_pool(features, roi) + roi_warp_pool(features, roi)).sum()}, {features})[0]
                  .abs()
                  .max()
                  .item<float>(),
              0);
  }
  const Tensor huge = torch::tensor({{0.F, -1e30F, -1e30F, 1e30F, 1e30F}});
  EXPECT_LE(roi_pool(features, huge).max().item<float>(), 1);
  EXPECT_EQ(roi_pool(features, torch::zeros({0, 5})).sizes(), torch::IntArrayRef({0, 4, 7, 7}));
  EXPECT_EQ(roi_pool(torch::zeros({0, 4, 5, 6}), torch::zeros({0, 5})).size(0), 0);
  EXPECT_EQ(roi_warp_pool(features, torch::zeros({0, 5})).sizes(),
            torch::IntArrayRef({0, 4, 7, 7}));
}

TEST(RoiPool, SaysWhatIsWrong) {
  const Tensor features = torch::zeros({2, 3, 5, 5}), rois = torch::zeros({1, 5});
  expect_error([&] { (void)roi_pool(features.to(torch::kInt64), rois); },
               "features must be [B,C,H,W] f32 or f64 with H and W at least 1, got [2, 3, 5, 5] "
               "Long on cpu (roi_pool)");
  expect_error([&] { (void)roi_pool(features, rois - 1); },
               "rois must begin with the number of one of 2 images, got -1 in row 0 (roi_pool)");
  expect_error([&] { (void)roi_pool(features, rois, {.width = 0}); },
               "bins must be 1x1 to 1024x1024, got 7x0 (roi_pool)");
  expect_error([&] { (void)roi_pool(features, rois, {.scale = -1}); },
               "scale must be above 0, got -1 (roi_pool)");
  expect_error([&] { (void)roi_warp_pool(features, rois, {.sampling_ratio = 0}); },
               "sampling_ratio must be in 1..1024, got 0 (roi_warp_pool)");
}

}  // namespace roi_pool_test
}  // namespace clew::ops
