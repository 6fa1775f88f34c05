// SPDX-License-Identifier: Apache-2.0
#include "clew/segment/boundary.h"

#include <algorithm>
#include <cmath>

#include "clew/core/error.h"
#include "clew/data/views.h"
#include "clew/segment/means.h"

namespace clew::segment {
namespace {

constexpr double kDilationRatio = 0.02;  // of the diagonal (Cheng et al. 2021, section 5.1)

/// Sets the pixels of `row` with `distance` others of their class on the left and on the right to 1, else to 0.
void mark_inner(std::span<const std::uint8_t> row, std::size_t distance, std::uint8_t* inner) {
  std::fill_n(inner, row.size(), std::uint8_t{0});
  for (std::size_t begin = 0, end = 0; begin < row.size(); begin = end) {
    while (end < row.size() && row[end] == row[begin]) ++end;
    if (end - begin > 2 * distance)
      std::fill(inner + begin + distance, inner + end - distance, std::uint8_t{1});
  }
}

}  // namespace

std::int64_t boundary_width(std::int64_t height, std::int64_t width) {
  const auto diagonal = std::hypot(static_cast<double>(height), static_cast<double>(width));
  return std::max<std::int64_t>(1, std::llrint(kDilationRatio * diagonal));
}

void mark_boundaries(const ClassMap& map, std::int64_t distance, std::vector<std::uint8_t>& marks) {
  const auto height = static_cast<std::size_t>(map.height),
             width = static_cast<std::size_t>(map.width),
             reach = static_cast<std::size_t>(distance);
  marks.assign(height * width, 1);
  std::vector<std::uint8_t> inner(width);
  std::vector<std::uint32_t> lengths(width);  // of the inner pixels of one class above, and this
  for (std::size_t y = 0; y < height; ++y) {
    const auto row = map.pixels.subspan(y * width, width);
    const auto above = y == 0 ? row : map.pixels.subspan((y - 1) * width, width);
    mark_inner(row, reach, inner.data());
    for (std::size_t x = 0; x < width; ++x) {
      const std::uint32_t longer = row[x] == above[x] ? lengths[x] + 1 : 1;
      lengths[x] = inner[x] != 0 ? longer : 0;
    }
    if (y < 2 * reach) continue;
    auto* const middle = marks.data() + (y - reach) * width;
    for (std::size_t x = 0; x < width; ++x) middle[x] = lengths[x] <= 2 * reach ? 1 : 0;
  }
}

BoundaryCounts::BoundaryCounts(std::int64_t classes)
    : classes_(classes), counts_(static_cast<std::size_t>(2 * classes)) {
  CLEW_CHECK(classes >= 1 && classes <= 255, "boundaries must be of 1..255 classes, got ", classes);
}

void BoundaryCounts::add(const ClassMap& truth, const ClassMap& predicted) {
  const auto distance = boundary_width(truth.height, truth.width);
  filled_.resize(truth.pixels.size());
  std::ranges::transform(
      truth.pixels, predicted.pixels, filled_.begin(),
      [](std::uint8_t own, std::uint8_t other) { return own == data::kVoid ? other : own; });
  mark_boundaries({.pixels = filled_, .height = truth.height, .width = truth.width}, distance,
                  of_truth_);
  mark_boundaries(predicted, distance, of_prediction_);
  auto* const both = counts_.data();
  auto* const either = both + classes_;
  for (std::size_t i = 0; i < truth.pixels.size(); ++i) {
    const auto own = truth.pixels[i], other = predicted.pixels[i];
    if ((of_truth_[i] | of_prediction_[i]) == 0 || own == data::kVoid) continue;
    if (own == other) {
      ++either[own];
      both[own] += of_truth_[i] & of_prediction_[i];
    } else {
      either[own] += of_truth_[i];
      either[other] += of_prediction_[i];
    }
  }
}

double BoundaryCounts::iou(std::int64_t number) const {
  return ratio(counts_[static_cast<std::size_t>(number)],
               counts_[static_cast<std::size_t>(classes_ + number)]);
}

double BoundaryCounts::mean_iou() const {
  return mean_of(classes_, [&](std::int64_t i) { return iou(i); });
}

}  // namespace clew::segment
