// SPDX-License-Identifier: Apache-2.0
// Overlaps of one box with many, by vectors over the many. The bits are those of the scalar formula
// inter / (area + area - inter). Private to the folder.
#pragma once

#include <algorithm>
#include <cstdint>
#include <limits>
#include <memory>

namespace clew::ops {

/// Boxes by columns, with room behind the last for a vector; there and in NaN boxes the area is NaN, so
/// that nothing overlaps them.
template <class T>
class BoxColumns {
 public:
  static constexpr std::int64_t kRoom = 16;

  explicit BoxColumns(std::int64_t room)
      : stride_(room + kRoom), numbers_(std::make_unique_for_overwrite<T[]>(5 * stride_)) {
    std::fill_n(numbers_.get(), 5 * stride_, std::numeric_limits<T>::quiet_NaN());
  }
  /// boxes [count,4].
  BoxColumns(const T* boxes, std::int64_t count) : BoxColumns(count) {
    for (std::int64_t i = 0; i < count; ++i) push(boxes + 4 * i);
  }
  /// box [4]; the room must not be used up.
  void push(const T* box) {
    for (int k = 0; k < 4; ++k) numbers_[k * stride_ + size_] = box[k];
    numbers_[4 * stride_ + size_] = (box[2] - box[0]) * (box[3] - box[1]);
    ++size_;
  }
  std::int64_t size() const { return size_; }
  /// Column k of x1, y1, x2, y2, area.
  const T* column(int k) const { return numbers_.get() + k * stride_; }

 private:
  std::int64_t stride_, size_ = 0;
  std::unique_ptr<T[]> numbers_;
};

/// Intersection over union of box [4] with all boxes -> out [size].
void iou_row(const BoxColumns<float>& boxes, const float* box, float* out);
void iou_row(const BoxColumns<double>& boxes, const double* box, double* out);

/// Intersection over union above `threshold` (>= 0) of box [4] with any of the boxes begin, begin + 1, ...
bool overlaps_any(const BoxColumns<float>& boxes, std::int64_t begin, const float* box,
                  float threshold);
bool overlaps_any(const BoxColumns<double>& boxes, std::int64_t begin, const double* box,
                  double threshold);

}  // namespace clew::ops
