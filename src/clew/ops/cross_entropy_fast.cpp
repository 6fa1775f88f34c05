// SPDX-License-Identifier: Apache-2.0
#include "clew/ops/cross_entropy_fast.h"

#include <cmath>
#include <limits>

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "clew/ops/cross_entropy_fast.cpp"
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

/// Applies function(tag, x) in place.
template <class Function>
void map(float* numbers, std::size_t count, const Function& function) {
  const hn::ScalableTag<float> d;
  const std::size_t lanes = hn::Lanes(d);
  std::size_t i = 0;
  for (; i + lanes <= count; i += lanes)
    hn::StoreU(function(d, hn::LoadU(d, numbers + i)), d, numbers + i);
  const hn::CappedTag<float, 1> one;
  for (; i < count; ++i) hn::StoreU(function(one, hn::LoadU(one, numbers + i)), one, numbers + i);
}

/// Rows of `count` values, at least one vector of D.
template <class D>
struct Row {
  D d;
  std::size_t count;

  float largest(const float* x) const {
    auto most = hn::LoadU(d, x);
    for (std::size_t i = lanes(); i + lanes() <= count; i += lanes())
      most = hn::Max(most, hn::LoadU(d, x + i));
    most = hn::Max(most, hn::LoadU(d, x + count - lanes()));
    return hn::GetLane(hn::MaxOfLanes(d, most));
  }
  /// to = from - number; false if any result is NaN.
  bool subtract(const float* from, float number, float* to) const {
    const auto all = hn::Set(d, number);
    auto is_nan = hn::FirstN(d, 0);
    std::size_t i = 0;
    for (; i + lanes() <= count; i += lanes()) {
      const auto x = hn::Sub(hn::LoadU(d, from + i), all);
      is_nan = hn::Or(is_nan, hn::IsNaN(x));
      hn::StoreU(x, d, to + i);
    }
    bool is_number = hn::AllFalse(d, is_nan);
    for (; i < count; ++i) {
      to[i] = from[i] - number;
      is_number = is_number && !std::isnan(to[i]);
    }
    return is_number;
  }
  float sum(const float* x) const {
    auto vector = hn::Zero(d);
    std::size_t i = 0;
    for (; i + lanes() <= count; i += lanes()) vector = hn::Add(vector, hn::LoadU(d, x + i));
    float sum = hn::GetLane(hn::SumOfLanes(d, vector));
    for (; i < count; ++i) sum += x[i];
    return sum;
  }
  void multiply(float* x, float factor) const {
    const auto all = hn::Set(d, factor);
    std::size_t i = 0;
    for (; i + lanes() <= count; i += lanes())
      hn::StoreU(hn::Mul(hn::LoadU(d, x + i), all), d, x + i);
    for (; i < count; ++i) x[i] *= factor;
  }
  std::size_t lanes() const { return hn::Lanes(d); }
};

template <class D>
double loss_of(Row<D> row, const float* logits, const std::int64_t* classes, std::size_t rows,
               float scale, float* gradient) {
  const std::size_t count = row.count;
  float sums[kCrossEntropyRows], logs[kCrossEntropyRows], chosen[kCrossEntropyRows];
  for (std::size_t r = 0; r < rows; ++r) {
    const float* const x = logits + r * count;
    float* const shifted = gradient + r * count;
    // hn::Exp(NaN) is 0: NaN is passed on by the target's logit.
    const bool is_number = row.subtract(x, row.largest(x), shifted);
    chosen[r] = is_number ? shifted[classes[r]] : std::numeric_limits<float>::quiet_NaN();
  }
  map(gradient, rows * count, [](auto d, auto x) { return hn::Exp(d, x); });
  for (std::size_t r = 0; r < rows; ++r) sums[r] = logs[r] = row.sum(gradient + r * count);
  map(logs, rows, [](auto d, auto x) { return hn::Log(d, x); });
  double loss = 0;
  for (std::size_t r = 0; r < rows; ++r) {
    float* const g = gradient + r * count;
    row.multiply(g, std::isnan(chosen[r]) ? chosen[r] : scale / sums[r]);
    g[classes[r]] -= scale;
    loss += static_cast<double>(logs[r]) - static_cast<double>(chosen[r]);
  }
  return loss;
}

double CrossEntropyRows(const float* logits, const std::int64_t* classes, std::size_t rows,
                        std::size_t count, float scale, float* gradient) {
  const auto with = [&](auto d) {
    return loss_of(Row<decltype(d)>{d, count}, logits, classes, rows, scale, gradient);
  };
  const hn::ScalableTag<float> whole;
  if (count >= hn::Lanes(whole)) return with(whole);
  if (count >= 8) return with(hn::CappedTag<float, 8>());
  if (count >= 4) return with(hn::CappedTag<float, 4>());
  return with(hn::CappedTag<float, 1>());
}

}  // namespace
}  // namespace clew::ops::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace clew::ops {

HWY_EXPORT(CrossEntropyRows);

double cross_entropy_rows(const float* logits, const std::int64_t* classes, std::size_t rows,
                          std::size_t count, float scale, float* gradient) {
  return HWY_DYNAMIC_DISPATCH(CrossEntropyRows)(logits, classes, rows, count, scale, gradient);
}

}  // namespace clew::ops
#endif
