// SPDX-License-Identifier: Apache-2.0
// Reference sampler, one output row at a time, for any kernel, padding and type; the oracle of the
// fast one. Plain memory, no tensors. Private to the module.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <limits>
#include <vector>

#include "clew/ops/sampler.h"

namespace clew::ops {

/// Arguments of a call. Layouts as in sampler.h, dense; null: absent or not requested.
template <class T>
struct SampleJob {
  std::int64_t batch = 0, channels = 0, in_h = 0, in_w = 0, out_h = 0, out_w = 0;
  SampleOptions options;
  const T* input = nullptr;
  const T* grid = nullptr;  // this or theta
  const T* theta = nullptr;
  T* output = nullptr;          // forward
  const T* upstream = nullptr;  // backward, [B,C,h,w]
  T* d_input = nullptr;
  T* d_grid = nullptr;
  T* d_theta = nullptr;
};

/// Normalised coordinates of n pixels: pixel j is at 2 * centred(j) / divisor.
template <class T>
T centred(std::int64_t j, std::int64_t n) {
  return static_cast<T>(2 * j - (n - 1)) / 2;
}
inline std::int64_t place_divisor(std::int64_t n, bool align_corners) {
  return align_corners ? (n == 1 ? 1 : n - 1) : n;
}
/// Pixels per unit of normalised coordinates; the image's centre is at pixel (n - 1) / 2.
template <class T>
T place_scale(std::int64_t n, bool align_corners) {
  return static_cast<T>(align_corners ? n - 1 : n) / 2;
}

/// Rounding to a whole number for |p| < 2^22 (f32) or 2^51 (f64), without a call to libm.
inline float rounded(float p) { return (p + 12582912.0F) - 12582912.0F; }
inline double rounded(double p) { return (p + 6755399441055744.0) - 6755399441055744.0; }

/// Rounds a pixel coordinate within the grid's rounding error of a whole number, so that a stored
/// identity grid is exact.
template <class T>
T snapped(T p, std::int64_t n) {
  const T whole = rounded(p);
  return std::abs(p - whole) <= static_cast<T>(n) * std::numeric_limits<T>::epsilon() ? whole : p;
}

/// px = sum of a[k] * (u, v, 1), in pixels; u and v are centred output pixels. The order of
/// operations makes an identity exact.
template <class T>
struct AffineAxis {
  T a[3];  // theta times `factor`, plus the image's centre in the last
  T factor[3];
  AffineAxis(const T* theta, std::int64_t in_n, const SampleJob<T>& job) {
    const bool corners = job.options.align_corners;
    const T scale = place_scale<T>(in_n, corners);
    factor[0] = 2 * scale / static_cast<T>(place_divisor(job.out_w, corners));
    factor[1] = 2 * scale / static_cast<T>(place_divisor(job.out_h, corners));
    factor[2] = scale;
    for (int k = 0; k < 3; ++k) a[k] = theta[k] * factor[k];
    a[2] += static_cast<T>(in_n - 1) / 2;
  }
};

/// Sampling coordinates of row i of image b: px, py [w], pixels.
template <class T>
void coordinates(const SampleJob<T>& job, std::int64_t b, std::int64_t i, T* px, T* py) {
  if (job.theta != nullptr) {
    const AffineAxis<T> x(job.theta + b * 6, job.in_w, job),
        y(job.theta + b * 6 + 3, job.in_h, job);
    const T v = centred<T>(i, job.out_h);
    const T x0 = x.a[1] * v + x.a[2], y0 = y.a[1] * v + y.a[2];
    for (std::int64_t j = 0; j < job.out_w; ++j) {
      const T u = centred<T>(j, job.out_w);
      px[j] = x.a[0] * u + x0;
      py[j] = y.a[0] * u + y0;
    }
    return;
  }
  const T scale_x = place_scale<T>(job.in_w, job.options.align_corners),
          scale_y = place_scale<T>(job.in_h, job.options.align_corners);
  const T middle_x = static_cast<T>(job.in_w - 1) / 2, middle_y = static_cast<T>(job.in_h - 1) / 2;
  const T* const grid = job.grid + (b * job.out_h + i) * job.out_w * 2;
  for (std::int64_t j = 0; j < job.out_w; ++j) {
    px[j] = snapped(grid[2 * j] * scale_x + middle_x, job.in_w);
    py[j] = snapped(grid[2 * j + 1] * scale_y + middle_y, job.in_h);
  }
}

/// Rows per strip: whole vectors, whatever the width.
constexpr std::int64_t kStrip = 16;
inline std::int64_t strips(std::int64_t rows) { return (rows + kStrip - 1) / kStrip; }

/// Gradients w.r.t. coordinates of a strip, summed for theta: gx, gx u, gx v, gy, gy u, gy v.
struct CoordinateSums {
  double x = 0, xu = 0, xv = 0, y = 0, yu = 0, yv = 0;
  CoordinateSums& operator+=(const CoordinateSums& o) {
    x += o.x, xu += o.xu, xv += o.xv;
    y += o.y, yu += o.yu, yv += o.yv;
    return *this;
  }
};

/// Requested gradients of some strips: w.r.t. channels [first, last) of the image, with all strips,
/// and w.r.t. coordinates, with all channels: added to `sums`, one per strip, or, if null, written
/// to d_grid.
struct SampleParts {
  std::int64_t first = 0, last = 0;
  bool has_input = false, has_coordinates = false;
  CoordinateSums* sums = nullptr;
};

template <class T>
void clear_image(const SampleJob<T>& job, std::int64_t b, const SampleParts& parts) {
  const std::int64_t area = job.in_h * job.in_w;
  if (parts.has_input)
    std::fill_n(job.d_input + (b * job.channels + parts.first) * area,
                (parts.last - parts.first) * area, T{0});
}

template <class T>
CoordinateSums row_sums(const SampleJob<T>& job, std::int64_t i, const T* gx, const T* gy) {
  const auto v = centred<double>(i, job.out_h);
  CoordinateSums s;
  for (std::int64_t j = 0; j < job.out_w; ++j) {
    const auto u = centred<double>(j, job.out_w);
    s += {gx[j], gx[j] * u, gx[j] * v, gy[j], gy[j] * u, gy[j] * v};
  }
  return s;
}

/// Sums the strips of image b.
template <class T>
void finish_theta(const SampleJob<T>& job, std::int64_t b, const CoordinateSums* of_strips) {
  CoordinateSums s;
  for (std::int64_t k = 0; k < strips(job.out_h); ++k) s += of_strips[k];
  const double total[6] = {s.xu, s.xv, s.x, s.yu, s.yv, s.y};
  const AffineAxis<T> x(job.theta + b * 6, job.in_w, job), y(job.theta + b * 6 + 3, job.in_h, job);
  for (int k = 0; k < 3; ++k) {
    job.d_theta[b * 6 + k] = static_cast<T>(total[k] * static_cast<double>(x.factor[k]));
    job.d_theta[b * 6 + 3 + k] = static_cast<T>(total[3 + k] * static_cast<double>(y.factor[k]));
  }
}

/// Writes the gradient w.r.t. the coordinates of row i of image b.
template <class T>
void finish_grid_row(const SampleJob<T>& job, std::int64_t b, std::int64_t i, const T* gx,
                     const T* gy) {
  const T scale_x = place_scale<T>(job.in_w, job.options.align_corners),
          scale_y = place_scale<T>(job.in_h, job.options.align_corners);
  T* const to = job.d_grid + (b * job.out_h + i) * job.out_w * 2;
  for (std::int64_t j = 0; j < job.out_w; ++j) {
    to[2 * j] = gx[j] * scale_x;
    to[2 * j + 1] = gy[j] * scale_y;
  }
}

/// Kernels: first tap at coordinate p, weights, and derivatives of the weights w.r.t. p.
struct NearestKernel {
  static constexpr int kTaps = 1;
  template <class T>
  static T first(T p) {
    const T low = std::floor(p);
    return p - low >= T{0.5} ? low + 1 : low;
  }
  template <class T>
  static void weights(T, T* weight, T* slope) {
    weight[0] = 1;
    slope[0] = 0;
  }
};
struct BilinearKernel {
  static constexpr int kTaps = 2;
  template <class T>
  static T first(T p) {
    return std::ceil(p) - 1;
  }
  template <class T>
  static void weights(T from_first, T* weight, T* slope) {
    weight[0] = 1 - from_first, weight[1] = from_first;
    slope[0] = -1, slope[1] = 1;
  }
};
struct BicubicKernel {
  static constexpr int kTaps = 4;
  template <class T>
  static T first(T p) {
    return std::floor(p) - 1;
  }
  template <class T>
  static void weights(T from_first, T* weight, T* slope) {
    const T a = T{-0.75};
    for (int k = 0; k < 4; ++k) {
      const T t = from_first - static_cast<T>(k), x = std::abs(t), sign = t < 0 ? T{-1} : T{1};
      const bool is_near = k == 1 || k == 2;
      weight[k] =
          is_near ? ((a + 2) * x - (a + 3)) * x * x + 1 : ((a * x - 5 * a) * x + 8 * a) * x - 4 * a;
      slope[k] =
          sign * (is_near ? (3 * (a + 2) * x - 2 * (a + 3)) * x : (3 * a * x - 10 * a) * x + 8 * a);
    }
  }
};

/// Pixel inside the image for index i under padding; -1: zero.
inline std::int64_t inside(std::int64_t i, std::int64_t n, const SampleOptions& options) {
  if (i >= 0 && i < n) return i;
  if (options.border == SampleBorder::kZeros) return -1;
  if (options.border == SampleBorder::kBorder || n == 1) return i < 0 ? 0 : n - 1;
  const std::int64_t period = options.align_corners ? 2 * n - 2 : 2 * n;
  const std::int64_t m = (i % period + period) % period;
  return m < n ? m : (options.align_corners ? period : period - 1) - m;
}

template <class T, class Kernel>
class SampleRows {
 public:
  explicit SampleRows(const SampleJob<T>& job)
      : job_(job),
        px_(job.out_w),
        py_(job.out_w),
        gx_(job.out_w),
        gy_(job.out_w),
        x_(job.out_w * kTaps),
        y_(job.out_w * kTaps) {}

