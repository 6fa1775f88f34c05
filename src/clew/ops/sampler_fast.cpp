// SPDX-License-Identifier: Apache-2.0
// The bilinear sampler for f32, by Highway, in two layouts. At the border a pair of pixels is moved into
// the image and its weights are rearranged, so that nothing is a special case afterwards.
//   Up to two channels: a vector of output pixels at a time. The pairs (x, x+1) of two rows are read
//   with one load of 64 bits each. The image's gradient is added with scalars, for neighbours write
//   to the same places.
//   More channels: 4 or 16 at a time, copied side by side into scratch memory, so that an access serves
//   as many numbers. One idea, but two layouts, forward and backward: hence the length.
#include "clew/ops/sampler_fast.h"

#include <algorithm>
#include <bit>
#include <cstdint>
#include <limits>

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "clew/ops/sampler_fast.cpp"
#if defined(__GNUC__) && !defined(__clang__)
// GCC 12 warns of its own AVX-512 intrinsics (PR 105593).
#pragma GCC diagnostic ignored "-Wuninitialized"
#pragma GCC diagnostic ignored "-Wmaybe-uninitialized"
#endif
// clang-format off
#include <hwy/foreach_target.h>  // must stand before the others
#include <hwy/cache_control.h>
#include <hwy/highway.h>
// clang-format on

HWY_BEFORE_NAMESPACE();
namespace clew::ops::HWY_NAMESPACE {
namespace {

namespace hn = hwy::HWY_NAMESPACE;

#if HWY_TARGET == HWY_AVX3 || HWY_TARGET == HWY_AVX3_DL || HWY_TARGET == HWY_AVX2 || \
    HWY_TARGET == HWY_NEON
#undef CLEW_HAS_KERNELS
#define CLEW_HAS_KERNELS 1

using D = hn::CappedTag<float, 16>;
using V = hn::Vec<D>;
using I = hn::Rebind<std::int32_t, D>;
using D4 = hn::CappedTag<float, 4>;
constexpr std::int64_t kLanes = HWY_MIN(16, HWY_MAX_BYTES / 4);

V set(double x) { return hn::Set(D(), static_cast<float>(x)); }

/// One axis of a vector of pixels: reads pixels base and base + 1.
struct Axis {
  V weight[2], slope[2];
  hn::Vec<I> base;
};

HWY_INLINE Axis plan_inside(V low, V part) {
  const V one = set(1);
  return {{hn::Sub(one, part), part}, {set(-1), one}, hn::ConvertTo(I(), low)};
}

/// Anywhere: the pair is moved into the image, and a weight goes to the pixel that its tap reads.
HWY_INLINE Axis plan_anywhere(V p, std::int64_t n, const SampleOptions& options) {
  const D d;
  const V zero = hn::Zero(d), one = set(1), last = set(static_cast<double>(n - 1));
  // Further away there is nothing but the border's continuation. A NaN stays one: near - near below.
  const V far = set(1 << 22);
  const V near = hn::IfThenElse(hn::Gt(hn::Abs(p), far), hn::CopySign(far, p), p);
  const V high = hn::Ceil(near), low = hn::Sub(high, one);
  const V part = hn::Sub(near, low), fault = hn::Sub(near, near);
  const V weight[2] = {hn::Sub(one, part), part}, slope[2] = {set(-1), one};

  V at[2] = {low, high};
  if (options.border == SampleBorder::kBorder) {
    for (V& t : at) t = hn::Min(hn::Max(t, zero), last);
  } else if (options.border == SampleBorder::kReflection) {
    const std::int64_t corners = options.align_corners ? 1 : 0;
    const V period = set(static_cast<double>(2 * n - 2 * corners)),
            top = set(static_cast<double>(2 * n - 1 - corners));
    for (V& t : at) {
      V m = hn::Sub(t, hn::Mul(period, hn::Floor(hn::Div(t, period))));
      // The quotient may have been rounded to the next whole number.
      m = hn::IfThenElse(hn::Lt(m, zero), hn::Add(m, period), m);
      m = hn::IfThenElse(hn::Ge(m, period), hn::Sub(m, period), m);
      t = hn::IfThenElse(hn::Gt(m, last), hn::Sub(top, m), m);
    }
  }
  const V first = hn::Min(hn::Max(hn::Min(at[0], at[1]), zero), hn::Sub(last, one));
  Axis axis;
  for (int k = 0; k < 2; ++k) {
    const V pixel = k == 0 ? first : hn::Add(first, one);
    const auto from0 = hn::Eq(at[0], pixel), from1 = hn::Eq(at[1], pixel);
    const auto sum = [&](const V* of) {
      const V both = hn::Add(hn::IfThenElseZero(from0, of[0]), hn::IfThenElseZero(from1, of[1]));
      return hn::Add(both, fault);
    };
    axis.weight[k] = sum(weight);
    axis.slope[k] = sum(slope);
  }
  // Again as integers: what a NaN converts to must not leave the image.
  const I di;
  axis.base = hn::Min(hn::Max(hn::ConvertTo(di, first), hn::Zero(di)),
                      hn::Set(di, static_cast<std::int32_t>(n - 2)));
  return axis;
}

/// A vector of pixels: what they weigh and where their pairs start.
struct Pixels {
  V weight(int k) const { return hn::Mul(y.weight[k / 2], x.weight[k % 2]); }  // 00 01 10 11
  Axis x, y;
  hn::Vec<I> at;
  V u, v;  // centred column and row, from Places::next() for matrices
  // Of the vector, only lanes [first, last) have weights that are not all zero.
  std::int64_t first = 0, last = 0;
};

/// Where an image reads, as coordinates() of sampler_rows.h: row by row (start_row and get), or rows as
/// one line (start_rows and next), so that only its last vector has lanes to spare.
class Places {
 public:
  Places(const SampleJob<float>& job, std::int64_t b)
      : job_(job),
        b_(b),
        last_x_(static_cast<float>(job.in_w - 1)),
        last_y_(static_cast<float>(job.in_h - 1)),
        last_u_(centred<float>(job.out_w - 1, job.out_w)),
        width_(static_cast<float>(job.out_w)),
        step_u_(static_cast<float>(kLanes % job.out_w)),
        step_v_(static_cast<float>(kLanes / job.out_w)) {
    if (job.theta == nullptr) return;
    const AffineAxis<float> x(job.theta + b * 6, job.in_w, job),
        y(job.theta + b * 6 + 3, job.in_h, job);
    std::copy_n(x.a, 3, x_);
    std::copy_n(y.a, 3, y_);
    HWY_ALIGN float u[kLanes], v[kLanes];
    for (std::int64_t k = 0; k < kLanes; ++k) {
      u[k] = centred<float>(k % job.out_w, job.out_w);
      v[k] = static_cast<float>(k / job.out_w);
    }
    first_u_ = hn::Load(D(), u), first_v_ = hn::Load(D(), v);
  }

