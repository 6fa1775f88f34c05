// SPDX-License-Identifier: Apache-2.0
// Boundary IoU of class maps (Cheng et al. 2021, arXiv:2103.16562).
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

namespace clew::segment {

/// Classes of pixels [height,width] u8, row by row. Borrowed.
struct ClassMap {
  std::span<const std::uint8_t> pixels;
  std::int64_t height = 0, width = 0;
};

/// Width of boundaries: 0.02 of the picture's diagonal, rounded, at least 1. Pixels.
std::int64_t boundary_width(std::int64_t height, std::int64_t width);

/// Marks with 1, else 0, the pixels closer than `distance` + 1 to one of another class or to the outside of the map, by
/// the larger of the differences in x and y: those that `distance` erosions of their class by 3x3 take away. Time does not
/// depend on `distance`. [height,width] u8.
void mark_boundaries(const ClassMap& map, std::int64_t distance, std::vector<std::uint8_t>& marks);

/// Pixels of boundaries by class, over pictures; exact.
class BoundaryCounts {
 public:
  /// 1..255 classes.
  explicit BoundaryCounts(std::int64_t classes);

  /// Adds a picture, with boundaries of boundary_width. Pixels of `truth` that are data::kVoid are taken to be as
  /// predicted, and are not counted: a prediction that is right wherever pixels are counted has a boundary IoU of 1. Maps
  /// of one size, with classes below `classes`, else data::kVoid, without error checking.
  void add(const ClassMap& truth, const ClassMap& predicted);

  /// Intersections, then unions, by class.
  const std::vector<std::int64_t>& counts() const { return counts_; }
  std::vector<std::int64_t>& counts() { return counts_; }
  // NaN where there is nothing to divide by; the mean is over classes with a value.
  double iou(std::int64_t number) const;
  double mean_iou() const;

 private:
  std::int64_t classes_;
  std::vector<std::int64_t> counts_;
  std::vector<std::uint8_t> filled_, of_truth_, of_prediction_;  // reused
};

}  // namespace clew::segment
