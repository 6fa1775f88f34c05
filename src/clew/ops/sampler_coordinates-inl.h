// SPDX-License-Identifier: Apache-2.0
// Sampling coordinates of a vector of output pixels, and the gradient w.r.t. them. Included inside
// the namespace and under the target attributes of sampler_fast.cpp; it includes nothing and has no
// guard.

/// One axis of a vector of pixels: taps base and base + 1.
struct Axis {
  V weight[2], slope[2];
  hn::Vec<I> base;
};

HWY_INLINE Axis plan_inside(V low, V part) {
  const V one = set(1);
  return {{hn::Sub(one, part), part}, {set(-1), one}, hn::ConvertTo(I(), low)};
}

/// Zero padding: a pair with one tap inside is shifted into the image, with that tap's weight.
/// `is_nothing`: both taps are outside.
HWY_INLINE Axis plan_zeros(V p, std::int64_t n, hn::Mask<D>& is_nothing) {
  const D d;
  const I di;
  const V zero = hn::Zero(d), one = set(1), minus = set(-1), last = set(static_cast<double>(n - 1));
  const V low = hn::Sub(hn::Ceil(p), one), part = hn::Sub(p, low), rest = hn::Sub(one, part);
  const auto is_before = hn::Eq(low, minus), is_after = hn::Eq(low, last),
             is_inside = hn::And(hn::Ge(low, zero), hn::Lt(low, last)), is_number = hn::Eq(p, p);
  is_nothing = hn::AndNot(hn::Or(is_inside, hn::Or(is_before, is_after)), is_number);
  const V fault = hn::IfThenZeroElse(is_number, p);
  const auto either = [&](const auto& is_half, V whole, V half) {
    return hn::Add(hn::IfThenElse(is_inside, whole, hn::IfThenElseZero(is_half, half)), fault);
  };
  Axis axis{{either(is_before, rest, part), either(is_after, part, rest)},
            {either(is_before, minus, one), either(is_after, one, minus)},
            hn::Zero(di)};
  // Clamped as integers: a converted NaN must stay inside the image.
  const V first = hn::Min(hn::Max(low, zero), hn::Sub(last, one));
  axis.base = hn::Min(hn::Max(hn::ConvertTo(di, first), hn::Zero(di)),
                      hn::Set(di, static_cast<std::int32_t>(n - 2)));
  return axis;
}

