// SPDX-License-Identifier: Apache-2.0
// Bilinear sampler for f32, by Highway, in two layouts. At the border a pair of taps is shifted
// into the image with its weights rearranged, so that no special case follows.
//   Up to two channels: a vector of output pixels at a time. The pairs (x, x+1) of two rows are
//   read with one 64-bit load each. The image's gradient is accumulated with scalars, since
//   neighbours write to the same pixels.
//   More channels: 4 or 16 at a time, in sampler_groups-inl.h.
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

#include "clew/ops/sampler_coordinates-inl.h"

// ---- one channel at a time: pixels in vectors

/// Offsets of the pixel pairs of a vector. Volatile, so that they are loaded from memory: GCC would
/// extract them from the vector by shuffles, whose port is the bottleneck here.
using Starts = const volatile std::int32_t*;

/// N pairs of two rows, one vector per row. Single loads: a microcoded gather is no faster, and
/// blocks other work.
template <std::size_t N>
struct Pairs {
  hn::Vec<hn::CappedTag<std::uint64_t, N>> top, bottom;
};
template <std::size_t N>
HWY_INLINE Pairs<N> load_pairs(const float* top, const float* bottom, Starts at) {
  const hn::CappedTag<std::uint64_t, N> d;
  if constexpr (N == 1) {
    const hn::CappedTag<float, 2> pair;
    const std::int64_t start = *at;
    return {hn::BitCast(d, hn::LoadU(pair, top + start)),
            hn::BitCast(d, hn::LoadU(pair, bottom + start))};
  } else {
    const auto low = load_pairs<N / 2>(top, bottom, at),
               high = load_pairs<N / 2>(top, bottom, at + N / 2);
    return {hn::Combine(d, high.top, low.top), hn::Combine(d, high.bottom, low.bottom)};
  }
}

/// The four taps 00 01 10 11 of a vector of pixels.
HWY_INLINE void read_fours(const float* image, std::int64_t width, Starts at, V* v) {
  const D d;
  const auto a = load_pairs<kLanes / 2>(image, image + width, at),
             b = load_pairs<kLanes / 2>(image, image + width, at + kLanes / 2);
  const V top[2] = {hn::BitCast(d, a.top), hn::BitCast(d, b.top)},
          bottom[2] = {hn::BitCast(d, a.bottom), hn::BitCast(d, b.bottom)};
  v[0] = hn::ConcatEven(d, top[1], top[0]), v[1] = hn::ConcatOdd(d, top[1], top[0]);
  v[2] = hn::ConcatEven(d, bottom[1], bottom[0]), v[3] = hn::ConcatOdd(d, bottom[1], bottom[0]);
}

void Forward(const SampleJob<float>& job, std::int64_t b, std::int64_t begin, std::int64_t end) {
  const D d;
  const std::int64_t area = job.in_h * job.in_w, out_area = job.out_h * job.out_w;
  const float* const images = job.input + b * job.channels * area;
  HWY_ALIGN std::int32_t at[kLanes];
  SamplingCoordinates coordinates(job, b);
  coordinates.start_rows(begin);
  float* const out = job.output + b * job.channels * out_area + begin * job.out_w;
  const std::int64_t n = (end - begin) * job.out_w;
  for (std::int64_t j = 0; j < n; j += kLanes) {
    const Pixels p = coordinates.next(j, n);
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
      V v[4];
      read_fours(image, job.in_w, at, v);
      const V top = hn::MulAdd(w01, v[1], hn::Mul(w00, v[0])),
              bottom = hn::MulAdd(w11, v[3], hn::Mul(w10, v[2]));
      V sum = hn::Add(top, bottom);
      // 0 times an infinite pixel is NaN: lanes must not affect one another.
      if (HWY_UNLIKELY(p.has_nothing)) sum = hn::IfThenZeroElse(p.is_nothing, sum);
      float* const to = out + c * out_area + j;
      if (j + kLanes <= n)
        hn::StoreU(sum, d, to);
      else
        hn::BlendedStore(sum, mask, d, to);
    }
  }
}

constexpr std::int64_t kBlocks = kLanes / 4;  // blocks of four lanes, with cheap shuffles

