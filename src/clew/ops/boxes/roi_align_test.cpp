// SPDX-License-Identifier: Apache-2.0
#include "clew/ops/boxes/roi_align.h"

#include <gtest/gtest.h>
#include <torch/torch.h>

#include <cmath>
#include <limits>
#include <string>
#include <vector>

#include "tests/support/expect_error.h"
#include "tests/support/gradient.h"
#include "tests/support/instruction_sets.h"

namespace clew::ops {
namespace roi_align_test {

using torch::Tensor;

constexpr double kNan = std::numeric_limits<double>::quiet_NaN(),
                 kInf = std::numeric_limits<double>::infinity();

/// A bilinear sample of map [H,W] as RoIAlign reads it.
double sample_of(const torch::TensorAccessor<double, 2>& map, double y, double x) {
  const auto h = map.size(0), w = map.size(1);
  if (!(y >= -1 && y <= static_cast<double>(h) && x >= -1 && x <= static_cast<double>(w))) return 0;
  y = std::clamp(y, 0.0, static_cast<double>(h - 1));
  x = std::clamp(x, 0.0, static_cast<double>(w - 1));
  const auto top = static_cast<std::int64_t>(y), left = static_cast<std::int64_t>(x),
             bottom = std::min(top + 1, h - 1), right = std::min(left + 1, w - 1);
  const double by = y - static_cast<double>(top), bx = x - static_cast<double>(left);
  return (1 - by) * ((1 - bx) * map[top][left] + bx * map[top][right]) +
         by * ((1 - bx) * map[bottom][left] + bx * map[bottom][right]);
}

/// RoIAlign as it is defined, sample after sample; the oracle.
Tensor slow_roi_align(const Tensor& features, const Tensor& rois, const RoiAlignOptions& o) {
  Tensor out = torch::zeros({rois.size(0), features.size(1), o.height, o.width}, torch::kFloat64);
  const auto maps = features.accessor<double, 4>();
  const auto roi = rois.accessor<double, 2>();
  auto result = out.accessor<double, 4>();
  for (std::int64_t k = 0; k < rois.size(0); ++k) {
    const double shift = o.is_aligned ? 0.5 : 0, y1 = roi[k][2] * o.scale - shift,
                 x1 = roi[k][1] * o.scale - shift;
    double h = roi[k][4] * o.scale - shift - y1, w = roi[k][3] * o.scale - shift - x1;
    if (!o.is_aligned) h = std::max(h, 1.0), w = std::max(w, 1.0);
    const double bin_h = h / static_cast<double>(o.height),
                 bin_w = w / static_cast<double>(o.width);
    const auto count = [&](double bin) {
      return o.sampling_ratio > 0 ? o.sampling_ratio : static_cast<std::int64_t>(std::ceil(bin));
    };
    const std::int64_t ny = count(bin_h), nx = count(bin_w);
    if (ny <= 0 || nx <= 0) continue;
    for (std::int64_t c = 0; c < features.size(1); ++c) {
      for (std::int64_t p = 0; p < o.height; ++p) {
        for (std::int64_t q = 0; q < o.width; ++q) {
          double sum = 0;
          for (std::int64_t i = 0; i < ny; ++i)
            for (std::int64_t j = 0; j < nx; ++j)
              sum += sample_of(maps[static_cast<std::int64_t>(roi[k][0])][c],
                               y1 + (static_cast<double>(p) +
                                     (static_cast<double>(i) + 0.5) / static_cast<double>(ny)) *
                                        bin_h,
                               x1 + (static_cast<double>(q) +
                                     (static_cast<double>(j) + 0.5) / static_cast<double>(nx)) *
                                        bin_w);
          result[k][c][p][q] = sum / static_cast<double>(ny * nx);
        }
      }
    }
  }
  return out;
}

std::vector<RoiAlignOptions> all_options() {
  std::vector<RoiAlignOptions> all;
  for (const std::int64_t ratio : {0, 1, 2, 3})
    for (const bool is_aligned : {false, true})
      for (const auto& [h, w] : {std::pair{7, 7}, std::pair{2, 5}})
        all.push_back({.height = h,
                       .width = w,
                       .scale = 0.25,
                       .sampling_ratio = ratio,
                       .is_aligned = is_aligned});
  return all;
}

std::string name(const RoiAlignOptions& o) {
  return concat(o.height, 'x', o.width, " ratio ", o.sampling_ratio,
                o.is_aligned ? " aligned" : "");
}

/// RoIs on `images` pictures of 80 x 64 pixels: inside, across the border, beyond it, tiny, without area.
Tensor some_rois(std::int64_t count, std::int64_t images) {
  const Tensor corner = torch::rand({count, 2}, torch::kFloat64) * 90 - 15,
               size = torch::rand({count, 2}, torch::kFloat64).square() * 60;
  Tensor rois = torch::cat(
      {torch::randint(0, images, {count, 1}).to(torch::kFloat64), corner, corner + size}, 1);
  if (count > 6) {
    rois[1].narrow(0, 1, 4) = torch::tensor({-50.0, -50.0, 300.0, 300.0});
    rois[2].narrow(0, 1, 4) = torch::tensor({200.0, 200.0, 250.0, 250.0});
    rois[3].narrow(0, 1, 4) = torch::tensor({10.0, 10.0, 10.0, 10.0});
    rois[4].narrow(0, 1, 4) = torch::tensor({40.0, 30.0, 8.0, 12.0});
    rois[5].narrow(0, 1, 4) = torch::tensor({0.0, 0.0, 64.0, 80.0});
  }
  return rois;
}

double largest(const Tensor& t) { return t.numel() == 0 ? 0 : t.abs().max().item<double>(); }

TEST(RoiAlign, ByHand) {
  // A plane that rises by 1 to the right and 10 downwards: a bin is its value in the middle.
  const Tensor map = (torch::arange(8).view({1, 8}) + 10 * torch::arange(6).view({6, 1}))
                         .to(torch::kFloat32)
                         .view({1, 1, 6, 8});
  const Tensor rois = torch::tensor({{0.F, 2.F, 2.F, 10.F, 6.F}});
  const Tensor out =
      roi_align(map, rois, {.height = 1, .width = 2, .scale = 0.5, .sampling_ratio = 2});
  EXPECT_TRUE(torch::allclose(out.view({-1}), torch::tensor({22.F, 24.F}))) << out;
  const Tensor aligned =
      roi_align(map, rois, {.height = 1, .width = 2, .scale = 0.5, .is_aligned = true});
  EXPECT_TRUE(torch::allclose(aligned.view({-1}), torch::tensor({16.5F, 18.5F}))) << aligned;
}

TEST(RoiAlign, SameAsSampleAfterSample) {
  torch::manual_seed(1);
  for (const std::int64_t channels : {1, 5, 16, 37, 64}) {
    const Tensor features = torch::randn({2, channels, 20, 16}, torch::kFloat64),
                 rois = some_rois(12, 2);
    for (const auto& o : all_options()) {
      const Tensor wanted = slow_roi_align(features, rois, o);
      const auto compare = [&](const Tensor& given, double tolerance) {
        const Tensor got = roi_align(given, rois.to(given.scalar_type()), o);
        ASSERT_TRUE(got.is_contiguous());
        EXPECT_LT(largest(got.to(torch::kFloat64) - wanted), tolerance)
            << name(o) << ", " << channels << " channels";
      };
      compare(features, 1e-12);
      compare(features.to(torch::kFloat32), 1e-5);
      compare(features.contiguous(torch::MemoryFormat::ChannelsLast), 1e-12);
      compare(features.to(torch::kFloat32).contiguous(torch::MemoryFormat::ChannelsLast), 1e-5);
    }
  }
}

// RoIs that together read less than their frame are copied one by one.
TEST(RoiAlign, FewRoisOnALargeMap) {
  torch::manual_seed(2);
  const Tensor features = torch::randn({1, 20, 60, 90}, torch::kFloat64).requires_grad_();
  const Tensor rois = torch::tensor({{0.0, 900.0, 900.0, 910.0, 910.0},
                                     {0.0, 2.0, 3.0, 9.0, 11.0},
                                     {0.0, 70.0, 50.0, 80.0, 56.0}},
                                    torch::kFloat64);
  const RoiAlignOptions o{.sampling_ratio = 2};
  EXPECT_LT(largest(roi_align(features, rois, o) - slow_roi_align(features, rois, o)), 1e-12);
}

// The sum of outputs times weights is linear in the features: its gradient is found from the oracle exactly.
TEST(RoiAlign, GradientOfTheFeatures) {
  torch::manual_seed(3);
  for (const bool by_pixels : {false, true}) {
    for (const std::int64_t channels : {3, 48}) {
      Tensor features = torch::randn({2, channels, 7, 6}, torch::kFloat64);
      if (by_pixels) features = features.contiguous(torch::MemoryFormat::ChannelsLast);
      features.requires_grad_();
      const Tensor rois = some_rois(9, 2);
      for (const auto& o : all_options()) {
        const Tensor out = roi_align(features, rois, o), up = torch::randn_like(out);
        const Tensor grad = torch::autograd::grad({out}, {features}, {up})[0];
        ASSERT_EQ(grad.is_contiguous(torch::MemoryFormat::ChannelsLast),
                  by_pixels && channels == 48)
            << channels;
        const torch::NoGradGuard no_grad;
        for (int trial = 0; trial < 3; ++trial) {
          const Tensor step = torch::randn_like(features).contiguous();
          EXPECT_NEAR((grad * step).sum().item<double>(),
                      (slow_roi_align(step, rois, o) * up).sum().item<double>(), 1e-9)
              << name(o);
        }
        const Tensor small =
            torch::autograd::Variable(features.detach().to(torch::kFloat32)).requires_grad_();
        torch::AutoGradMode with_grad(true);
        const Tensor in_f32 = torch::autograd::grad({roi_align(small, rois.to(torch::kFloat32), o)},
                                                    {small}, {up.to(torch::kFloat32)})[0];
        EXPECT_LT(largest(in_f32.to(torch::kFloat64) - grad), 3e-5) << name(o);
      }
    }
  }
}

TEST(RoiAlign, GradientsByDifferences) {
  torch::manual_seed(4);
  const Tensor features = torch::randn({2, 3, 9, 8}, torch::kFloat64).requires_grad_();
  // Inside, across each border, wider than the map, and so small that its sides are taken for 1.
  const Tensor rois = torch::tensor({{0.0, 4.1371, 6.3193, 21.7217, 25.2639},
                                     {1.0, -5.3119, -4.1273, 9.2411, 12.9067},
                                     {1.0, 20.3171, 22.9127, 41.2939, 44.7331},
                                     {0.0, -30.1193, -20.7411, 70.3517, 90.1379},
                                     {0.0, 7.3171, 9.1319, 8.2273, 10.3927}},
                                    torch::kFloat64)
                          .requires_grad_();
  for (auto o : all_options()) {
    o.has_box_gradient = true;
    const Tensor weights = torch::randn({5, 3, o.height, o.width}, torch::kFloat64);
    const auto loss = [&] { return (roi_align(features, rois, o) * weights).sum(); };
    if (o.height == 2) expect_gradient(features, loss, 1e-7, name(o) + " features");
    const Tensor grad = torch::autograd::grad({loss()}, {rois})[0];
    EXPECT_EQ(largest(grad.select(1, 0)), 0);
    const torch::NoGradGuard no_grad;
    for (std::int64_t k = 0; k < 5; ++k) {
      for (std::int64_t i = 1; i < 5; ++i) {
        const double step = 1e-6, before = rois[k][i].item<double>();
        rois[k][i] = before + step;
        const double up = loss().item<double>();
        rois[k][i] = before - step;
        const double down = loss().item<double>();
        rois[k][i] = before;
        EXPECT_NEAR((up - down) / (2 * step), grad[k][i].item<double>(), 1e-6)
            << name(o) << " RoI " << k << ", " << i;
      }
    }
  }
}

TEST(RoiAlign, AgreesInEveryInstructionSet) {
  torch::manual_seed(9);
  const Tensor rois = some_rois(20, 2), up = torch::randn({20, 112, 7, 7}, torch::kFloat64);
  for (const std::int64_t channels : {20, 112}) {
    for (const auto format : {torch::MemoryFormat::Contiguous, torch::MemoryFormat::ChannelsLast}) {
      const Tensor features =
          torch::randn({2, channels, 20, 16}, torch::kFloat64).contiguous(format);
      const auto run = [&](torch::Dtype type) {
        const Tensor x = features.to(type).detach().requires_grad_(),
                     boxes = rois.to(type).detach().requires_grad_();
        const Tensor out =
            roi_align(x, boxes, {.scale = 0.25, .sampling_ratio = 2, .has_box_gradient = true});
        auto all = torch::autograd::grad({out}, {x, boxes}, {up.narrow(1, 0, channels).to(type)});
        all.push_back(out.detach());
        return all;
      };
      // Samples at whole pixels, where the slope jumps, are on one side in f32 and on the other in f64.
      const auto wanted = run(torch::kFloat64), f32 = run(torch::kFloat32);
      for (const std::int64_t targets : kInstructionSets) {
        const OnlyInstructionSets only(targets);
        const auto in_f64 = run(torch::kFloat64), in_f32 = run(torch::kFloat32);
        for (std::size_t i = 0; i < 3; ++i) {
          const double scale = 1 + largest(wanted[i]);
          EXPECT_LT(largest(in_f64[i] - wanted[i]) / scale, 1e-12) << targets << ' ' << i;
          EXPECT_LT(largest(in_f32[i] - (i == 1 ? f32 : wanted)[i]) / scale, 2e-5)
              << targets << ' ' << i;
        }
      }
    }
  }
}

TEST(RoiAlign, BoxGradientIsTheSameInAllLayouts) {
  torch::manual_seed(5);
  const Tensor features = torch::randn({2, 48, 9, 8}),
               rois = some_rois(9, 2).to(torch::kFloat32).requires_grad_();
  const RoiAlignOptions o{.scale = 0.25, .sampling_ratio = 2, .has_box_gradient = true};
  const Tensor up = torch::randn({9, 48, 7, 7});
  const auto grad = [&](const Tensor& from) {
    return torch::autograd::grad({roi_align(from, rois, o)}, {rois}, {up})[0];
  };
  EXPECT_TRUE(
      torch::equal(grad(features), grad(features.contiguous(torch::MemoryFormat::ChannelsLast))));
  EXPECT_GT(largest(grad(features)), 0);
  // Boxes are constants unless asked for.
  EXPECT_FALSE(roi_align(features, rois).requires_grad());
}

TEST(RoiAlign, DoesNotDependOnThreads) {
  torch::manual_seed(6);
  const int threads = at::get_num_threads();
  const Tensor rois = some_rois(40, 2).to(torch::kFloat32).requires_grad_(),
               up = torch::randn({40, 70, 7, 7});
  for (const auto format : {torch::MemoryFormat::Contiguous, torch::MemoryFormat::ChannelsLast}) {
    for (const std::int64_t channels : {70, 64}) {
      const Tensor features =
          torch::randn({2, channels, 20, 16}).contiguous(format).requires_grad_();
      std::vector<std::vector<Tensor>> results;
      for (const int count : {1, 2, 3, 7}) {
        at::set_num_threads(count);
        const Tensor out = roi_align(
            features, rois, {.scale = 0.25, .sampling_ratio = 2, .has_box_gradient = true});
        auto grads = torch::autograd::grad({out}, {features, rois}, {up.narrow(1, 0, channels)});
        results.push_back({out, grads[0], grads[1]});
      }
      at::set_num_threads(threads);
      for (std::size_t i = 1; i < results.size(); ++i)
        for (std::size_t j = 0; j < 3; ++j)
          EXPECT_TRUE(torch::equal(results[0][j], results[i][j])) << i << ' ' << j;
    }
  }
}

TEST(RoiAlign, DegenerateInput) {
  const Tensor features = torch::ones({2, 4, 5, 6}).requires_grad_();
  const auto out = [&](std::initializer_list<double> box, const RoiAlignOptions& o) {
    const Tensor roi = torch::cat(
        {torch::zeros({1}), torch::tensor(std::vector<double>(box)).to(torch::kFloat32)});
    return roi_align(features, roi.view({1, 5}), o).abs().max().item<double>();
  };
  for (const bool is_aligned : {false, true}) {
    for (const std::int64_t ratio : {0, 2}) {
      const RoiAlignOptions o{.sampling_ratio = ratio, .is_aligned = is_aligned};
      EXPECT_EQ(out({kNan, 1, 3, 3}, o), 0);
      EXPECT_EQ(out({1, 1, kNan, 3}, o), 0);
      EXPECT_EQ(out({-kInf, 1, kInf, 3}, o), 0);
      EXPECT_EQ(out({50, 50, 60, 60}, o), 0);
      EXPECT_LE(out({-1e30, -1e30, 1e30, 1e30}, o), 1.001);
      EXPECT_LE(out({-1e9, 0, 1e9, 4}, o), 1.001);
      const Tensor none = roi_align(features, torch::zeros({0, 5}), o);
      EXPECT_EQ(none.sizes(), torch::IntArrayRef({0, 4, 7, 7}));
      EXPECT_EQ(largest(torch::autograd::grad({none.sum()}, {features})[0]), 0);
      EXPECT_EQ(roi_align(torch::zeros({0, 4, 5, 6}), torch::zeros({0, 5}), o).size(0), 0);
      EXPECT_EQ(roi_align(torch::zeros({1, 0, 5, 6}), torch::zeros({3, 5}), o).sizes(),
                torch::IntArrayRef({3, 0, 7, 7}));
    }
  }
  // A box that covers the map of ones by far: its share of each bin's samples.
  EXPECT_NEAR(out({-1000, -1000, 1000, 1000}, {.height = 1, .width = 1}), 6.0 * 7 / 4e6, 2e-6);
}

TEST(PyramidLevels, ByHand) {
  const auto box = [](double side) { return std::vector<double>{0, 0, side, side}; };
  Tensor boxes = torch::zeros({8, 4}, torch::kFloat64);
  int row = 0;
  for (const double side : {224.0, 223.9, 112.0, 448.0, 10.0, 5000.0, 0.0})
    boxes[row++] = torch::tensor(box(side), torch::kFloat64);
  boxes[7] = torch::tensor({5.0, 0.0, 0.0, 5.0}, torch::kFloat64);
  for (const auto type : {torch::kFloat32, torch::kFloat64})
    EXPECT_TRUE(torch::equal(pyramid_levels(boxes.to(type), 2, 5),
                             torch::tensor({4, 3, 3, 5, 2, 5, 2, 2}, torch::kInt64)));
}

TEST(PyramidRoiAlign, EachBoxOnItsLevel) {
  torch::manual_seed(7);
  std::vector<Tensor> features;
  for (const std::int64_t side : {64, 32, 16, 8})
    features.push_back(torch::randn({2, 20, side, side}, torch::kFloat64).requires_grad_());
  features[1] = features[1].detach().contiguous(torch::MemoryFormat::ChannelsLast).requires_grad_();
  const auto boxes = [](std::int64_t count) {
    const Tensor corner = torch::rand({count, 2}, torch::kFloat64) * 100,
                 size = torch::rand({count, 2}, torch::kFloat64).pow(3) * 150 + 3;
    return torch::cat({corner, corner + size}, 1);
  };
  const std::vector<Tensor> of_images{boxes(30), boxes(9)};
  const PyramidOptions o{.canonical_size = 56};
  const Tensor got = pyramid_roi_align(features, of_images, {{200, 256}, {256, 190}}, o);
  ASSERT_EQ(got.sizes(), torch::IntArrayRef({39, 20, 7, 7}));
  const Tensor rois = rois_of(of_images), levels = pyramid_levels(rois.narrow(1, 1, 4), 2, 5, o);
  EXPECT_EQ(std::get<0>(at::_unique(levels)).numel(), 4);
  const Tensor up = torch::randn_like(got);
  const auto grads = torch::autograd::grad({got}, {features.begin(), features.end()}, {up});
  for (std::int64_t level = 0; level < 4; ++level) {
    const Tensor own = torch::nonzero(levels.eq(level + 2)).squeeze(1);
    const Tensor wanted =
        roi_align(features[level], rois.index_select(0, own),
                  {.scale = std::exp2(-2.0 - static_cast<double>(level)), .sampling_ratio = 2});
    EXPECT_TRUE(torch::equal(got.index_select(0, own), wanted));
    const Tensor grad =
        torch::autograd::grad({wanted}, {features[level]}, {up.index_select(0, own)})[0];
    EXPECT_TRUE(torch::equal(grad, grads[level]));
  }
  EXPECT_EQ(pyramid_roi_align(features, {boxes(0), boxes(0)}, {{256, 256}, {256, 256}}).size(0), 0);
}

TEST(PyramidRoiAlign, OffsetsOfTheMapsMoveTheBoxes) {
  torch::manual_seed(11);
  const std::vector<Tensor> features{torch::randn({1, 2, 16, 16}, torch::kFloat64),
                                     torch::randn({1, 2, 8, 8}, torch::kFloat64)};
  const Tensor small = torch::tensor({{20.0, 24.0, 40.0, 44.0}}, torch::kFloat64),
               large = torch::tensor({{10.0, 12.0, 90.0, 92.0}}, torch::kFloat64);
  PyramidOptions o{.canonical_size = 60, .canonical_level = 4};
  const auto pooled = [&](const Tensor& box) {
    return pyramid_roi_align(features, {box}, {{128, 128}}, o);
  };
  const auto small_moved = pooled(small - 7), large_moved = pooled(large - 15);
  o.offsets = {7, 15};
  EXPECT_TRUE(torch::allclose(pooled(small), small_moved));
  EXPECT_TRUE(torch::allclose(pooled(large), large_moved));
}

TEST(PyramidRoiAlign, GradientOfTheBoxes) {
  torch::manual_seed(8);
  const std::vector<Tensor> features{torch::randn({1, 2, 8, 8}, torch::kFloat64),
                                     torch::randn({1, 2, 4, 4}, torch::kFloat64)};
  const Tensor boxes =
      torch::tensor({{3.1371, 4.2193, 20.3217, 19.7639}, {1.3119, 2.1273, 28.7411, 30.3067}},
                    torch::kFloat64)
          .requires_grad_();
  const Tensor weights = torch::randn({2, 2, 3, 3}, torch::kFloat64);
  const PyramidOptions o{.height = 3,
                         .width = 3,
                         .has_box_gradient = true,
                         .canonical_size = 24,
                         .canonical_level = 3};
  expect_gradient(
      boxes,
      [&] {
        return (pyramid_roi_align(features, {boxes}, {{32, 32}}, o) * weights).sum();
      },
      1e-7, "boxes");
}

TEST(RoiAlign, SaysWhatIsWrong) {
  const Tensor features = torch::zeros({2, 3, 5, 5}), rois = torch::zeros({1, 5});
  expect_error(
      [&] {
        (void)roi_align(torch::zeros({3, 5, 5}), rois);
      },
      "features must be [B,C,H,W] f32 or f64 with H and W at least 1, got [3, 5, 5] Float on cpu "
      "(roi_align)");
  expect_error(
      [&] {
        (void)roi_align(features, torch::zeros({1, 4}));
      },
      "rois must be [K,5] f32 or f64, got [1, 4] Float on cpu (roi_align)");
  expect_error([&] { (void)roi_align(features, rois.to(torch::kFloat64)); },
               "rois must be Float on cpu as the features, got [1, 5] Double on cpu (roi_align)");
  expect_error([&] { (void)roi_align(features, rois + 2); },
               "rois must begin with the number of one of 2 images, got 2 in row 0 (roi_align)");
  expect_error([&] { (void)roi_align(features, rois + kNan); },
               "rois must begin with the number of one of 2 images, got nan in row 0 (roi_align)");
  expect_error([&] { (void)roi_align(features, rois, {.height = 0}); },
               "bins must be 1x1 to 1024x1024, got 0x7 (roi_align)");
  expect_error([&] { (void)roi_align(features, rois, {.scale = 0}); },
               "scale must be above 0, got 0 (roi_align)");
  expect_error([&] { (void)roi_align(features, rois, {.sampling_ratio = -1}); },
               "sampling_ratio must be in 0..1024 (0: by the size of the bin), got -1 (roi_align)");
  const Tensor x = features.clone().requires_grad_();
  expect_error(
      [&] {
        torch::autograd::grad({roi_align(x, rois).square().sum()}, {x}, {}, true,
                              /*create_graph=*/true);
      },
      "roi_align has no second derivative: backward must not be called with create_graph");
  expect_error([] { (void)rois_of({}); },
               "boxes must be of at least one image, got none (rois_of)");
  expect_error(
      [] {
        (void)pyramid_levels(torch::zeros({1, 4}), 5, 2);
      },
      "lowest must be at most highest, 2, got 5 (pyramid_levels)");
  const std::vector<Tensor> boxes{torch::zeros({1, 4}), torch::zeros({1, 4})};
  expect_error(
      [&] {
        (void)pyramid_roi_align({}, boxes, {{5, 5}, {5, 5}});
      },
      "features must be of at least one level, got none (pyramid_roi_align)");
  expect_error(
      [&] {
        (void)pyramid_roi_align({features}, boxes, {{5, 5}});
      },
      "boxes and images must be of 2 images as the features, got 2 and 1 (pyramid_roi_align)");
  expect_error(
      [&] {
        (void)pyramid_roi_align({features, torch::zeros({2, 4, 5, 5})}, boxes, {{5, 5}, {5, 5}});
      },
      "features must be [2,3,H,W] as the first level, got [2, 4, 5, 5] (pyramid_roi_align)");
  expect_error(
      [&] {
        (void)pyramid_roi_align({features, torch::zeros({2, 3, 50, 50})}, boxes, {{5, 5}, {5, 5}});
      },
      "features must be from the finest to the coarsest, got heights 5 and 50 (pyramid_roi_align)");
  expect_error(
      [&] {
        (void)pyramid_roi_align({features}, boxes, {{0, 5}, {0, 5}});
      },
      "images must be higher than 0, got 0 (pyramid_roi_align)");
}

}  // namespace roi_align_test
}  // namespace clew::ops