/// Border or reflection padding: the pair is shifted into the image, and each weight goes to its
/// tap's pixel.
HWY_INLINE Axis plan_continued(V p, std::int64_t n, const SampleOptions& options) {
  const D d;
  const V zero = hn::Zero(d), one = set(1), last = set(static_cast<double>(n - 1));
  // Clamped far outside, where only padding is. NaN is kept by near - near below.
  const V far = set(1 << 22);
  const V near = hn::IfThenElse(hn::Gt(hn::Abs(p), far), hn::CopySign(far, p), p);
  const V high = hn::Ceil(near), low = hn::Sub(high, one);
  const V part = hn::Sub(near, low), fault = hn::Sub(near, near);
  const V weight[2] = {hn::Sub(one, part), part}, slope[2] = {set(-1), one};

  V at[2] = {low, high};
  if (options.border == SampleBorder::kBorder) {
    for (V& t : at) t = hn::Min(hn::Max(t, zero), last);
  } else {
    const std::int64_t corners = options.align_corners ? 1 : 0;
    const V period = set(static_cast<double>(2 * n - 2 * corners)),
            top = set(static_cast<double>(2 * n - 1 - corners));
    for (V& t : at) {
      V m = hn::Sub(t, hn::Mul(period, hn::Floor(hn::Div(t, period))));
      // The quotient may have been rounded up.
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
  // Clamped as integers, for NaN.
  const I di;
  axis.base = hn::Min(hn::Max(hn::ConvertTo(di, first), hn::Zero(di)),
                      hn::Set(di, static_cast<std::int32_t>(n - 2)));
  return axis;
}

/// A vector of pixels: weights, and first taps.
struct Pixels {
  V weight(int k) const { return hn::Mul(y.weight[k / 2], x.weight[k % 2]); }  // 00 01 10 11
  Axis x, y;
  hn::Vec<I> at;
  V u, v;  // centred column and row, from SamplingCoordinates::next() for matrices
  // Only lanes [first, last) have taps inside.
  std::int64_t first = 0, last = 0;
  bool has_nothing = false;  // some of these may have none: is_nothing
  hn::Mask<D> is_nothing;    // only where has_nothing is true
};

/// Sampling coordinates of an image, as coordinates() of sampler_rows.h: row by row (start_row and
/// get), or several rows as one line (start_rows and next), so that only the last vector is
/// partial.
class SamplingCoordinates {
 public:
  SamplingCoordinates(const SampleJob<float>& job, std::int64_t b)
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

  /// Output pixels from j on; lanes past the row read valid memory. kExact: first and last are
  /// exact; else last is 0 if no lane has taps inside.
  template <bool kExact>
  HWY_INLINE Pixels get(std::int64_t j) const {
    const D d;
    if (grid_ != nullptr) return at_grid<kExact>(j, job_.out_w);
    // Lanes past the row repeat its end, which is outside only where the row is.
    const V u = hn::Min(hn::Iota(d, centred<float>(j, job_.out_w)), hn::Set(d, last_u_));
    return at<kExact>(hn::Add(hn::Mul(hn::Set(d, scale_x_), u), hn::Set(d, middle_x_)),
                      hn::Add(hn::Mul(hn::Set(d, scale_y_), u), hn::Set(d, middle_y_)),
                      job_.out_w - j);
  }

  /// Next vector of n pixels, from pixel j on.
  HWY_INLINE Pixels next(std::int64_t j, std::int64_t n) {
    const D d;
    if (grid_ != nullptr) return at_grid<false>(j, n);
    // As get().
    const V middle_x = hn::Add(hn::Mul(hn::Set(d, x_[1]), v_), hn::Set(d, x_[2])),
            middle_y = hn::Add(hn::Mul(hn::Set(d, y_[1]), v_), hn::Set(d, y_[2]));
    Pixels p = at<false>(hn::Add(hn::Mul(hn::Set(d, x_[0]), u_), middle_x),
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
      hn::Mask<D> of_x, of_y;
      if (job_.options.border == SampleBorder::kZeros) {
        p.x = plan_zeros(px, job_.in_w, of_x);
        p.y = plan_zeros(py, job_.in_h, of_y);
        p.is_nothing = hn::AndNot(hn::Or(hn::IsNaN(px), hn::IsNaN(py)), hn::Or(of_x, of_y));
        p.has_nothing = true;
        if constexpr (kExact) {
          std::uint8_t bytes[8] = {};
          hn::StoreMaskBits(d, hn::Not(p.is_nothing), bytes);
          const std::uint32_t bits =
              (bytes[0] | static_cast<std::uint32_t>(bytes[1]) << 8) & ((1U << p.last) - 1);
          p.first = bits == 0 ? 0 : std::countr_zero(bits);
          p.last = 32 - std::countl_zero(bits);
        } else if (hn::AllTrue(d, p.is_nothing)) {
          p.last = 0;
        }
      } else {
        p.x = plan_continued(px, job_.in_w, job_.options);
        p.y = plan_continued(py, job_.in_h, job_.options);
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

/// Gradient w.r.t. coordinates: summed over a row or a line of rows, or written to d_grid.
template <bool kIsRow>
class CoordinateGradients {
 public:
  /// n pixels from row i on.
  CoordinateGradients(const SampleJob<float>& job, std::int64_t b, std::int64_t i, std::int64_t n,
                      bool adds)
      : job_(job),
        grid_(job.d_grid == nullptr ? nullptr : job.d_grid + (b * job.out_h + i) * job.out_w * 2),
        i_(i),
        n_(n),
        adds_(adds) {}
  /// Pixels from j on; dots: of each tap's pixel with the upstream gradient.
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
  CoordinateSums sums() const {
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