  void start_row(std::int64_t i) {
    if (job_.theta == nullptr) return start_grid(i);
    const float v = centred<float>(i, job_.out_h);
    scale_x_ = x_[0], middle_x_ = x_[1] * v + x_[2];
    scale_y_ = y_[0], middle_y_ = y_[1] * v + y_[2];
  }

  void start_rows(std::int64_t i) {
    if (job_.theta == nullptr) return start_grid(i);
    u_ = first_u_;
    v_ = hn::Add(first_v_, hn::Set(D(), centred<float>(i, job_.out_h)));
  }

  /// Output pixels j and on of the row; lanes past it read what is harmless. kExact: first and last
  /// are exact; else last is 0 where no lane has a weight.
  template <bool kExact>
  HWY_INLINE Pixels get(std::int64_t j) const {
    const D d;
    if (grid_ != nullptr) return at_grid<kExact>(j, job_.out_w);
    // Lanes past the row stay at its end, so as not to be outside where the row is not.
    const V u = hn::Min(hn::Iota(d, centred<float>(j, job_.out_w)), hn::Set(d, last_u_));
    return at<kExact>(hn::Add(hn::Mul(hn::Set(d, scale_x_), u), hn::Set(d, middle_x_)),
                      hn::Add(hn::Mul(hn::Set(d, scale_y_), u), hn::Set(d, middle_y_)),
                      job_.out_w - j);
  }

  /// The next pixels of n; j says how many there were.
  template <bool kExact>
  HWY_INLINE Pixels next(std::int64_t j, std::int64_t n) {
    const D d;
    if (grid_ != nullptr) return at_grid<kExact>(j, n);
    // As get().
    const V middle_x = hn::Add(hn::Mul(hn::Set(d, x_[1]), v_), hn::Set(d, x_[2])),
            middle_y = hn::Add(hn::Mul(hn::Set(d, y_[1]), v_), hn::Set(d, y_[2]));
    Pixels p = at<kExact>(hn::Add(hn::Mul(hn::Set(d, x_[0]), u_), middle_x),
                          hn::Add(hn::Mul(hn::Set(d, y_[0]), u_), middle_y), n - j);
    p.u = u_, p.v = v_;
    u_ = hn::Add(u_, hn::Set(d, step_u_));
    const auto is_past = hn::Gt(u_, hn::Set(d, last_u_));
    u_ = hn::Sub(u_, hn::IfThenElseZero(is_past, hn::Set(d, width_)));
    v_ = hn::Add(hn::Add(v_, hn::Set(d, step_v_)), hn::IfThenElseZero(is_past, set(1)));
    return p;
  }

 private:
  void start_grid(std::int64_t i) {
    const bool corners = job_.options.align_corners;
    grid_ = job_.grid + (b_ * job_.out_h + i) * job_.out_w * 2;
    scale_x_ = place_scale<float>(job_.in_w, corners),
    middle_x_ = centred<float>(job_.in_w - 1, job_.in_w);
    scale_y_ = place_scale<float>(job_.in_h, corners),
    middle_y_ = centred<float>(job_.in_h - 1, job_.in_h);
  }

