// SPDX-License-Identifier: Apache-2.0
#include "clew/ops/boxes/matching.h"

#include <torch/types.h>

#include <algorithm>
#include <cstdint>
#include <tuple>
#include <utility>
#include <vector>

#include "clew/core/error.h"
#include "clew/ops/boxes/checks.h"

namespace clew::ops {
namespace {

using torch::Tensor;

/// `count` of the numbers, which it leaves sorted.
void draw(std::vector<std::int64_t>& numbers, std::int64_t count, Key key) {
  Stream stream(key);
  const auto n = static_cast<std::int64_t>(numbers.size());
  for (std::int64_t i = 0; i < count; ++i)
    std::swap(numbers[i], numbers[i + stream.below(static_cast<std::uint32_t>(n - i))]);
  numbers.resize(static_cast<std::size_t>(count));
  std::ranges::sort(numbers);
}

}  // namespace

Tensor match_boxes(const Tensor& iou, const MatchOptions& options) {
  CLEW_CHECK(iou.defined() && iou.dim() == 2 && is_f32_or_f64(iou),
             "iou must be [M,N] f32 or f64, got ", described(iou), " (match_boxes)");
  CLEW_CHECK(options.low <= options.high, "low must be at most high, ", options.high, ", got ",
             options.low, " (match_boxes)");
  const torch::NoGradGuard no_grad;
  if (iou.size(0) == 0)
    return torch::full({iou.size(1)}, kBelowThresholds, iou.options().dtype(torch::kInt64));
  if (iou.size(1) == 0) return torch::empty({0}, iou.options().dtype(torch::kInt64));
  const auto [best, nearest] = iou.max(0);
  Tensor matches = nearest.masked_fill(best.lt(options.low), kBelowThresholds);
  matches.masked_fill_(best.ge(options.low).logical_and(best.lt(options.high)), kBetweenThresholds);
  if (options.allows_low_quality) {
    const Tensor is_best = iou.eq(iou.amax(1, /*keepdim=*/true)).any(0);
    matches = torch::where(is_best, nearest, matches);
  }
  return matches;
}

BoxSample sample_boxes(const Tensor& labels, std::int64_t count, double positive_fraction,
                       Key key) {
  CLEW_CHECK(labels.defined() && labels.dim() == 1, "labels must be [N], got ", described(labels),
             " (sample_boxes)");
  CLEW_CHECK(count >= 0, "count must be at least 0, got ", count, " (sample_boxes)");
  CLEW_CHECK(positive_fraction >= 0 && positive_fraction <= 1,
             "positive_fraction must be in [0,1], got ", positive_fraction, " (sample_boxes)");
  CLEW_CHECK(labels.size(0) <= std::int64_t{1} << 31, "labels must be at most 2^31, got ",
             labels.size(0), " (sample_boxes)");
  const torch::NoGradGuard no_grad;
  const auto numbers_where = [](const Tensor& mask) {
    const Tensor numbers = torch::nonzero(mask).view(-1).cpu().contiguous();
    const auto* const first = numbers.data_ptr<std::int64_t>();
    return std::vector<std::int64_t>(first, first + numbers.numel());
  };
  const auto to_tensor = [&](const std::vector<std::int64_t>& numbers) {
    return torch::tensor(at::ArrayRef<std::int64_t>(numbers), torch::kInt64).to(labels.device());
  };
  auto positives = numbers_where(labels.ge(1)), negatives = numbers_where(labels.eq(0));
  const auto size = [](const std::vector<std::int64_t>& numbers) {
    return static_cast<std::int64_t>(numbers.size());
  };
  const auto wanted = static_cast<std::int64_t>(static_cast<double>(count) * positive_fraction);
  draw(positives, std::min(size(positives), wanted), fold_in(key, 0));
  draw(negatives, std::min(size(negatives), count - size(positives)), fold_in(key, 1));
  return {to_tensor(positives), to_tensor(negatives)};
}

}  // namespace clew::ops
