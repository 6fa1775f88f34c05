// SPDX-License-Identifier: Apache-2.0
// f32 kernels and the elementwise parts of the LSTM, by Highway for AVX-512, AVX2 and NEON.
#include <algorithm>
#include <cstddef>
#include <cstring>

#include "clew/ops/kernels.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "clew/ops/kernels_f32.cpp"
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

// Older sets have too few registers for the tiles, newer ones no fixed vector length; both use
// LibTorch's operators.
#if HWY_TARGET == HWY_AVX3 || HWY_TARGET == HWY_AVX3_DL || HWY_TARGET == HWY_AVX2 || \
    HWY_TARGET == HWY_NEON
#undef CLEW_HAS_KERNELS
#define CLEW_HAS_KERNELS 1

struct F32 {
  using D = hn::CappedTag<float, 16>;
  using V = hn::Vec<D>;
  using W = V;
  static constexpr int kPack = 1, kLanes = HWY_MIN(16, HWY_MAX_BYTES / 4);
  static constexpr bool kWide = HWY_TARGET != HWY_AVX2;
  static constexpr int kMr = kLanes == 16 ? 14 : 6;

  static V Zero() { return hn::Zero(D()); }
  static V LoadF(const float* p) { return hn::LoadU(D(), p); }
  static void StoreF(V v, float* p) { hn::StoreU(v, D(), p); }
  static V Add(V a, V b) { return hn::Add(a, b); }
  // This operand order keeps NaN.
  static V Relu(V v) { return hn::Max(hn::Zero(D()), v); }
  static const float* AsFloat(const Word* p) { return reinterpret_cast<const float*>(p); }
  static float* AsFloat(Word* p) { return reinterpret_cast<float*>(p); }
  static W LoadW(const Word* p) { return hn::LoadU(D(), AsFloat(p)); }
  static W Bcst(const Word* p) {
    float number;
    std::memcpy(&number, p, sizeof number);
    return hn::Set(D(), number);
  }
  static V Dot(V sum, W a, W b) { return hn::MulAdd(a, b, sum); }
  static Word OnesWord() { return 0x3f800000U; }

  static void Put16(Word* to, const float* x) {
    for (int i = 0; i < 16; i += kLanes) StoreF(LoadF(x + i), AsFloat(to) + i);
  }
  static void Split16(Word* to, const Word* units, int) { Put16(to, AsFloat(units)); }
  static void Units16(Word* to, const float* a, const float*) { Put16(to, a); }
  static void MaskedUnits16(Word* to, const float* a, const float*, const Word* activations) {
    for (int i = 0; i < 16; i += kLanes) {
      const V act = LoadW(activations + i);
      StoreF(hn::IfThenZeroElse(hn::Eq(act, Zero()), LoadF(a + i)), AsFloat(to) + i);
    }
  }
  static void Pixels(Word* to, const std::uint8_t* from, int count) {
    const hn::Rebind<std::uint8_t, D> bytes;
    const hn::Rebind<std::int32_t, D> ints;
    for (int x = 0; x < count; x += kLanes)
      StoreF(hn::ConvertTo(D(), hn::PromoteTo(ints, hn::LoadU(bytes, from + x))), AsFloat(to) + x);
  }
  static void PixelUnits(Word* to, const std::uint8_t* a, const std::uint8_t*, int count) {
    Pixels(to, a, count);
  }
};

#include "clew/ops/kernels-inl.h"

constexpr Kernels kTable = Loops<F32>::table(HWY_TARGET == HWY_AVX2   ? "avx2"
                                             : HWY_TARGET == HWY_NEON ? "neon"
                                                                      : "avx512");
#else
#undef CLEW_HAS_KERNELS
#define CLEW_HAS_KERNELS 0
#endif

const Kernels* Table() {
#if CLEW_HAS_KERNELS
  return &kTable;
#else
  return nullptr;
#endif
}

using D = hn::ScalableTag<float>;
using V = hn::Vec<D>;

V Sigmoid(V x) {
  const D d;
  // exp is accurate up to 88; beyond, the result is 0 or 1 in f32. This operand order keeps NaN.
  const V e = hn::Exp(d, hn::Min(hn::Set(d, 88.0F), hn::Neg(x)));
  return hn::Div(hn::Set(d, 1.0F), hn::Add(hn::Set(d, 1.0F), e));
}

V Tanh(V x) {
  const D d;
  const V one = hn::Set(d, 1.0F);
  const V e = hn::Exp(d, hn::Min(hn::Set(d, 88.0F), hn::Mul(hn::Set(d, -2.0F), x)));
  return hn::Div(hn::Sub(one, e), hn::Add(one, e));
}