  /// Rows [begin, end) of image b; for backward, whole strips, except the last.
  void forward(std::int64_t b, std::int64_t begin, std::int64_t end) {
    for (std::int64_t i = begin; i < end; ++i) forward_row(b, i);
  }
  void backward(std::int64_t b, std::int64_t begin, std::int64_t end, const SampleParts& parts) {
    clear_image(job_, b, parts);
    for (std::int64_t i = begin; i < end; ++i)
      backward_row(b, i, parts,
                   parts.sums == nullptr ? nullptr : parts.sums + (i - begin) / kStrip);
  }

 private:
  void forward_row(std::int64_t b, std::int64_t i) {
    plan(b, i);
    for (std::int64_t c = 0; c < job_.channels; ++c) {
      const std::int64_t plane = b * job_.channels + c;
      const T* const image = job_.input + plane * job_.in_h * job_.in_w;
      T* const to = job_.output + (plane * job_.out_h + i) * job_.out_w;
      for (std::int64_t j = 0; j < job_.out_w; ++j) {
        T sum = 0;
        each_pixel(j, [&](std::int64_t at, const Tap& x, const Tap& y) {
          sum += y.weight * x.weight * image[at];
        });
        to[j] = sum;
      }
    }
  }

  void backward_row(std::int64_t b, std::int64_t i, const SampleParts& parts,
                    CoordinateSums* sums) {
    plan(b, i);
    std::fill(gx_.begin(), gx_.end(), T{0});
    std::fill(gy_.begin(), gy_.end(), T{0});
    for (std::int64_t c = parts.first; c < parts.last; ++c) {
      const std::int64_t plane = b * job_.channels + c, pixels = job_.in_h * job_.in_w;
      const T* const up = job_.upstream + (plane * job_.out_h + i) * job_.out_w;
      const T* const image = job_.input + plane * pixels;
      for (std::int64_t j = 0; j < job_.out_w; ++j) {
        if (parts.has_input) {
          T* const to = job_.d_input + plane * pixels;
          each_pixel(j, [&](std::int64_t at, const Tap& x, const Tap& y) {
            to[at] += y.weight * x.weight * up[j];
          });
        }
        if (parts.has_coordinates) {
          T by_x = 0, by_y = 0;
          each_pixel(j, [&](std::int64_t at, const Tap& x, const Tap& y) {
            by_x += y.weight * x.slope * image[at];
            by_y += y.slope * x.weight * image[at];
          });
          gx_[j] += by_x * up[j];
          gy_[j] += by_y * up[j];
        }
      }
    }
    if (sums != nullptr)
      *sums += row_sums(job_, i, gx_.data(), gy_.data());
    else if (parts.has_coordinates)
      finish_grid_row(job_, b, i, gx_.data(), gy_.data());
  }

