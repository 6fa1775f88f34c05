// SPDX-License-Identifier: Apache-2.0
// Sampler for more than two channels: kGroup (4 or 16) at a time, interleaved in scratch memory, so
// that one access serves them all. Included by sampler_fast.cpp after sampler_coordinates-inl.h, in the
// same way.

// Prefetch distance of streamed reads, in floats.
constexpr std::int64_t kAhead = 128;

/// Channels of a group; missing ones read as zeros and are never written.
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

/// Interleaved groups of four channels, `stride` apart, to rows of channels.
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

/// A vector of channels to groups of four, `stride` apart.
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

/// Lanes of a vector summed to four.
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

  /// Offsets of pixels in scratch memory.
  static HWY_INLINE void store_offsets(const Pixels& p, std::int32_t* at) {
    hn::Store(hn::ShiftLeft < kGroup == 4 ? 2 : 4 > (p.at), I(), at);
  }
  /// One of them. Keeps GCC from computing them as vectors and extracting lanes.
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
    SamplingCoordinates coordinates(job, b);
    for (std::int64_t i = 0; i < job.out_h; ++i) {
      coordinates.start_row(i);
      for (std::int64_t j = 0; j < job.out_w; j += kLanes) {
        const Pixels p = coordinates.get<false>(j);
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
      // Delayed: narrow stores cannot be forwarded to a wider load.
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
    SamplingCoordinates coordinates(job, b);
    for (std::int64_t i = 0; i < job.out_h; ++i) {
      coordinates.start_row(i);
      for (std::int64_t j = 0; j < job.out_w; j += kLanes) {
        const Pixels p = coordinates.get<true>(j);
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
    // Streaming stores for outputs larger than any cache, which save the read for ownership.
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
      // One block behind, for the same reason.
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

  static void coordinates(const SampleJob<float>& job, std::int64_t b, std::int64_t first,
                          CoordinateSums* sums, float* scratch) {
    const D d;
    const G g;
    const std::int64_t below = job.in_w * kGroup;
    const Planes<const float, kGroup> upstream(job.upstream, job.out_h * job.out_w, job, b, first);
    gather_image(job, b, first, scratch);
    // Double-buffered: a block is summed after the next one's products, since narrow stores cannot
    // be forwarded to a wider load.
    HWY_ALIGN float up[kGroup * kLanes], products[2][4][4 * kLanes];
    HWY_ALIGN std::int32_t at[kLanes];
    SamplingCoordinates from_coordinates(job, b);
    for (std::int64_t i = 0; i < job.out_h; ++i) {
      from_coordinates.start_row(i);
      CoordinateGradients<true> by_coordinates(job, b, i, job.out_w, first > 0);
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
        by_coordinates.add(waiting_j, waiting, dots);
      };
      for (std::int64_t j = 0; j < job.out_w; j += kLanes) {
        const Pixels p = from_coordinates.get<false>(j);
        if (p.last == 0) {
          if (first == 0) by_coordinates.nothing(j);
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
      if (sums != nullptr) sums[i / kStrip] += by_coordinates.sums();
    }
  }
};
