// SPDX-License-Identifier: Apache-2.0
#include "clew/ops/boxes/overlap_fast.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "clew/ops/boxes/overlap_fast.cpp"
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

template <class T>
struct Overlaps {
  using D = hn::CappedTag<T, 16>;
  using V = hn::Vec<D>;
  using M = hn::Mask<D>;

  HWY_INLINE Overlaps(const BoxColumns<T>& boxes, const T* box)
      : x1(boxes.column(0)),
        y1(boxes.column(1)),
        x2(boxes.column(2)),
        y2(boxes.column(3)),
        areas(boxes.column(4)),
        own_x1(hn::Set(D(), box[0])),
        own_y1(hn::Set(D(), box[1])),
        own_x2(hn::Set(D(), box[2])),
        own_y2(hn::Set(D(), box[3])),
        own_area(hn::Set(D(), (box[2] - box[0]) * (box[3] - box[1]))) {}

  HWY_INLINE V width(std::int64_t at) const {
    return hn::Sub(hn::Min(own_x2, hn::LoadU(D(), x2 + at)),
                   hn::Max(own_x1, hn::LoadU(D(), x1 + at)));
  }
  HWY_INLINE V height(std::int64_t at) const {
    return hn::Sub(hn::Min(own_y2, hn::LoadU(D(), y2 + at)),
                   hn::Max(own_y1, hn::LoadU(D(), y1 + at)));
  }
  /// Boxes that share something, of width w and height h.
  HWY_INLINE M meets(V w, V h) const {
    const V zero = hn::Zero(D());
    return hn::And(hn::Gt(w, zero), hn::Gt(h, zero));
  }
  HWY_INLINE V ratio(std::int64_t at, V w, V h) const {
    const V both = hn::IfThenElseZero(meets(w, h), hn::Mul(w, h));
    return hn::Div(both, hn::Sub(hn::Add(own_area, hn::LoadU(D(), areas + at)), both));
  }

  const T *x1, *y1, *x2, *y2, *areas;
  V own_x1, own_y1, own_x2, own_y2, own_area;
};

template <class T>
HWY_INLINE void Row(const BoxColumns<T>& boxes, const T* box, T* out) {
  const typename Overlaps<T>::D d;
  const Overlaps<T> overlaps(boxes, box);
  const auto lanes = static_cast<std::int64_t>(hn::Lanes(d));
  const std::int64_t whole = boxes.size() / lanes * lanes;
  for (std::int64_t at = 0; at < whole; at += lanes)
    hn::StoreU(overlaps.ratio(at, overlaps.width(at), overlaps.height(at)), d, out + at);
  if (whole == boxes.size()) return;
  HWY_ALIGN T last[hn::MaxLanes(d)];
  hn::Store(overlaps.ratio(whole, overlaps.width(whole), overlaps.height(whole)), d, last);
  for (std::int64_t at = whole; at < boxes.size(); ++at) out[at] = last[at - whole];
}

template <class T>
HWY_INLINE bool Any(const BoxColumns<T>& boxes, std::int64_t begin, const T* box, T threshold) {
  const typename Overlaps<T>::D d;
  const Overlaps<T> overlaps(boxes, box);
  const auto most = hn::Set(d, threshold);
  const auto lanes = static_cast<std::int64_t>(hn::Lanes(d));
  for (std::int64_t at = begin; at < boxes.size(); at += lanes) {
    const auto w = overlaps.width(at), h = overlaps.height(at);
    // Most boxes are apart, and a division costs more than all before it.
    if (HWY_LIKELY(hn::AllFalse(d, overlaps.meets(w, h)))) continue;
    if (!hn::AllFalse(d, hn::Gt(overlaps.ratio(at, w, h), most))) return true;
  }
  return false;
}

void RowF32(const BoxColumns<float>& boxes, const float* box, float* out) { Row(boxes, box, out); }
void RowF64(const BoxColumns<double>& boxes, const double* box, double* out) {
  Row(boxes, box, out);
}
bool AnyF32(const BoxColumns<float>& boxes, std::int64_t begin, const float* box, float threshold) {
  return Any(boxes, begin, box, threshold);
}
bool AnyF64(const BoxColumns<double>& boxes, std::int64_t begin, const double* box,
            double threshold) {
  return Any(boxes, begin, box, threshold);
}

}  // namespace
}  // namespace clew::ops::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace clew::ops {

HWY_EXPORT(RowF32);
HWY_EXPORT(RowF64);
HWY_EXPORT(AnyF32);
HWY_EXPORT(AnyF64);

void iou_row(const BoxColumns<float>& boxes, const float* box, float* out) {
  HWY_DYNAMIC_DISPATCH(RowF32)(boxes, box, out);
}
void iou_row(const BoxColumns<double>& boxes, const double* box, double* out) {
  HWY_DYNAMIC_DISPATCH(RowF64)(boxes, box, out);
}
bool overlaps_any(const BoxColumns<float>& boxes, std::int64_t begin, const float* box,
                  float threshold) {
  return HWY_DYNAMIC_DISPATCH(AnyF32)(boxes, begin, box, threshold);
}
bool overlaps_any(const BoxColumns<double>& boxes, std::int64_t begin, const double* box,
                  double threshold) {
  return HWY_DYNAMIC_DISPATCH(AnyF64)(boxes, begin, box, threshold);
}

}  // namespace clew::ops
#endif