  template <bool kExact>
  HWY_INLINE Pixels at(V px, V py, std::int64_t left) const {
    const D d;
    const I di;
    const V high_x = hn::Ceil(px), high_y = hn::Ceil(py), one = set(1);
    const V low_x = hn::Sub(high_x, one), low_y = hn::Sub(high_y, one), zero = hn::Zero(d);
    const auto is_inside =
        hn::And(hn::And(hn::Ge(low_x, zero), hn::Le(high_x, hn::Set(d, last_x_))),
                hn::And(hn::Ge(low_y, zero), hn::Le(high_y, hn::Set(d, last_y_))));
    Pixels p;
    p.last = HWY_MIN(kLanes, left);
    if (HWY_LIKELY(hn::AllTrue(d, is_inside))) {
      p.x = plan_inside(low_x, hn::Sub(px, low_x));
      p.y = plan_inside(low_y, hn::Sub(py, low_y));
    } else {
      p.x = plan_anywhere(px, job_.in_w, job_.options);
      p.y = plan_anywhere(py, job_.in_h, job_.options);
      // By equality, so that a NaN is not nothing.
      const auto none_x = hn::And(hn::Eq(p.x.weight[0], zero), hn::Eq(p.x.weight[1], zero));
      const auto none_y = hn::And(hn::Eq(p.y.weight[0], zero), hn::Eq(p.y.weight[1], zero));
      const auto is_nothing = hn::Or(none_x, none_y);
      if constexpr (kExact) {
        std::uint8_t bytes[8] = {};
        hn::StoreMaskBits(d, hn::Not(is_nothing), bytes);
        const std::uint32_t bits =
            (bytes[0] | static_cast<std::uint32_t>(bytes[1]) << 8) & ((1U << p.last) - 1);
        p.first = bits == 0 ? 0 : std::countr_zero(bits);
        p.last = 32 - std::countl_zero(bits);
      } else if (hn::AllTrue(d, is_nothing)) {
        p.last = 0;
      }
    }
    p.at = hn::Add(hn::Mul(p.y.base, hn::Set(di, static_cast<std::int32_t>(job_.in_w))), p.x.base);
    return p;
  }

  template <bool kExact>
  HWY_INLINE Pixels at_grid(std::int64_t j, std::int64_t n) const {
    const D d;
    const float* from = grid_ + 2 * j;
    HWY_ALIGN float tail[2 * kLanes] = {};
    if (j + kLanes > n) {
      std::copy_n(from, 2 * (n - j), tail);
      from = tail;
    }
    V gx, gy;
    hn::LoadInterleaved2(d, from, gx, gy);
    const auto pixel = [&](V g, float scale, float middle, std::int64_t size) {
      return snapped(hn::Add(hn::Mul(g, hn::Set(d, scale)), hn::Set(d, middle)), size);
    };
    return at<kExact>(pixel(gx, scale_x_, middle_x_, job_.in_w),
                      pixel(gy, scale_y_, middle_y_, job_.in_h), n - j);
  }
  static HWY_INLINE V snapped(V p, std::int64_t n) {
    const V whole = hn::Round(p);
    const V limit = set(static_cast<double>(n) * std::numeric_limits<float>::epsilon());
    return hn::IfThenElse(hn::Le(hn::Abs(hn::Sub(p, whole)), limit), whole, p);
  }

  const SampleJob<float>& job_;
  std::int64_t b_;
  float last_x_, last_y_, last_u_, width_, step_u_, step_v_;
  const float* grid_ = nullptr;
  float x_[3] = {}, y_[3] = {};
  float scale_x_ = 0, middle_x_ = 0, scale_y_ = 0, middle_y_ = 0;
  V first_u_ = hn::Zero(D()), first_v_ = first_u_, u_ = first_u_, v_ = first_u_;
};

HWY_INLINE hn::Mask<D> first_lanes(std::int64_t count) {
  return hn::FirstN(D(), static_cast<std::size_t>(HWY_MIN(kLanes, count)));
}

/// Sums of the gradient by the places of a row or of a line of rows, or that of a stored grid.
template <bool kIsRow>
class PlaceGradients {
 public:
  /// n pixels from row i on.
  PlaceGradients(const SampleJob<float>& job, std::int64_t b, std::int64_t i, std::int64_t n,
                 bool adds)
      : job_(job),
        grid_(job.d_grid == nullptr ? nullptr : job.d_grid + (b * job.out_h + i) * job.out_w * 2),
        i_(i),
        n_(n),
        adds_(adds) {}
  /// Pixels j and on, from what the four taps give together with the gradient of the result.
  HWY_INLINE void add(std::int64_t j, const Pixels& p, const V* dots) {
    const D d;
    const auto mask = first_lanes(n_ - j);
    const V left = hn::MulAdd(p.y.weight[1], dots[2], hn::Mul(p.y.weight[0], dots[0])),
            right = hn::MulAdd(p.y.weight[1], dots[3], hn::Mul(p.y.weight[0], dots[1])),
            top = hn::MulAdd(p.x.weight[1], dots[1], hn::Mul(p.x.weight[0], dots[0])),
            bottom = hn::MulAdd(p.x.weight[1], dots[3], hn::Mul(p.x.weight[0], dots[2]));
    const V by_x =
        hn::IfThenElseZero(mask, hn::MulAdd(p.x.slope[1], right, hn::Mul(p.x.slope[0], left)));
    const V by_y =
        hn::IfThenElseZero(mask, hn::MulAdd(p.y.slope[1], bottom, hn::Mul(p.y.slope[0], top)));
    if (grid_ != nullptr) return store(j, by_x, by_y);
    const V u = kIsRow ? hn::Iota(d, centred<float>(j, n_)) : p.u;
    x_ = hn::Add(x_, by_x), xu_ = hn::MulAdd(by_x, u, xu_);
    y_ = hn::Add(y_, by_y), yu_ = hn::MulAdd(by_y, u, yu_);
    if constexpr (!kIsRow) xv_ = hn::MulAdd(by_x, p.v, xv_), yv_ = hn::MulAdd(by_y, p.v, yv_);
  }
  void nothing(std::int64_t j) {
    if (grid_ != nullptr) store(j, hn::Zero(D()), hn::Zero(D()));
  }
  PlaceSums sums() const {
    const auto total = [](V v) { return static_cast<double>(hn::GetLane(hn::SumOfLanes(D(), v))); };
    if constexpr (!kIsRow)
      return {total(x_), total(xu_), total(xv_), total(y_), total(yu_), total(yv_)};
    const auto v = centred<double>(i_, job_.out_h);
    const double x = total(x_), y = total(y_);
    return {x, total(xu_), x * v, y, total(yu_), y * v};
  }

