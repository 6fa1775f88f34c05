// SPDX-License-Identifier: Apache-2.0
// Vectorised loops of pixel_scores.h over rows of pixels. Private to the module.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

namespace clew::ops {

/// Interpolation along an axis: pixel i has (1 - fraction[i]) of element low[i] and fraction[i] of element high[i].
struct PixelTaps {
  std::vector<std::int32_t> low, high;
  std::vector<float> fraction;
  std::size_t size() const { return low.size(); }
};

/// Rows [first,last) of the pixels of a picture.
struct PixelRows {
  const float* scores;  // [classes,height,width] of the map
  std::size_t classes, height, width;
  const PixelTaps *rows, *columns;
  std::size_t first, last;
};

struct PixelSums {
  double loss = 0, weight = 0;
  std::int64_t counted = 0, right = 0;
};

/// `targets` [rows,columns] of the picture; `weights` [256] by class, 0 of those that are not counted; `is_counted` [256].
/// Adds the gradient of the loss to `gradient` [classes,n,width], the map's n rows from rows->low[first] on.
PixelSums pixel_loss_rows(const PixelRows& block, const std::uint8_t* targets, const float* weights,
                          const bool* is_counted, std::size_t gradient_rows, float* gradient);
/// Writes `logits` [classes,rows,columns], the interpolated scores of the picture.
void pixel_logits_rows(const PixelRows& block, float* logits);
/// Writes `classes` [rows,columns] of the picture.
void pixel_classes_rows(const PixelRows& block, std::uint8_t* classes);

}  // namespace clew::ops