  static constexpr int kTaps = Kernel::kTaps;
  struct Tap {
    std::int64_t index;
    T weight, slope;
  };

  void plan(std::int64_t b, std::int64_t i) {
    coordinates(job_, b, i, px_.data(), py_.data());
    for (std::int64_t j = 0; j < job_.out_w; ++j) {
      // NaN in either coordinate gives NaN, even where the other is outside.
      if (std::isnan(px_[j])) py_[j] = px_[j];
      if (std::isnan(py_[j])) px_[j] = py_[j];
      plan_axis(px_[j], job_.in_w, &x_[j * kTaps]);
      plan_axis(py_[j], job_.in_h, &y_[j * kTaps]);
    }
  }

  void plan_axis(T p, std::int64_t n, Tap* taps) const {
    // Clamped far outside, where only padding is: in f32 taps would no longer be whole numbers
    // apart. Handles infinities, too.
    const T far = std::max(sizeof(T) == 4 ? T{1 << 22} : T{1 << 30}, static_cast<T>(2 * n));
    if (p > far) p = far;
    if (p < -far) p = -far;
    const T first = Kernel::first(p);
    T weight[kTaps], slope[kTaps];
    Kernel::weights(p - first, weight, slope);
    for (int k = 0; k < kTaps; ++k) {
      const bool is_number = !std::isnan(p);
      taps[k] = {is_number ? inside(static_cast<std::int64_t>(first) + k, n, job_.options) : 0,
                 is_number ? weight[k] : p, is_number ? slope[k] : p};
    }
  }

  template <class F>
  void each_pixel(std::int64_t j, const F& call) const {
    for (int ky = 0; ky < kTaps; ++ky) {
      const Tap& y = y_[j * kTaps + ky];
      if (y.index < 0) continue;
      for (int kx = 0; kx < kTaps; ++kx) {
        const Tap& x = x_[j * kTaps + kx];
        if (x.index >= 0) call(y.index * job_.in_w + x.index, x, y);
      }
    }
  }

  const SampleJob<T>& job_;
  std::vector<T> px_, py_, gx_, gy_;
  std::vector<Tap> x_, y_;
};

}  // namespace clew::ops