 private:
  HWY_INLINE void store(std::int64_t j, V by_x, V by_y) {
    const D d;
    const bool corners = job_.options.align_corners;
    by_x = hn::Mul(by_x, hn::Set(d, place_scale<float>(job_.in_w, corners)));
    by_y = hn::Mul(by_y, hn::Set(d, place_scale<float>(job_.in_h, corners)));
    float* const to = grid_ + 2 * j;
    if (!adds_ && j + kLanes <= n_) return hn::StoreInterleaved2(by_x, by_y, d, to);
    HWY_ALIGN float both[2 * kLanes];
    hn::StoreInterleaved2(by_x, by_y, d, both);
    const std::int64_t count = 2 * HWY_MIN(kLanes, n_ - j);
    for (std::int64_t k = 0; k < count; ++k) to[k] = adds_ ? to[k] + both[k] : both[k];
  }

  const SampleJob<float>& job_;
  float* grid_;
  std::int64_t i_, n_;
  bool adds_;
  V x_ = hn::Zero(D()), xu_ = x_, xv_ = x_, y_ = x_, yu_ = x_, yv_ = x_;
};

// ---- one channel at a time: pixels in vectors

/// N pairs from where `at` says, in one vector. Single loads: a gather is no faster where it is done in
/// microcode, and nothing else runs beside it.
template <std::size_t N>
HWY_INLINE auto load_pairs(const float* image, const std::int32_t* at) {
  const hn::CappedTag<std::uint64_t, N> d;
  if constexpr (N == 1) {
    return hn::BitCast(d, hn::LoadU(hn::CappedTag<float, 2>(), image + at[0]));
  } else {
    return hn::Combine(d, load_pairs<N / 2>(image, at + N / 2), load_pairs<N / 2>(image, at));
  }
}

/// The left and the right of the pairs of a vector of pixels.
HWY_INLINE void read_pairs(const float* image, const std::int32_t* at, V& left, V& right) {
  const D d;
  const V a = hn::BitCast(d, load_pairs<kLanes / 2>(image, at)),
          b = hn::BitCast(d, load_pairs<kLanes / 2>(image, at + kLanes / 2));
  left = hn::ConcatEven(d, b, a);
  right = hn::ConcatOdd(d, b, a);
}

void Forward(const SampleJob<float>& job, std::int64_t b, std::int64_t begin, std::int64_t end) {
  const D d;
  const std::int64_t area = job.in_h * job.in_w, out_area = job.out_h * job.out_w;
  const float* const images = job.input + b * job.channels * area;
  HWY_ALIGN std::int32_t at[kLanes];
  Places places(job, b);
  places.start_rows(begin);
  float* const out = job.output + b * job.channels * out_area + begin * job.out_w;
  const std::int64_t n = (end - begin) * job.out_w;
  for (std::int64_t j = 0; j < n; j += kLanes) {
    const Pixels p = places.next<false>(j, n);
    const auto mask = first_lanes(n - j);
    if (p.last == 0) {
      for (std::int64_t c = 0; c < job.channels; ++c)
        hn::BlendedStore(hn::Zero(d), mask, d, out + c * out_area + j);
      continue;
    }
    hn::Store(p.at, I(), at);
    const V w00 = p.weight(0), w01 = p.weight(1), w10 = p.weight(2), w11 = p.weight(3);
    for (std::int64_t c = 0; c < job.channels; ++c) {
      const float* const image = images + c * area;
      V v00, v01, v10, v11;
      read_pairs(image, at, v00, v01);
      read_pairs(image + job.in_w, at, v10, v11);
      const V top = hn::MulAdd(w01, v01, hn::Mul(w00, v00)),
              bottom = hn::MulAdd(w11, v11, hn::Mul(w10, v10));
      float* const to = out + c * out_area + j;
      if (j + kLanes <= n)
        hn::StoreU(hn::Add(top, bottom), d, to);
      else
        hn::BlendedStore(hn::Add(top, bottom), mask, d, to);
    }
  }
}

/// A channel's gradient as sums for each place where four taps start, [area,4], with one access a pixel;
/// then every pixel takes its part of the four that cover it.
struct Quads {
  explicit Quads(const SampleJob<float>& job)
      : area(job.in_h * job.in_w), pad(job.in_w + 1), plane(pad + area + kLanes) {}
  std::int64_t size() const { return (area + kLanes) * 4; }