void Gates(float* gates, const float* bias, const float* c_prev, std::size_t n, std::size_t hidden,
           float* h, float* c) {
  const D d;
  const std::size_t lanes = hn::Lanes(d);
  for (std::size_t row = 0; row < n; ++row) {
    float* const g = gates + row * 4 * hidden;
    for (std::size_t j = 0; j < hidden; j += lanes) {
      const auto raw = [&](std::size_t gate) {
        return hn::Add(hn::LoadU(d, g + gate * hidden + j), hn::LoadU(d, bias + gate * hidden + j));
      };
      const V in = Sigmoid(raw(0)), forget = Sigmoid(raw(1)), cell = Tanh(raw(2)),
              out = Sigmoid(raw(3));
      const V next = hn::MulAdd(forget, hn::LoadU(d, c_prev + row * hidden + j), hn::Mul(in, cell));
      hn::StoreU(in, d, g + j);
      hn::StoreU(forget, d, g + hidden + j);
      hn::StoreU(cell, d, g + 2 * hidden + j);
      hn::StoreU(out, d, g + 3 * hidden + j);
      hn::StoreU(next, d, c + row * hidden + j);
      hn::StoreU(hn::Mul(out, Tanh(next)), d, h + row * hidden + j);
    }
  }
}

void GatesBackward(const float* gates, const float* c_prev, const float* c, const float* dh,
                   const float* dc, std::size_t n, std::size_t hidden, float* d_gates,
                   float* dc_prev, float* d_bias) {
  const D d;
  const std::size_t lanes = hn::Lanes(d);
  const V one = hn::Set(d, 1.0F), zero = hn::Zero(d);
  for (std::size_t row = 0; row < n; ++row) {
    const float* const g = gates + row * 4 * hidden;
    float* const dg = d_gates + row * 4 * hidden;
    for (std::size_t j = 0; j < hidden; j += lanes) {
      const std::size_t at = row * hidden + j;
      const V in = hn::LoadU(d, g + j), forget = hn::LoadU(d, g + hidden + j),
              cell = hn::LoadU(d, g + 2 * hidden + j), out = hn::LoadU(d, g + 3 * hidden + j);
      const V tc = Tanh(hn::LoadU(d, c + at));
      const V by_h = dh == nullptr ? zero : hn::LoadU(d, dh + at);
      const V by_c = hn::MulAdd(hn::Mul(by_h, out), hn::NegMulAdd(tc, tc, one),
                                dc == nullptr ? zero : hn::LoadU(d, dc + at));
      const V parts[4] = {
          hn::Mul(hn::Mul(by_c, cell), hn::Mul(in, hn::Sub(one, in))),
          hn::Mul(hn::Mul(by_c, hn::LoadU(d, c_prev + at)), hn::Mul(forget, hn::Sub(one, forget))),
          hn::Mul(hn::Mul(by_c, in), hn::NegMulAdd(cell, cell, one)),
          hn::Mul(hn::Mul(by_h, tc), hn::Mul(out, hn::Sub(one, out)))};
      for (std::size_t k = 0; k < 4; ++k) {
        hn::StoreU(parts[k], d, dg + k * hidden + j);
        float* const sum = d_bias + k * hidden + j;
        hn::StoreU(hn::Add(hn::LoadU(d, sum), parts[k]), d, sum);
      }
      hn::StoreU(hn::Mul(by_c, forget), d, dc_prev + at);
    }
  }
}

}  // namespace
}  // namespace clew::ops::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace clew::ops {

HWY_EXPORT(Table);
HWY_EXPORT(Gates);
HWY_EXPORT(GatesBackward);

const Kernels* kernels_bf16();

const Kernels* kernels(Precision precision) {
  const Kernels* const fast = precision == Precision::kBf16 ? kernels_bf16() : nullptr;
  return fast != nullptr ? fast : HWY_DYNAMIC_DISPATCH(Table)();
}

void lstm_gates(float* gates, const float* bias, const float* c_prev, std::size_t n,
                std::size_t hidden, float* h, float* c) {
  HWY_DYNAMIC_DISPATCH(Gates)(gates, bias, c_prev, n, hidden, h, c);
}

void lstm_gates_backward(const float* gates, const float* c_prev, const float* c, const float* dh,
                         const float* dc, std::size_t n, std::size_t hidden, float* d_gates,
                         float* dc_prev, float* d_bias) {
  HWY_DYNAMIC_DISPATCH(GatesBackward)
  (gates, c_prev, c, dh, dc, n, hidden, d_gates, dc_prev, d_bias);
}

}  // namespace clew::ops
#endif
