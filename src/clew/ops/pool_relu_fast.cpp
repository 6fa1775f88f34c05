// SPDX-License-Identifier: Apache-2.0
#include "clew/ops/pool_relu_fast.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "clew/ops/pool_relu_fast.cpp"
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

/// Conversion of N values to and from f32; N = 1 is for few channels.
template <std::size_t N>
struct Numbers {
  using D = hn::CappedTag<float, N>;
  using V = hn::Vec<D>;
  using I = hn::Rebind<std::int32_t, D>;
  using Half = hn::Rebind<std::uint16_t, D>;
  using Bytes = hn::Rebind<std::uint8_t, D>;

  static V load(const float* p) { return hn::LoadU(D(), p); }
  static V load(const std::uint16_t* p) {
    return hn::BitCast(D(), hn::ShiftLeft<16>(hn::PromoteTo(I(), hn::LoadU(Half(), p))));
  }
  static void store(V v, float* p) { hn::StoreU(v, D(), p); }
  static void store(V v, std::uint16_t* p) {
    const hn::Rebind<std::uint32_t, D> u;
    const auto high = hn::BitCast(I(), hn::ShiftRight<16>(hn::BitCast(u, v)));
    hn::StoreU(hn::DemoteTo(Half(), high), Half(), p);
  }
  static void store_bytes(V whole, std::uint8_t* p) {
    hn::StoreU(hn::DemoteTo(Bytes(), hn::ConvertTo(I(), whole)), Bytes(), p);
  }

  template <class T>
  static void pool(const T* top, const T* bottom, std::int64_t channels, T* pooled,
                   std::uint8_t* chosen) {
    const D d;
    auto most = load(top), place = hn::Zero(d);
    const auto meet = [&](V value, float number) {
      const auto is_more = hn::Or(hn::Gt(value, most), hn::IsNaN(value));
      most = hn::IfThenElse(is_more, value, most);
      place = hn::IfThenElse(is_more, hn::Set(d, number), place);
    };
    meet(load(top + channels), 1);
    meet(load(bottom), 2);
    meet(load(bottom + channels), 3);
    const auto is_none = hn::Le(most, hn::Zero(d));  // keeps NaN
    store(hn::IfThenElse(is_none, hn::Zero(d), most), pooled);
    store_bytes(hn::IfThenElse(is_none, hn::Set(d, kNone), place), chosen);
  }

  template <class T>
  static void spread(const T* up, const std::uint8_t* chosen, std::int64_t channels, T* top,
                     T* bottom) {
    const hn::CappedTag<hwy::MakeUnsigned<T>, N> d;
    const hn::Rebind<std::uint8_t, decltype(d)> bytes;
    const auto gradient = hn::BitCast(d, hn::LoadU(hn::CappedTag<T, N>(), up));
    const auto place = hn::PromoteTo(d, hn::LoadU(bytes, chosen));
    const auto put = [&](unsigned number, T* to) {
      const auto is_chosen = hn::Eq(place, hn::Set(d, static_cast<hwy::MakeUnsigned<T>>(number)));
      const auto own = hn::IfThenElseZero(is_chosen, gradient);
      hn::StoreU(hn::BitCast(hn::CappedTag<T, N>(), own), hn::CappedTag<T, N>(), to);
    };
    put(0, top);
    put(1, top + channels);
    put(2, bottom);
    put(3, bottom + channels);
  }
};

/// Calls `work` with the first of N channels and Numbers<N>, for vectors that cover all channels.
/// The last one may overlap the one before.
template <class Work>
void for_channels(std::int64_t channels, const Work& work) {
  constexpr std::size_t kMost = HWY_MIN(16, HWY_MAX_BYTES / 4);
  const auto lanes = static_cast<std::int64_t>(hn::Lanes(hn::CappedTag<float, kMost>()));
  if (channels < lanes) {
    for (std::int64_t c = 0; c < channels; ++c) work(c, Numbers<1>());
    return;
  }
  for (std::int64_t c = 0; c < channels; c += lanes)
    work(HWY_MIN(c, channels - lanes), Numbers<kMost>());
}

template <class T>
void Pool(const T* top, const T* bottom, std::int64_t width, std::int64_t channels, T* pooled,
          std::uint8_t* chosen) {
  for (std::int64_t x = 0; x < width; ++x) {
    const std::int64_t in = 2 * x * channels, out = x * channels;
    for_channels(channels, [&](std::int64_t c, auto numbers) {
      numbers.pool(top + in + c, bottom + in + c, channels, pooled + out + c, chosen + out + c);
    });
  }
}

template <class T>
void Spread(const T* up, const std::uint8_t* chosen, std::int64_t width, std::int64_t channels,
            T* top, T* bottom) {
  for (std::int64_t x = 0; x < width; ++x) {
    const std::int64_t in = 2 * x * channels, out = x * channels;
    for_channels(channels, [&](std::int64_t c, auto numbers) {
      numbers.spread(up + out + c, chosen + out + c, channels, top + in + c, bottom + in + c);
    });
  }
}

void PoolF32(const float* top, const float* bottom, std::int64_t width, std::int64_t channels,
             float* pooled, std::uint8_t* chosen) {
  Pool(top, bottom, width, channels, pooled, chosen);
}
void PoolBf16(const std::uint16_t* top, const std::uint16_t* bottom, std::int64_t width,
              std::int64_t channels, std::uint16_t* pooled, std::uint8_t* chosen) {
  Pool(top, bottom, width, channels, pooled, chosen);
}
void SpreadF32(const float* up, const std::uint8_t* chosen, std::int64_t width,
               std::int64_t channels, float* top, float* bottom) {
  Spread(up, chosen, width, channels, top, bottom);
}
void SpreadBf16(const std::uint16_t* up, const std::uint8_t* chosen, std::int64_t width,
                std::int64_t channels, std::uint16_t* top, std::uint16_t* bottom) {
  Spread(up, chosen, width, channels, top, bottom);
}

}  // namespace
}  // namespace clew::ops::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace clew::ops {

HWY_EXPORT(PoolF32);
HWY_EXPORT(PoolBf16);
HWY_EXPORT(SpreadF32);
HWY_EXPORT(SpreadBf16);

void pool_row(const float* top, const float* bottom, std::int64_t width, std::int64_t channels,
              float* pooled, std::uint8_t* chosen) {
  HWY_DYNAMIC_DISPATCH(PoolF32)(top, bottom, width, channels, pooled, chosen);
}
void pool_row(const std::uint16_t* top, const std::uint16_t* bottom, std::int64_t width,
              std::int64_t channels, std::uint16_t* pooled, std::uint8_t* chosen) {
  HWY_DYNAMIC_DISPATCH(PoolBf16)(top, bottom, width, channels, pooled, chosen);
}
void spread_row(const float* up, const std::uint8_t* chosen, std::int64_t width,
                std::int64_t channels, float* top, float* bottom) {
  HWY_DYNAMIC_DISPATCH(SpreadF32)(up, chosen, width, channels, top, bottom);
}
void spread_row(const std::uint16_t* up, const std::uint8_t* chosen, std::int64_t width,
                std::int64_t channels, std::uint16_t* top, std::uint16_t* bottom) {
  HWY_DYNAMIC_DISPATCH(SpreadBf16)(up, chosen, width, channels, top, bottom);
}

}  // namespace clew::ops
#endif