  void gather(const float* quads, float* planes, float* grad) const {
    const D d;
    for (int k = 0; k < 4; ++k) std::fill_n(planes + k * plane, pad, 0.0F);
    for (std::int64_t at = 0; at < area; at += kLanes) {
      V v[4];
      hn::LoadInterleaved4(d, quads + 4 * at, v[0], v[1], v[2], v[3]);
      for (int k = 0; k < 4; ++k) hn::StoreU(v[k], d, planes + k * plane + pad + at);
    }
    // No four start in the last column or row, so that what is left of a row's first pixel is zero.
    const std::int64_t before[4] = {0, 1, pad - 1, pad};
    for (std::int64_t at = 0; at < area; at += kLanes) {
      V v[4];
      for (int k = 0; k < 4; ++k) v[k] = hn::LoadU(d, planes + k * plane + pad + at - before[k]);
      hn::BlendedStore(hn::Add(hn::Add(v[0], v[1]), hn::Add(v[2], v[3])),
                       hn::FirstN(d, static_cast<std::size_t>(HWY_MIN(kLanes, area - at))), d,
                       grad + at);
    }
  }
  std::int64_t area, pad, plane;
};

void Backward(const SampleJob<float>& job, std::int64_t b, std::int64_t begin, std::int64_t end,
              const SampleParts& parts, float* scratch) {
  const D d;
  const std::int64_t area = job.in_h * job.in_w, out_area = job.out_h * job.out_w, in_w = job.in_w;
  const float* const images = job.input + b * job.channels * area;
  float* const grads = parts.has_input ? job.d_input + b * job.channels * area : nullptr;
  const Quads quads(job);
  const bool has_quads = parts.has_input && scratch != nullptr;
  if (has_quads) std::fill_n(scratch, (parts.last - parts.first) * quads.size(), 0.0F);
  HWY_ALIGN float given[4][kLanes], fours[4 * kLanes];
  HWY_ALIGN std::int32_t at[kLanes];
  Places places(job, b);
  for (std::int64_t i = begin; i < end; i += kStrip) {
    places.start_rows(i);
    const float* const up_rows = job.upstream + b * job.channels * out_area + i * job.out_w;
    const std::int64_t n = HWY_MIN(kStrip, end - i) * job.out_w;
    PlaceGradients<false> by_places(job, b, i, n, false);
    for (std::int64_t j = 0; j < n; j += kLanes) {
      const Pixels p = places.next<true>(j, n);
      if (p.last == 0) {
        if (parts.has_places) by_places.nothing(j);
        continue;
      }
      const auto mask = first_lanes(n - j);
      hn::Store(p.at, I(), at);
      V dots[4] = {hn::Zero(d), hn::Zero(d), hn::Zero(d), hn::Zero(d)};
      for (std::int64_t c = parts.first; c < parts.last; ++c) {
        const V up = hn::MaskedLoad(mask, d, up_rows + c * out_area + j);
        if (parts.has_places) {
          const float* const image = images + c * area;
          V v[4];
          read_pairs(image, at, v[0], v[1]);
          read_pairs(image + in_w, at, v[2], v[3]);
          for (int k = 0; k < 4; ++k) dots[k] = hn::MulAdd(up, v[k], dots[k]);
        }
        if (has_quads) {
          const D4 d4;
          hn::StoreInterleaved4(hn::Mul(up, p.weight(0)), hn::Mul(up, p.weight(1)),
                                hn::Mul(up, p.weight(2)), hn::Mul(up, p.weight(3)), d, fours);
          float* const sums = scratch + (c - parts.first) * quads.size();
          for (std::int64_t k = p.first; k < p.last; ++k) {
            float* const to = sums + 4 * std::int64_t{at[k]};
            hn::StoreU(hn::Add(hn::LoadU(d4, to), hn::Load(d4, fours + 4 * k)), d4, to);
          }
        } else if (parts.has_input) {
          for (int k = 0; k < 4; ++k) hn::Store(hn::Mul(up, p.weight(k)), d, given[k]);
          float* const grad = grads + c * area;
          for (std::int64_t k = p.first; k < p.last; ++k) {
            // In this order GCC cannot make pairs of them: a pair would wait for the one before it,
            // which overlaps it by half.
            float* const to = grad + at[k];
            to[0] += given[0][k];
            to[in_w] += given[2][k];
            to[1] += given[1][k];
            to[in_w + 1] += given[3][k];
          }
        }
      }
      if (parts.has_places) by_places.add(j, p, dots);
    }
    if (parts.sums != nullptr) parts.sums[(i - begin) / kStrip] += by_places.sums();
  }
  for (std::int64_t c = parts.first; has_quads && c < parts.last; ++c)
    quads.gather(scratch + (c - parts.first) * quads.size(),
                 scratch + (parts.last - parts.first) * quads.size(), grads + c * area);
}

// ---- 4 or 16 channels at a time (kGroup): the numbers of a pixel side by side in scratch memory

// Floats to fetch ahead of what is read once: the work on a block hides the next one from the core.
constexpr std::int64_t kAhead = 128;

/// The channels of a group; one that is not there is read as zeros and never written.
template <class T, std::int64_t kGroup>
struct Planes {
  Planes(T* all, std::int64_t area, const SampleJob<float>& job, std::int64_t b,
         std::int64_t first) {
    for (std::int64_t c = 0; c < kGroup; ++c)
      plane[c] = first + c < job.channels ? all + (b * job.channels + first + c) * area : nullptr;
  }
  T* plane[kGroup];
};

HWY_INLINE V load_or_zero(const float* plane, hn::Mask<D> mask, std::int64_t at) {
  if (plane != nullptr) hwy::Prefetch(plane + at + kAhead);
  return plane == nullptr ? hn::Zero(D()) : hn::MaskedLoad(mask, D(), plane + at);
}

template <std::int64_t kGroup>
HWY_INLINE void interleave(const Planes<const float, kGroup>& from, std::int64_t at,
                           hn::Mask<D> mask, float* to) {
  const D4 d4;
  HWY_ALIGN float part[4 * kLanes];
  for (std::int64_t c = 0; c < kGroup; c += 4) {
    const float* const* const plane = from.plane + c;
    hn::StoreInterleaved4(load_or_zero(plane[0], mask, at), load_or_zero(plane[1], mask, at),
                          load_or_zero(plane[2], mask, at), load_or_zero(plane[3], mask, at), D(),
                          kGroup == 4 ? to : part);
    for (std::int64_t k = 0; kGroup > 4 && k < kLanes; ++k)
      hn::StoreU(hn::Load(d4, part + 4 * k), d4, to + k * kGroup + c);
  }
}

/// From fours of channels, `stride` apart for the next four, to rows of the channels.
template <std::int64_t kGroup, bool kStreams = false>
HWY_INLINE void separate(const float* from, std::int64_t stride, const Planes<float, kGroup>& to,
                         std::int64_t at, hn::Mask<D> mask) {
  for (std::int64_t c = 0; c < kGroup; c += 4, from += stride) {
    V v[4];
    hn::LoadInterleaved4(D(), from, v[0], v[1], v[2], v[3]);
    for (std::int64_t k = 0; k < 4; ++k) {
      float* const plane = to.plane[c + k];
      if (plane == nullptr) continue;
      if constexpr (kStreams)
        hn::Stream(v[k], D(), plane + at);
      else
        hn::BlendedStore(v[k], mask, D(), plane + at);
    }
  }
}

/// A vector of channels to fours, `stride` apart.
template <std::int64_t kCount, class Vector>
HWY_INLINE void store_fours(Vector v, float* to, std::int64_t stride) {
  if constexpr (kCount == 4) {
    hn::StoreU(v, D4(), to);
  } else {
    const hn::CappedTag<float, kCount / 2> half;
    store_fours<kCount / 2>(hn::LowerHalf(half, v), to, stride);
    store_fours<kCount / 2>(hn::UpperHalf(half, v), to + kCount / 8 * stride, stride);
  }
}

/// Lanes of a vector added up to four.
template <std::int64_t kCount, class Vector>
HWY_INLINE hn::Vec<D4> folded(Vector v) {
  if constexpr (kCount == 4) {
    return v;
  } else {
    const hn::CappedTag<float, kCount / 2> half;
    return folded<kCount / 2>(hn::Add(hn::LowerHalf(half, v), hn::UpperHalf(half, v)));
  }
}

template <std::int64_t kGroup>
struct Groups {
  // A pixel is kGroup / kStep vectors.
  using G = hn::CappedTag<float, kGroup>;
  static constexpr std::int64_t kStep = HWY_MIN(kGroup, kLanes);

