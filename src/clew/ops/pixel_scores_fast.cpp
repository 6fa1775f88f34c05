// SPDX-License-Identifier: Apache-2.0
#include "clew/ops/pixel_scores_fast.h"

#include <algorithm>

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "clew/ops/pixel_scores_fast.cpp"
#if defined(__GNUC__) && !defined(__clang__)
// GCC 12 warns of its own AVX-512 intrinsics (PR 105593).
#pragma GCC diagnostic ignored "-Wuninitialized"
#pragma GCC diagnostic ignored "-Wmaybe-uninitialized"
#endif
// clang-format off
#include <hwy/foreach_target.h>  // must stand before the others
#include <hwy/highway.h>
#include <hwy/contrib/math/math-inl.h>
// clang-format on

HWY_BEFORE_NAMESPACE();
namespace clew::ops::HWY_NAMESPACE {
namespace {

namespace hn = hwy::HWY_NAMESPACE;

using Vectors = hn::ScalableTag<float>;

/// The two rows of the map next to a row of pixels, interpolated along the columns, and the sums of the gradient by them:
/// all [classes,stride], where `stride` is the number of columns, rounded up to whole vectors.
class RowPair {
 public:
  explicit RowPair(const PixelRows& block, bool has_gradient)
      : block_(block),
        stride_(hwy::RoundUpTo(block.columns->size(), hn::Lanes(Vectors()))),
        rows_(2 * block.classes * stride_),
        gradients_(has_gradient ? rows_.size() : 0) {}

  std::size_t stride() const { return stride_; }
  const float* row(int side) const { return rows_.data() + side * size(); }
  float* gradient(int side) { return gradients_.data() + side * size(); }

  /// True if the pair is that of row y already.
  bool is_at(std::size_t y) const {
    return low_ == block_.rows->low[y] && high_ == block_.rows->high[y];
  }
  void move_to(std::size_t y) {
    low_ = block_.rows->low[y];
    high_ = block_.rows->high[y];
    expand(low_, rows_.data());
    expand(high_, rows_.data() + size());
  }
  /// Adds the sums of the gradient to `gradient` [classes,rows,width] of the map's rows from `first` on, and clears them.
  void flush(std::int32_t first, std::size_t rows, float* gradient) {
    if (low_ < 0) return;
    contract(gradients_.data(), static_cast<std::size_t>(low_ - first), rows, gradient);
    contract(gradients_.data() + size(), static_cast<std::size_t>(high_ - first), rows, gradient);
    std::fill(gradients_.begin(), gradients_.end(), 0.0F);
  }

 private:
  std::size_t size() const { return block_.classes * stride_; }
  void expand(std::int32_t row, float* to) const {
    const auto& taps = *block_.columns;
    for (std::size_t c = 0; c < block_.classes; ++c, to += stride_) {
      const float* const from =
          block_.scores + (c * block_.height + static_cast<std::size_t>(row)) * block_.width;
      for (std::size_t x = 0; x < taps.size(); ++x) {
        const float low = from[taps.low[x]];
        to[x] = low + taps.fraction[x] * (from[taps.high[x]] - low);
      }
    }
  }
  void contract(const float* from, std::size_t row, std::size_t rows, float* gradient) const {
    const auto& taps = *block_.columns;
    for (std::size_t c = 0; c < block_.classes; ++c, from += stride_) {
      float* const to = gradient + (c * rows + row) * block_.width;
      for (std::size_t x = 0; x < taps.size(); ++x) {
        const float high = taps.fraction[x] * from[x];
        to[taps.low[x]] += from[x] - high;
        to[taps.high[x]] += high;
      }
    }
  }

