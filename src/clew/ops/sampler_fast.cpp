// SPDX-License-Identifier: Apache-2.0
// The bilinear sampler for f32, by Highway, in two layouts. At the border a pair of pixels is moved into
// the image and its weights are rearranged, so that nothing is a special case afterwards.
//   Up to two channels: a vector of output pixels at a time. The pairs (x, x+1) of two rows are read
//   with one load of 64 bits each. The image's gradient is added with scalars, for neighbours write
//   to the same places.
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

#include "clew/ops/sampler_places-inl.h"

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
      V sum = hn::Add(top, bottom);
      // Zero times a pixel that is infinite is none: which lanes share a vector must not matter.
      if (HWY_UNLIKELY(p.has_nothing)) sum = hn::IfThenZeroElse(p.is_nothing, sum);
      float* const to = out + c * out_area + j;
      if (j + kLanes <= n)
        hn::StoreU(sum, d, to);
      else
        hn::BlendedStore(sum, mask, d, to);
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

#include "clew/ops/sampler_groups-inl.h"

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