  /// Where the pixels start in scratch memory.
  static HWY_INLINE void store_offsets(const Pixels& p, std::int32_t* at) {
    hn::Store(hn::ShiftLeft < kGroup == 4 ? 2 : 4 > (p.at), I(), at);
  }
  /// One of them; GCC must not compute all in vectors and take them apart again.
  static HWY_INLINE std::int64_t offset_of(const std::int32_t* at, std::int64_t k) {
    std::int64_t offset = at[k];
    asm("" : "+r"(offset));
    return offset;
  }

  static void gather_image(const SampleJob<float>& job, std::int64_t b, std::int64_t first,
                           float* scratch) {
    const std::int64_t area = job.in_h * job.in_w;
    const Planes<const float, kGroup> images(job.input, area, job, b, first);
    for (std::int64_t at = 0; at < area; at += kLanes)
      interleave(images, at, hn::FirstN(D(), static_cast<std::size_t>(HWY_MIN(kLanes, area - at))),
                 scratch + at * kGroup);
  }

  static void forward(const SampleJob<float>& job, std::int64_t b, std::int64_t first,
                      float* scratch) {
    const D d;
    const G g;
    const std::int64_t area = job.in_h * job.in_w, below = job.in_w * kGroup;
    const Planes<float, kGroup> outputs(job.output, job.out_h * job.out_w, job, b, first);
    gather_image(job, b, first, scratch);
    float* const results = scratch + (area + kLanes) * kGroup;
    const std::int64_t fours = (job.out_w + kLanes) * 4;
    HWY_ALIGN float weight[4][kLanes];
    HWY_ALIGN std::int32_t at[kLanes];
    Places places(job, b);
    for (std::int64_t i = 0; i < job.out_h; ++i) {
      places.start_row(i);
      for (std::int64_t j = 0; j < job.out_w; j += kLanes) {
        const Pixels p = places.get<false>(j);
        store_offsets(p, at);
        for (int k = 0; k < 4; ++k) hn::Store(p.weight(k), d, weight[k]);
        for (std::int64_t k = 0; k < kLanes; ++k) {
          const float* from = scratch + offset_of(at, k);
          float* to = results + (j + k) * 4;
          const auto w00 = hn::Set(g, weight[0][k]), w01 = hn::Set(g, weight[1][k]),
                     w10 = hn::Set(g, weight[2][k]), w11 = hn::Set(g, weight[3][k]);
          for (std::int64_t c = 0; c < kGroup; c += kStep, from += kStep, to += kStep / 4 * fours) {
            const auto top =
                hn::MulAdd(w01, hn::LoadU(g, from + kGroup), hn::Mul(w00, hn::LoadU(g, from)));
            const auto bottom = hn::MulAdd(w11, hn::LoadU(g, from + below + kGroup),
                                           hn::Mul(w10, hn::LoadU(g, from + below)));
            store_fours<kStep>(hn::Add(top, bottom), to, fours);
          }
        }
      }
      // Not sooner: what was written in fours cannot be read in sixteens before it has left the core.
      for (std::int64_t j = 0; j < job.out_w; j += kLanes)
        separate(results + 4 * j, fours, outputs, i * job.out_w + j, first_lanes(job.out_w - j));
    }
  }

