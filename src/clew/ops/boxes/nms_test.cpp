// SPDX-License-Identifier: Apache-2.0
#include "clew/ops/boxes/nms.h"

#include <gtest/gtest.h>
#include <torch/torch.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>
#include <vector>

#include "tests/support/expect_error.h"
#include "tests/support/instruction_sets.h"

namespace clew::ops {
namespace nms_test {

using torch::Tensor;

/// Greedy suppression as it is defined, one pair after another; the oracle.
template <class T>
Tensor slow_nms(const Tensor& boxes, const Tensor& scores, const Tensor& classes,
                double threshold) {
  const std::int64_t n = boxes.size(0);
  const T *const box = boxes.data_ptr<T>(), *const score = scores.data_ptr<T>();
  const std::int64_t* const label = classes.data_ptr<std::int64_t>();
  std::vector<std::int64_t> order(static_cast<std::size_t>(n)), kept;
  std::iota(order.begin(), order.end(), 0);
  std::ranges::stable_sort(order, [&](auto a, auto b) {
    return (std::isnan(score[a]) && !std::isnan(score[b])) || score[a] > score[b];
  });
  for (const auto i : order) {
    const auto overlaps = [&](std::int64_t k) {
      const T *const a = box + 4 * i, *const b = box + 4 * k;
      const T w = std::max<T>(0, std::min(a[2], b[2]) - std::max(a[0], b[0])),
              h = std::max<T>(0, std::min(a[3], b[3]) - std::max(a[1], b[1])), both = w * h;
      const T iou = both / ((a[2] - a[0]) * (a[3] - a[1]) + (b[2] - b[0]) * (b[3] - b[1]) - both);
      return label[i] == label[k] && iou > threshold;
    };
    if (std::ranges::none_of(kept, overlaps)) kept.push_back(i);
  }
  return torch::tensor(kept, torch::kInt64);
}

struct Candidates {
  Tensor boxes, scores, classes;
};

/// Boxes in clusters, of rounded coordinates and scores, so that there are ties and exact thresholds; some without
/// area, turned around or NaN.
Candidates candidates(std::int64_t count, torch::Dtype type) {
  const Tensor corner = torch::randint(0, 40, {count, 2}).to(type),
               size = torch::randint(1, 12, {count, 2}).to(type);
  Candidates drawn{torch::cat({corner, corner + size}, 1),
                   torch::randint(0, 50, {count}).to(type) / 50,
                   torch::randint(0, 4, {count}, torch::kInt64)};
  const double nan = std::numeric_limits<double>::quiet_NaN();
  for (std::int64_t i = 0; i + 7 < count; i += 23) {
    drawn.boxes[i] = 0;
    drawn.boxes[i + 1] = drawn.boxes[i + 1].flip(0);
    drawn.boxes[i + 2][i % 4] = nan;
    drawn.boxes[i + 3] = drawn.boxes[i + 4];
    if (i % 2 == 0) drawn.scores[i + 5] = nan;
  }
  return drawn;
}

TEST(Nms, ByHand) {
  const Tensor boxes = torch::tensor({{0.F, 0.F, 10.F, 10.F},
                                      {0.F, 0.F, 10.F, 9.F},
                                      {0.F, 0.F, 10.F, 5.F},
                                      {20.F, 0.F, 30.F, 10.F}});
  const Tensor scores = torch::tensor({0.5F, 0.9F, 0.8F, 0.1F});
  const auto kept = [&](double threshold) { return nms(boxes, scores, threshold); };
  EXPECT_TRUE(torch::equal(kept(0.6), torch::tensor({1, 2, 3}, torch::kInt64)));
  // Exactly 0.9 is not above 0.9 in f64, though the f32 next to it is.
  EXPECT_TRUE(torch::equal(kept(0.95), torch::tensor({1, 2, 0, 3}, torch::kInt64)));
  EXPECT_TRUE(torch::equal(kept(0.3), torch::tensor({1, 3}, torch::kInt64)));
  EXPECT_EQ(nms(torch::zeros({0, 4}), torch::zeros({0}), 0.5).sizes(), torch::IntArrayRef({0}));
  EXPECT_TRUE(
      torch::equal(batched_nms(boxes, scores, torch::tensor({0, 0, 1, 1}, torch::kInt64), 0.3),
                   torch::tensor({1, 2, 3}, torch::kInt64)));
}

TEST(Nms, SameAsOnePairAfterAnother) {
  torch::manual_seed(1);
  for (const auto type : {torch::kFloat32, torch::kFloat64}) {
    for (const std::int64_t count : {1, 7, 16, 100, 700}) {
      const auto [boxes, scores, classes] = candidates(count, type);
      const auto slow = type == torch::kFloat32 ? slow_nms<float> : slow_nms<double>;
      for (const double threshold : {0.0, 0.3, 0.5, 0.7, 1.0}) {
        EXPECT_TRUE(
            torch::equal(nms(boxes, scores, threshold),
                         slow(boxes, scores, torch::zeros({count}, torch::kInt64), threshold)))
            << count << " at " << threshold;
      }
      EXPECT_TRUE(
          torch::equal(batched_nms(boxes, scores, classes, 0.5), slow(boxes, scores, classes, 0.5)))
          << count;
    }
  }
}

TEST(Nms, SameInEveryInstructionSet) {
  torch::manual_seed(3);
  for (const auto type : {torch::kFloat32, torch::kFloat64}) {
    const auto [boxes, scores, classes] = candidates(700, type);
    const Tensor wanted = nms(boxes, scores, 0.4);
    for (const std::int64_t targets : kInstructionSets) {
      const OnlyInstructionSets only(targets);
      EXPECT_TRUE(torch::equal(nms(boxes, scores, 0.4), wanted)) << targets;
    }
  }
}

TEST(Nms, DoesNotDependOnThreads) {
  torch::manual_seed(2);
  const auto [boxes, scores, classes] = candidates(5000, torch::kFloat32);
  const int threads = at::get_num_threads();
  std::vector<Tensor> kept, in_classes;
  for (const int count : {1, 2, 5}) {
    at::set_num_threads(count);
    kept.push_back(nms(boxes, scores, 0.7));
    in_classes.push_back(batched_nms(boxes, scores, classes, 0.5));
  }
  at::set_num_threads(threads);
  for (std::size_t i = 1; i < kept.size(); ++i) {
    EXPECT_TRUE(torch::equal(kept[0], kept[i]));
    EXPECT_TRUE(torch::equal(in_classes[0], in_classes[i]));
  }
}

TEST(Nms, SaysWhatIsWrong) {
  const Tensor boxes = torch::zeros({2, 4}), scores = torch::zeros({2});
  expect_error([&] { (void)nms(torch::zeros({4}), scores, 0.5); },
               "boxes must be [N,4] f32 or f64, got [4] Float on cpu (nms)");
  expect_error([&] { (void)nms(boxes, torch::zeros({3}), 0.5); },
               "scores must be [2] for the boxes [2, 4], got [3] Float on cpu (nms)");
  expect_error([&] { (void)nms(boxes, scores.to(torch::kFloat64), 0.5); },
               "scores must be Float on cpu as the boxes, got [2] Double on cpu (nms)");
  expect_error([&] { (void)nms(boxes, scores, -1); }, "threshold must be at least 0, got -1 (nms)");
  expect_error([&] { (void)batched_nms(boxes, scores, scores, 0.5); },
               "classes must be [2] i64 for the boxes [2, 4], got [2] Float on cpu (batched_nms)");
}

}  // namespace nms_test
}  // namespace clew::ops