/// 4x4 transpose within each block of four vectors.
HWY_INLINE void transpose_blocks(V* v) {
  const D d;
  const V low02 = hn::InterleaveLower(d, v[0], v[2]), low13 = hn::InterleaveLower(d, v[1], v[3]),
          high02 = hn::InterleaveUpper(d, v[0], v[2]), high13 = hn::InterleaveUpper(d, v[1], v[3]);
  v[0] = hn::InterleaveLower(d, low02, low13), v[1] = hn::InterleaveUpper(d, low02, low13);
  v[2] = hn::InterleaveLower(d, high02, high13), v[3] = hn::InterleaveUpper(d, high02, high13);
}

/// N values: N / 4 blocks of four, 16 apart.
template <std::size_t N>
HWY_INLINE auto load_blocks(const float* from) {
  const hn::CappedTag<float, N> d;
  if constexpr (N == 4) {
    return hn::LoadU(d, from);
  } else {
    return hn::Combine(d, load_blocks<N / 2>(from + 2 * N), load_blocks<N / 2>(from));
  }
}

/// A channel's gradient summed by the first of four taps, [area,4], with one access per output
/// pixel; gather() then adds the four parts of each pixel.
struct Quads {
  explicit Quads(const SampleJob<float>& job)
      : height(job.in_h), width(job.in_w), row(sample_quads_row(width)) {}
  std::int64_t size() const { return (height * width + kLanes) * 4; }

  /// Consumes the sums and zeroes them. rows [3,4,row]: the last three rows of sums, by tap, so
  /// that a row is read long after it was written; a tap's first pixel follows kLanes zeros.
  void gather(float* quads, float* rows, float* grad) const {
    const D d;
    const auto tap = [&](std::int64_t y, int k) {
      return rows + ((y + 3) % 3 * 4 + k) * row + kLanes;
    };
    std::fill_n(rows, 12 * row, 0.0F);
    for (std::int64_t y = 0; y <= height; ++y) {
      if (y < height) {
        float* const from = quads + 4 * y * width;
        for (std::int64_t x = 0; x < width; x += kLanes) {
          V v[4];
          for (int k = 0; k < 4; ++k) v[k] = load_blocks<kLanes>(from + 4 * (x + k));
          transpose_blocks(v);
          for (int k = 0; k < 4; ++k) hn::StoreU(v[k], d, tap(y, k) + x);
        }
        std::fill_n(from, 4 * width, 0.0F);
      }
      if (y == 0) continue;
      // Taps of the last column and the last row have no right or lower neighbours.
      const float *const left = tap(y - 1, 0), *const right = tap(y - 1, 1) - 1,
                         *const below = tap(y - 2, 2), *const corner = tap(y - 2, 3) - 1;
      float* const to = grad + (y - 1) * width;
      for (std::int64_t x = 0; x < width; x += kLanes) {
        const V sum = hn::Add(hn::Add(hn::LoadU(d, left + x), hn::LoadU(d, right + x)),
                              hn::Add(hn::LoadU(d, below + x), hn::LoadU(d, corner + x)));
        if (x + kLanes <= width)
          hn::StoreU(sum, d, to + x);
        else
          hn::BlendedStore(sum, first_lanes(width - x), d, to + x);
      }
    }
  }
  std::int64_t height, width, row;
};

