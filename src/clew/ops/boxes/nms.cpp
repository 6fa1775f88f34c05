// SPDX-License-Identifier: Apache-2.0
// A candidate is compared with the boxes kept so far, by vectors, until one suppresses it. Candidates come in
// blocks: against the boxes kept before its block one needs no other's answer, so threads share these. Blocks
// grow, for threads that wait for each other wait long on a busy machine.
#include "clew/ops/boxes/nms.h"

#include <ATen/Parallel.h>
#include <torch/types.h>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <limits>
#include <memory>
#include <vector>

#include "clew/core/error.h"
#include "clew/ops/boxes/checks.h"
#include "clew/ops/boxes/overlap_fast.h"

namespace clew::ops {
namespace {

using torch::Tensor;

constexpr std::int64_t kBlock = 512;  // the smallest

/// The largest T that is not above `threshold`, so that comparing in T is comparing in f64.
template <class T>
T rounded_down(double threshold) {
  const double largest = std::numeric_limits<T>::max();
  auto rounded = static_cast<T>(std::min(threshold, largest));
  if (rounded > threshold) rounded = std::nextafter(rounded, T(0));
  return rounded;
}

/// Marks in is_kept [N] the boxes [N,4] that remain of `order`, numbers by descending score.
template <class T>
void suppress(const T* boxes, const std::vector<std::int64_t>& order, T threshold, bool* is_kept) {
  const auto n = static_cast<std::int64_t>(order.size());
  BoxColumns<T> kept(n);
  std::vector<char> is_dead(static_cast<std::size_t>(n));
  for (std::int64_t first = 0, count = 0; first < n; first += count) {
    const std::int64_t before = kept.size();
    count = std::min(std::max(kBlock, first / 2), n - first);
    const auto box = [&](std::int64_t i) { return boxes + 4 * order[first + i]; };
    at::parallel_for(0, count, kBlock / 8, [&](std::int64_t begin, std::int64_t end) {
      for (std::int64_t i = begin; i < end; ++i)
        is_dead[i] = before > 0 && overlaps_any(kept, 0, box(i), threshold);
    });
    for (std::int64_t i = 0; i < count; ++i) {
      if (is_dead[i] || (kept.size() > before && overlaps_any(kept, before, box(i), threshold)))
        continue;
      kept.push(box(i));
      is_kept[order[first + i]] = true;
    }
  }
}

/// Numbers by class, each class's in the order of `order`.
std::vector<std::vector<std::int64_t>> by_class(const std::int64_t* order, std::int64_t count,
                                                const std::int64_t* classes) {
  if (classes == nullptr) return {std::vector<std::int64_t>(order, order + count)};
  std::vector<std::int64_t> sorted(classes, classes + count);
  std::ranges::sort(sorted);
  sorted.erase(std::ranges::unique(sorted).begin(), sorted.end());
  std::vector<std::vector<std::int64_t>> groups(sorted.size());
  for (std::int64_t i = 0; i < count; ++i) {
    const auto found = std::ranges::lower_bound(sorted, classes[order[i]]);
    groups[static_cast<std::size_t>(found - sorted.begin())].push_back(order[i]);
  }
  return groups;
}

template <class T>
Tensor kept_numbers(const Tensor& boxes, const Tensor& order, const std::int64_t* classes,
                    double threshold) {
  const std::int64_t n = boxes.size(0);
  const std::int64_t* const sorted = order.data_ptr<std::int64_t>();
  const auto groups = by_class(sorted, n, classes);
  const auto is_kept = std::make_unique<bool[]>(static_cast<std::size_t>(n));
  const auto work = [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t g = begin; g < end; ++g)
      suppress(boxes.data_ptr<T>(), groups[g], rounded_down<T>(threshold), is_kept.get());
  };
  const auto count = static_cast<std::int64_t>(groups.size());
  // Threads share the boxes of one class, or take classes.
  if (count == 1) {
    work(0, 1);
  } else {
    at::parallel_for(0, count,
                     std::max<std::int64_t>(1, 512 * count / std::max<std::int64_t>(1, n)), work);
  }
  Tensor result = torch::empty({std::count(is_kept.get(), is_kept.get() + n, true)}, torch::kInt64);
  std::copy_if(sorted, sorted + n, result.data_ptr<std::int64_t>(),
               [&](std::int64_t i) { return is_kept[i]; });
  return result;
}

Tensor suppressed(const Tensor& boxes, const Tensor& scores, const Tensor* classes,
                  double threshold, const char* where) {
  check_boxes(boxes, "boxes", where);
  CLEW_CHECK(scores.defined() && scores.dim() == 1 && scores.size(0) == boxes.size(0),
             "scores must be [", boxes.size(0), "] for the boxes ", boxes.sizes(), ", got ",
             described(scores), " (", where, ")");
  check_like(scores, "scores", boxes, "boxes", where);
  CLEW_CHECK(threshold >= 0, "threshold must be at least 0, got ", threshold, " (", where, ")");
  if (classes != nullptr) {
    CLEW_CHECK(classes->defined() && classes->dim() == 1 && classes->size(0) == boxes.size(0) &&
                   classes->scalar_type() == torch::kInt64,
               "classes must be [", boxes.size(0), "] i64 for the boxes ", boxes.sizes(), ", got ",
               described(*classes), " (", where, ")");
  }
  const torch::NoGradGuard no_grad;
  const Tensor order = std::get<1>(scores.sort(/*stable=*/true, 0, /*descending=*/true)).cpu();
  const Tensor dense = boxes.cpu().contiguous();
  const Tensor labels = classes != nullptr ? classes->cpu().contiguous() : Tensor();
  const std::int64_t* const of_class =
      classes != nullptr ? labels.data_ptr<std::int64_t>() : nullptr;
  const Tensor kept = dense.scalar_type() == torch::kFloat64
                          ? kept_numbers<double>(dense, order, of_class, threshold)
                          : kept_numbers<float>(dense, order, of_class, threshold);
  return kept.to(boxes.device());
}

}  // namespace

Tensor nms(const Tensor& boxes, const Tensor& scores, double threshold) {
  return suppressed(boxes, scores, nullptr, threshold, "nms");
}

Tensor batched_nms(const Tensor& boxes, const Tensor& scores, const Tensor& classes,
                   double threshold) {
  return suppressed(boxes, scores, &classes, threshold, "batched_nms");
}

}  // namespace clew::ops