  static void image(const SampleJob<float>& job, std::int64_t b, std::int64_t first,
                    float* scratch) {
    const D d;
    const G g;
    const std::int64_t area = job.in_h * job.in_w, below = job.in_w * kGroup;
    const Planes<const float, kGroup> upstream(job.upstream, job.out_h * job.out_w, job, b, first);
    std::fill_n(scratch, area * kGroup, 0.0F);
    HWY_ALIGN float weight[4][kLanes], up[kGroup * kLanes];
    HWY_ALIGN std::int32_t at[kLanes];
    Places places(job, b);
    for (std::int64_t i = 0; i < job.out_h; ++i) {
      places.start_row(i);
      for (std::int64_t j = 0; j < job.out_w; j += kLanes) {
        const Pixels p = places.get<true>(j);
        if (p.last == 0) continue;
        store_offsets(p, at);
        for (int k = 0; k < 4; ++k) hn::Store(p.weight(k), d, weight[k]);
        interleave(upstream, i * job.out_w + j, first_lanes(job.out_w - j), up);
        for (std::int64_t k = p.first; k < p.last; ++k) {
          float* to = scratch + offset_of(at, k);
          for (std::int64_t c = 0; c < kGroup; c += kStep, to += kStep) {
            const auto given = hn::LoadU(g, up + k * kGroup + c);
            const auto add = [&](float* where, float w) {
              hn::StoreU(hn::MulAdd(given, hn::Set(g, w), hn::LoadU(g, where)), g, where);
            };
            add(to, weight[0][k]);
            add(to + below, weight[2][k]);
            add(to + kGroup, weight[1][k]);
            add(to + below + kGroup, weight[3][k]);
          }
        }
      }
    }
    const Planes<float, kGroup> grads(job.d_input, area, job, b, first);
    // What no cache can keep goes past them, so that it need not be read before it is written.
    constexpr std::int64_t kCache = 1 << 23;  // floats
    const bool streams = job.batch * job.channels * area > kCache && area % kLanes == 0 &&
                         reinterpret_cast<std::uintptr_t>(job.d_input) % 64 == 0;
    const auto write = [&](const float* fours, std::int64_t at) {
      if (streams)
        separate<kGroup, true>(fours, 4 * kLanes, grads, at, hn::FirstN(d, kLanes));
      else
        separate(fours, 4 * kLanes, grads, at,
                 hn::FirstN(d, static_cast<std::size_t>(HWY_MIN(kLanes, area - at))));
    };
    if constexpr (kGroup == 4) {
      for (std::int64_t at = 0; at < area; at += kLanes) write(scratch + at * 4, at);
    } else {
      // A block behind, for the same reason.
      HWY_ALIGN float parts[2][kGroup * kLanes];
      for (std::int64_t at = 0; at < area + kLanes; at += kLanes) {
        float* const part = parts[at / kLanes % 2];
        for (std::int64_t k = 0; k < kLanes && at < area; ++k)
          for (std::int64_t c = 0; c < kGroup; c += kStep)
            store_fours<kStep>(hn::LoadU(g, scratch + (at + k) * kGroup + c),
                               part + c * kLanes + 4 * k, 4 * kLanes);
        if (at > 0) write(parts[(at / kLanes + 1) % 2], at - kLanes);
      }
    }
    if (streams) hwy::FlushStream();
  }