void Backward(const SampleJob<float>& job, std::int64_t b, std::int64_t begin, std::int64_t end,
              const SampleParts& parts, float* scratch) {
  const D d;
  const std::int64_t area = job.in_h * job.in_w, out_area = job.out_h * job.out_w, in_w = job.in_w;
  const float* const images = job.input + b * job.channels * area;
  float* const grads = parts.has_input ? job.d_input + b * job.channels * area : nullptr;
  const Quads quads(job);
  const bool has_quads = parts.has_input && scratch != nullptr;
  HWY_ALIGN float given[4][kLanes], fours[4 * kLanes];
  HWY_ALIGN std::int32_t at[kLanes];
  SamplingCoordinates coordinates(job, b);
  for (std::int64_t i = begin; i < end; i += kStrip) {
    coordinates.start_rows(i);
    const float* const up_rows = job.upstream + b * job.channels * out_area + i * job.out_w;
    const std::int64_t n = HWY_MIN(kStrip, end - i) * job.out_w;
    CoordinateGradients<false> by_coordinates(job, b, i, n, false);
    for (std::int64_t j = 0; j < n; j += kLanes) {
      const Pixels p = coordinates.next(j, n);
      if (p.last == 0) {
        if (parts.has_coordinates) by_coordinates.nothing(j);
        continue;
      }
      const auto mask = first_lanes(n - j);
      hn::Store(p.at, I(), at);
      V dots[4] = {hn::Zero(d), hn::Zero(d), hn::Zero(d), hn::Zero(d)};
      for (std::int64_t c = parts.first; c < parts.last; ++c) {
        const V up = hn::MaskedLoad(mask, d, up_rows + c * out_area + j);
        if (parts.has_coordinates) {
          const float* const image = images + c * area;
          V v[4];
          read_fours(image, in_w, at, v);
          for (int k = 0; k < 4; ++k) dots[k] = hn::MulAdd(up, v[k], dots[k]);
        }
        if (!parts.has_input) continue;
        V v[4];
        for (int k = 0; k < 4; ++k) v[k] = hn::Mul(up, p.weight(k));
        if (HWY_UNLIKELY(p.has_nothing || j + kLanes > n)) {
          const auto is_something = p.has_nothing ? hn::AndNot(p.is_nothing, mask) : mask;
          for (V& one : v) one = hn::IfThenElseZero(is_something, one);
        }
        if (has_quads) {
          const D4 d4;
          transpose_blocks(v);
          for (int k = 0; k < 4; ++k) hn::Store(v[k], d, fours + k * kLanes);
          float* const sums = scratch + (c - parts.first) * quads.size();
          const Starts starts = at;
          // Four pixels apart, since neighbours often add to the same pixel and would be
          // serialised.
          HWY_UNROLL(16)
          for (std::int64_t k = 0; k < kLanes; ++k) {
            float* const to = sums + 4 * std::int64_t{starts[k % kBlocks * 4 + k / kBlocks]};
            hn::StoreU(hn::Add(hn::LoadU(d4, to), hn::Load(d4, fours + 4 * k)), d4, to);
          }
        } else {
          for (int k = 0; k < 4; ++k) hn::Store(v[k], d, given[k]);
          float* const grad = grads + c * area;
          for (std::int64_t k = 0; k < p.last; ++k) {
            // This order keeps GCC from pairing them: overlapping pairs would be serialised.
            float* const to = grad + at[k];
            to[0] += given[0][k];
            to[in_w] += given[2][k];
            to[1] += given[1][k];
            to[in_w + 1] += given[3][k];
          }
        }
      }
      if (parts.has_coordinates) by_coordinates.add(j, p, dots);
    }
    if (parts.sums != nullptr) parts.sums[(i - begin) / kStrip] += by_coordinates.sums();
  }
  for (std::int64_t c = parts.first; has_quads && c < parts.last; ++c)
    quads.gather(scratch + (c - parts.first) * quads.size(),
                 scratch + (parts.last - parts.first) * quads.size(), grads + c * area);
}

#include "clew/ops/sampler_groups-inl.h"

void ForwardGroup(const SampleJob<float>& job, std::int64_t b, std::int64_t g, float* scratch) {
  const SampleGroup group(job, g);
  (group.is_wide ? Groups<16>::forward : Groups<4>::forward)(job, b, group.first, scratch);
}
void ImageGroup(const SampleJob<float>& job, std::int64_t b, std::int64_t g, float* scratch) {
  const SampleGroup group(job, g);
  (group.is_wide ? Groups<16>::image : Groups<4>::image)(job, b, group.first, scratch);
}
void CoordinatesGroup(const SampleJob<float>& job, std::int64_t b, std::int64_t g,
                      CoordinateSums* sums, float* scratch) {
  const SampleGroup group(job, g);
  (group.is_wide ? Groups<16>::coordinates : Groups<4>::coordinates)(job, b, group.first, sums,
                                                                     scratch);
}

constexpr SampleKernels kTable = {Forward, Backward, ForwardGroup, ImageGroup, CoordinatesGroup};
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
  // With more image than output pixels, the extra passes cost more than they save.
  constexpr std::int64_t kArea = 1 << 16;
  const std::int64_t area = job.in_h * job.in_w;
  if (area > kArea || area > 2 * job.out_h * job.out_w) return 0;
  return job.channels * (area + 16) * 4 + 12 * sample_quads_row(job.in_w);
}

std::int64_t wide_sample_groups(const SampleJob<float>& job) {
  // Scratch memory of 16 channels should fit the L2 cache.
  constexpr std::int64_t kArea = 10000;
  return job.in_h * job.in_w <= kArea ? job.channels / 16 : 0;
}

std::int64_t sample_groups(const SampleJob<float>& job) {
  // At most 4 MiB of scratch memory per thread.
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
