// SPDX-License-Identifier: Apache-2.0
// Assigns boxes to objects and draws those that are learned from (Ren et al. 2015, arXiv 1506.01497, section
// 3.1.2), by torchvision's rules.
#pragma once

#include <cstdint>

#include "clew/core/key.h"
#include "clew/ops/tensor.h"

namespace clew::ops {

inline constexpr std::int64_t kBelowThresholds = -1, kBetweenThresholds = -2;

struct MatchOptions {
  double high = 0.7, low = 0.3;     // IoU; high >= low
  bool allows_low_quality = false;  // an object's best boxes match it whatever their IoU, all ties
};

/// iou [M,N] f, M objects and N boxes -> object of each box [N] i64: its best, the first of equal ones, where that
/// is at least `high`; kBetweenThresholds for [low, high), kBelowThresholds below. With low quality allowed, a box
/// that is an object's best (or as good) has its own best object, which may be another. No objects: all below.
torch::Tensor match_boxes(const torch::Tensor& iou, const MatchOptions& options = {});

struct BoxSample {
  torch::Tensor positives, negatives;  // numbers i64, ascending
};

/// labels [N] of any type: at least 1 positive, 0 negative, others ignored -> up to count * positive_fraction
/// positives, and negatives up to `count` in all, each subset of its kind equally likely. The key alone decides.
BoxSample sample_boxes(const torch::Tensor& labels, std::int64_t count, double positive_fraction,
                       Key key);

}  // namespace clew::ops
