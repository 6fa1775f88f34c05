// SPDX-License-Identifier: Apache-2.0
#include "clew/ops/rmsprop.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "clew/ops/rmsprop.cpp"
#if defined(__GNUC__) && !defined(__clang__)
// GCC 12 warns of its own AVX-512 intrinsics (PR 105593).
#pragma GCC diagnostic ignored "-Wuninitialized"
#pragma GCC diagnostic ignored "-Wmaybe-uninitialized"
#endif
// clang-format off
#include <hwy/foreach_target.h>  // must stand before the others
#include <hwy/highway.h>
// clang-format on

HWY_BEFORE_NAMESPACE();
namespace clew::ops::HWY_NAMESPACE {
namespace {

namespace hn = hwy::HWY_NAMESPACE;

void Step(const RmspropStep& step, const float* gradients, const float* lr_factors,
          std::size_t count, float* squares, float* means, float* values) {
  const auto move = [&](auto d, std::size_t i) {
    const auto g = hn::LoadU(d, gradients + i);
    const auto square = hn::Add(hn::Mul(hn::Set(d, step.decay), hn::LoadU(d, squares + i)),
                                hn::Mul(hn::Set(d, 1 - step.decay), hn::Mul(g, g)));
    hn::StoreU(square, d, squares + i);
    const auto root = hn::Sqrt(
        hn::Add(hn::Div(square, hn::Set(d, step.square_correction)), hn::Set(d, step.eps)));
    const auto mean =
        hn::Add(hn::Mul(hn::Set(d, step.momentum), hn::LoadU(d, means + i)), hn::Div(g, root));
    hn::StoreU(mean, d, means + i);
    const auto lr = hn::Set(d, step.lr);
    const auto rate = lr_factors == nullptr ? lr : hn::Mul(lr, hn::LoadU(d, lr_factors + i));
    hn::StoreU(hn::Sub(hn::LoadU(d, values + i), hn::Mul(rate, mean)), d, values + i);
  };
  const hn::ScalableTag<float> d;
  std::size_t i = 0;
  for (; i + hn::Lanes(d) <= count; i += hn::Lanes(d)) move(d, i);
  for (; i < count; ++i) move(hn::CappedTag<float, 1>(), i);
}

}  // namespace
}  // namespace clew::ops::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace clew::ops {

HWY_EXPORT(Step);

void rmsprop_step(const RmspropStep& step, const float* gradients, const float* lr_factors,
                  std::size_t count, float* square, float* mean, float* values) {
  HWY_DYNAMIC_DISPATCH(Step)(step, gradients, lr_factors, count, square, mean, values);
}

}  // namespace clew::ops
#endif
