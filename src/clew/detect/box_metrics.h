// SPDX-License-Identifier: Apache-2.0
// Average precision of detections, as COCO (T.-Y. Lin et al. 2014; the rules of pycocotools 2.0) and Pascal VOC
// (M. Everingham et al. 2010, section 4.4) define it. Without LibTorch.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <span>
#include <vector>

namespace clew::detect {

/// x and y of the left upper corner, width and height, in pixels; a double each, as COCO's files have them, so that
/// an overlap exactly at a threshold falls on the same side of it.
using BoxXywh = std::array<double, 4>;

struct TruthBox {
  std::int64_t image = 0;
  int category = 0;  // 0..K-1
  BoxXywh box = {};
  double area_px = 0;  // of the mask, where there is one: decides between small, medium and large
  bool is_crowd =
      false;  // COCO: many objects, matched by any number of detections, none of which counts
  bool is_difficult = false;  // VOC: neither found nor missed counts
};

struct ScoredBox {
  std::int64_t image = 0;
  int category = 0;
  BoxXywh box = {};
  double score = 0;
};

/// Intersection over union of detections and truths of one picture and category, by their numbers in the spans that
/// were given -> out[d * truths + t]. For a crowd, over the detection's area alone.
using Overlaps = std::function<void(std::span<const std::size_t> detections,
                                    std::span<const std::size_t> truths, double* out)>;

struct CocoOptions {
  int categories = 1;   // K
  int threads = 1;      // the result is the same for any number
  Overlaps overlaps{};  // of masks; none: of the boxes
  // Areas of the detections' masks in pixels, by their numbers; empty: of the boxes.
  std::span<const double> detection_areas{};
};

/// Precision and recall by COCO's rules.
struct CocoResult {
  static constexpr int kThresholds = 10;  // T: overlaps 0.5, 0.55, ..., 0.95
  static constexpr int kRecalls = 101;    // R: 0, 0.01, ..., 1
  static constexpr int kAreas = 4;        // A: all, below 32^2, up to 96^2, above
  static constexpr int kLimits = 3;  // M: the best 1, 10, 100 detections of a picture and category
  int categories = 0;
  std::vector<double> precision;  // [T,R,K,A,M]; -1 where there is no truth
  std::vector<double> recall;     // [T,K,A,M]; -1 where there is no truth

  /// Mean precision over thresholds and recalls, all areas, 100 detections; -1 without truth. `threshold` in 0..T-1: at
  /// that one alone; `area` in 0..A-1; `category` in 0..K-1: of that one alone.
  double average_precision(int threshold = -1, int area = 0, int category = -1) const;
  /// Mean over thresholds and categories of the recall within kLimits[limit] detections; -1 without truth.
  double average_recall(int limit = 2, int area = 0) const;
  /// The twelve numbers of COCO's table, in its order: AP, at 0.5, at 0.75, of small, medium and large objects; AR within 1,
  /// 10 and 100 detections, of small, medium and large objects.
  std::array<double, 12> summary() const;
};

/// Truths and detections in any order of pictures; those of a picture with equal scores rank as they stand. Categories
/// outside 0..K-1, numbers that are not finite, other than T, R, K numbers of areas: clew::Error.
CocoResult evaluate_coco(std::span<const TruthBox> truths, std::span<const ScoredBox> detections,
                         const CocoOptions& options);

/// Average precision of one category by VOC's rules, and the curve below which it is the area.
struct VocResult {
  double average_precision = 0;           // NaN without truth that counts
  std::vector<double> recall, precision;  // behind each detection, by falling score
};

enum class VocRule {
  kElevenPoints,  // mean of the largest precision at recalls 0, 0.1, ..., 1: VOC 2007
  kAllPoints,     // area below the falling envelope: VOC 2010 and later
};

struct VocOptions {
  int categories = 1;
  VocRule rule = VocRule::kAllPoints;
  double overlap = 0.5;  // the least of a match
};

/// A result for each category.
std::vector<VocResult> evaluate_voc(std::span<const TruthBox> truths,
                                    std::span<const ScoredBox> detections,
                                    const VocOptions& options);

/// Intersection over union of two boxes; `is_crowd`: over the area of `detection` alone. 0 where they do not touch.
double box_iou(const BoxXywh& detection, const BoxXywh& truth, bool is_crowd = false);

}  // namespace clew::detect
