// SPDX-License-Identifier: Apache-2.0
// Mistakes of a detector, picture by picture. Without LibTorch.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "clew/detect/box_metrics.h"

namespace clew::detect {

enum class BoxVerdict : std::uint8_t {
  kFound,      // overlaps an object of its class by at least 0.5, the best such detection
  kDouble,     // of an object that a better one found
  kMisplaced,  // overlaps an object of its class by 0.1 to 0.5
  kConfused,   // overlaps an object of another class by at least 0.5
  kInvented,   // none of these
  kIgnored,    // in a crowd, or on a difficult object
};

/// Verdicts on the detections of one picture, and the objects that none of them found.
struct PictureErrors {
  std::int64_t image = 0;
  std::vector<TruthBox> truths;
  std::vector<ScoredBox> detections;
  std::vector<BoxVerdict> verdicts;  // by detection
  std::vector<bool> is_missed;       // by truth; false for crowds and difficult objects

  std::int64_t count(BoxVerdict verdict) const;
  std::int64_t missed() const;
  /// Missed objects and wrong detections.
  std::int64_t total() const;
};

/// Pictures by ascending number, detections of at least `score`. A picture without boxes is left out.
std::vector<PictureErrors> box_errors(std::span<const TruthBox> truths,
                                      std::span<const ScoredBox> detections, double score);

}  // namespace clew::detect