  static void places(const SampleJob<float>& job, std::int64_t b, std::int64_t first,
                     PlaceSums* sums, float* scratch) {
    const D d;
    const G g;
    const std::int64_t below = job.in_w * kGroup;
    const Planes<const float, kGroup> upstream(job.upstream, job.out_h * job.out_w, job, b, first);
    gather_image(job, b, first, scratch);
    // Two blocks: one is added up after the next one was multiplied, for what was written in fours
    // cannot be read in sixteens before it has left the core.
    HWY_ALIGN float up[kGroup * kLanes], products[2][4][4 * kLanes];
    HWY_ALIGN std::int32_t at[kLanes];
    Places from_places(job, b);
    for (std::int64_t i = 0; i < job.out_h; ++i) {
      from_places.start_row(i);
      PlaceGradients<true> by_places(job, b, i, job.out_w, first > 0);
      Pixels waiting;
      std::int64_t waiting_j = -1;
      int turn = 0;
      const auto add_up = [&](int of) {
        V dots[4];
        for (int k = 0; k < 4; ++k) {
          V v[4];
          hn::LoadInterleaved4(d, products[of][k], v[0], v[1], v[2], v[3]);
          dots[k] = hn::Add(hn::Add(v[0], v[1]), hn::Add(v[2], v[3]));
        }
        by_places.add(waiting_j, waiting, dots);
      };
      for (std::int64_t j = 0; j < job.out_w; j += kLanes) {
        const Pixels p = from_places.get<false>(j);
        if (p.last == 0) {
          if (first == 0) by_places.nothing(j);
          continue;
        }
        store_offsets(p, at);
        interleave(upstream, i * job.out_w + j, first_lanes(job.out_w - j), up);
        for (std::int64_t k = 0; k < kLanes; ++k) {
          const float* const from = scratch + offset_of(at, k);
          const auto dot = [&](const float* where, float* to) {
            auto sum = hn::Mul(hn::LoadU(g, up + k * kGroup), hn::LoadU(g, where));
            for (std::int64_t c = kStep; c < kGroup; c += kStep)
              sum = hn::MulAdd(hn::LoadU(g, up + k * kGroup + c), hn::LoadU(g, where + c), sum);
            hn::StoreU(folded<kStep>(sum), D4(), to + 4 * k);
          };
          dot(from, products[turn][0]);
          dot(from + kGroup, products[turn][1]);
          dot(from + below, products[turn][2]);
          dot(from + below + kGroup, products[turn][3]);
        }
        if (waiting_j >= 0) add_up(1 - turn);
        waiting = p, waiting_j = j, turn = 1 - turn;
      }
      if (waiting_j >= 0) add_up(1 - turn);
      if (sums != nullptr) sums[i / kStrip] += by_places.sums();
    }
  }
};

void ForwardGroup(const SampleJob<float>& job, std::int64_t b, std::int64_t g, float* scratch) {
  const SampleGroup group(job, g);
  (group.is_wide ? Groups<16>::forward : Groups<4>::forward)(job, b, group.first, scratch);
}
void ImageGroup(const SampleJob<float>& job, std::int64_t b, std::int64_t g, float* scratch) {
  const SampleGroup group(job, g);
  (group.is_wide ? Groups<16>::image : Groups<4>::image)(job, b, group.first, scratch);
}
void PlacesGroup(const SampleJob<float>& job, std::int64_t b, std::int64_t g, PlaceSums* sums,
                 float* scratch) {
  const SampleGroup group(job, g);
  (group.is_wide ? Groups<16>::places : Groups<4>::places)(job, b, group.first, sums, scratch);
}

constexpr SampleKernels kTable = {Forward, Backward, ForwardGroup, ImageGroup, PlacesGroup};
#else
#undef CLEW_HAS_KERNELS
#define CLEW_HAS_KERNELS 0
#endif

const SampleKernels* Table() {
#if CLEW_HAS_KERNELS
  return &kTable;
#else
  return nullptr;
#endif
}

}  // namespace
}  // namespace clew::ops::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace clew::ops {

HWY_EXPORT(Table);

const SampleKernels* sample_kernels(const SampleJob<float>& job) {
  // Coordinates as whole f32 numbers, offsets as i32; a pair needs two pixels.
  constexpr std::int64_t kLongest = 1 << 20, kArea = std::int64_t{1} << 29;
  const bool is_served = job.options.kernel == SampleKernel::kBilinear && job.in_h >= 2 &&
                         job.in_w >= 2 && job.in_h <= kLongest && job.in_w <= kLongest &&
                         job.in_h * job.in_w < kArea;
  return is_served ? HWY_DYNAMIC_DISPATCH(Table)() : nullptr;
}

std::int64_t sample_quads(const SampleJob<float>& job) {
  // Where there are more pixels than places, making and taking apart the fours costs more than it saves.
  constexpr std::int64_t kArea = 1 << 16;
  const std::int64_t area = job.in_h * job.in_w;
  if (area > kArea || area > 2 * job.out_h * job.out_w) return 0;
  return job.channels * (area + 16) * 4 + (job.in_w + area + 17) * 4;
}

std::int64_t wide_sample_groups(const SampleJob<float>& job) {
  // The scratch memory of 16 channels should stay in the second-level cache.
  constexpr std::int64_t kArea = 10000;
  return job.in_h * job.in_w <= kArea ? job.channels / 16 : 0;
}

std::int64_t sample_groups(const SampleJob<float>& job) {
  // Scratch memory of 4 MiB a thread at most.
  constexpr std::int64_t kArea = 1 << 18;
  if (job.channels <= 2 || job.in_h * job.in_w > kArea) return 0;
  const std::int64_t wide = wide_sample_groups(job);
  return wide + (job.channels - 16 * wide + 3) / 4;
}

std::int64_t sample_scratch(const SampleJob<float>& job) {
  return (job.in_h * job.in_w + job.out_w + 32) * (wide_sample_groups(job) > 0 ? 16 : 4);
}

}  // namespace clew::ops
#endif