  const PixelRows& block_;
  std::size_t stride_;
  std::int32_t low_ = -1, high_ = -1;
  std::vector<float> rows_, gradients_;
};

PixelSums PixelLossRows(const PixelRows& block, const std::uint8_t* targets, const float* weights,
                        const bool* is_counted, std::size_t gradient_rows, float* gradient) {
  const Vectors d;
  using V = hn::Vec<Vectors>;
  const std::size_t lanes = hn::Lanes(d), columns = block.columns->size();
  RowPair pair(block, true);
  const std::size_t stride = pair.stride();
  const auto first = block.rows->low[block.first];
  std::vector<float> labels(stride, -1.0F), factors(stride, 0.0F), logits(block.classes * lanes);
  PixelSums sums;
  for (std::size_t y = block.first; y < block.last; ++y) {
    if (!pair.is_at(y)) {
      pair.flush(first, gradient_rows, gradient);
      pair.move_to(y);
    }
    const std::uint8_t* const own = targets + y * columns;
    for (std::size_t x = 0; x < columns; ++x) {
      const bool counts = is_counted[own[x]];
      labels[x] = counts ? static_cast<float>(own[x]) : -1.0F;
      factors[x] = weights[own[x]];
      sums.counted += counts ? 1 : 0;
      sums.weight += static_cast<double>(factors[x]);
    }
    const V below = hn::Set(d, block.rows->fraction[y]), above = hn::Sub(hn::Set(d, 1.0F), below);
    V loss = hn::Zero(d);
    for (std::size_t x = 0; x < stride; x += lanes) {
      const float *low = pair.row(0) + x, *high = pair.row(1) + x;
      const V label = hn::LoadU(d, labels.data() + x), factor = hn::LoadU(d, factors.data() + x);
      V most = hn::Zero(d), best = hn::Zero(d), chosen = hn::Zero(d);
      for (std::size_t c = 0; c < block.classes; ++c, low += stride, high += stride) {
        const V number = hn::Set(d, static_cast<float>(c)), from = hn::LoadU(d, low);
        const V logit = hn::MulAdd(below, hn::Sub(hn::LoadU(d, high), from), from);
        hn::StoreU(logit, d, logits.data() + c * lanes);
        chosen = hn::IfThenElse(hn::Eq(label, number), logit, chosen);
        if (c == 0) {
          most = logit;
          continue;
        }
        best = hn::IfThenElse(hn::Gt(logit, most), number, best);
        most = hn::Max(logit, most);
      }
      V sum = hn::Zero(d);
      for (std::size_t c = 0; c < block.classes; ++c) {
        const V e = hn::Exp(d, hn::Sub(hn::LoadU(d, logits.data() + c * lanes), most));
        hn::StoreU(e, d, logits.data() + c * lanes);
        sum = hn::Add(sum, e);
      }
      loss = hn::MulAdd(factor, hn::Sub(hn::Add(hn::Log(d, sum), most), chosen), loss);
      sums.right += static_cast<std::int64_t>(hn::CountTrue(d, hn::Eq(best, label)));
      const V scale = hn::Div(factor, sum);
      float *upper = pair.gradient(0) + x, *lower = pair.gradient(1) + x;
      for (std::size_t c = 0; c < block.classes; ++c, upper += stride, lower += stride) {
        const auto is_label = hn::Eq(label, hn::Set(d, static_cast<float>(c)));
        const V own_gradient = hn::Sub(hn::Mul(scale, hn::LoadU(d, logits.data() + c * lanes)),
                                       hn::IfThenElseZero(is_label, factor));
        hn::StoreU(hn::MulAdd(above, own_gradient, hn::LoadU(d, upper)), d, upper);
        hn::StoreU(hn::MulAdd(below, own_gradient, hn::LoadU(d, lower)), d, lower);
      }
    }
    sums.loss += static_cast<double>(hn::GetLane(hn::SumOfLanes(d, loss)));
  }
  pair.flush(first, gradient_rows, gradient);
  return sums;
}

void PixelLogitsRows(const PixelRows& block, float* logits) {
  const Vectors d;
  const std::size_t lanes = hn::Lanes(d), columns = block.columns->size();
  RowPair pair(block, false);
  const std::size_t stride = pair.stride();
  std::vector<float> row(stride);
  for (std::size_t y = block.first; y < block.last; ++y) {
    if (!pair.is_at(y)) pair.move_to(y);
    const auto below = hn::Set(d, block.rows->fraction[y]);
    for (std::size_t c = 0; c < block.classes; ++c) {
      const float *low = pair.row(0) + c * stride, *high = pair.row(1) + c * stride;
      for (std::size_t x = 0; x < stride; x += lanes) {
        const auto from = hn::LoadU(d, low + x);
        hn::StoreU(hn::MulAdd(below, hn::Sub(hn::LoadU(d, high + x), from), from), d,
                   row.data() + x);
      }
      std::copy_n(row.data(), columns, logits + (c * block.rows->size() + y) * columns);
    }
  }
}

void PixelClassesRows(const PixelRows& block, std::uint8_t* classes) {
  const Vectors d;
  using V = hn::Vec<Vectors>;
  const std::size_t lanes = hn::Lanes(d), columns = block.columns->size();
  RowPair pair(block, false);
  const std::size_t stride = pair.stride();
  std::vector<float> found(stride);
  for (std::size_t y = block.first; y < block.last; ++y) {
    if (!pair.is_at(y)) pair.move_to(y);
    const V below = hn::Set(d, block.rows->fraction[y]);
    for (std::size_t x = 0; x < stride; x += lanes) {
      const float *low = pair.row(0) + x, *high = pair.row(1) + x;
      V most = hn::Zero(d), best = hn::Zero(d);
      for (std::size_t c = 0; c < block.classes; ++c, low += stride, high += stride) {
        const V from = hn::LoadU(d, low);
        const V logit = hn::MulAdd(below, hn::Sub(hn::LoadU(d, high), from), from);
        if (c == 0) {
          most = logit;
          continue;
        }
        best = hn::IfThenElse(hn::Gt(logit, most), hn::Set(d, static_cast<float>(c)), best);
        most = hn::Max(logit, most);
      }
      hn::StoreU(best, d, found.data() + x);
    }
    std::uint8_t* const to = classes + y * columns;
    for (std::size_t x = 0; x < columns; ++x) to[x] = static_cast<std::uint8_t>(found[x]);
  }
}

}  // namespace
}  // namespace clew::ops::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace clew::ops {

HWY_EXPORT(PixelLossRows);
HWY_EXPORT(PixelLogitsRows);
HWY_EXPORT(PixelClassesRows);

PixelSums pixel_loss_rows(const PixelRows& block, const std::uint8_t* targets, const float* weights,
                          const bool* is_counted, std::size_t gradient_rows, float* gradient) {
  return HWY_DYNAMIC_DISPATCH(PixelLossRows)(block, targets, weights, is_counted, gradient_rows,
                                             gradient);
}

void pixel_logits_rows(const PixelRows& block, float* logits) {
  HWY_DYNAMIC_DISPATCH(PixelLogitsRows)(block, logits);
}

void pixel_classes_rows(const PixelRows& block, std::uint8_t* classes) {
  HWY_DYNAMIC_DISPATCH(PixelClassesRows)(block, classes);
}

}  // namespace clew::ops
#endif
