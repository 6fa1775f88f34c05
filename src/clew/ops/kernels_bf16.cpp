// SPDX-License-Identifier: Apache-2.0
// bf16 kernels for CPUs with AVX-512 BF16. Intrinsics, because Highway 1.0.3 lacks its bf16 dot
// product (its ReorderWidenMulAccumulate uses f32 products).
#include <hwy/base.h>

#include <algorithm>
#include <cstring>

#include "clew/ops/kernels.h"

#if defined(__x86_64__) && (HWY_COMPILER_GCC || HWY_COMPILER_CLANG)
#if HWY_COMPILER_GCC_ACTUAL
// GCC 12 warns of its own AVX-512 intrinsics (PR 105593).
#pragma GCC diagnostic ignored "-Wuninitialized"
#pragma GCC diagnostic ignored "-Wmaybe-uninitialized"
#endif
#include <immintrin.h>

HWY_PUSH_ATTRIBUTES("avx2,fma,bmi,bmi2,f16c,avx512f,avx512bw,avx512dq,avx512vl,avx512bf16")
namespace clew::ops {
namespace {

struct Bf16 {
  static constexpr int kPack = 2, kLanes = 16, kMr = 14;
  static constexpr bool kWide = true;
  using V = __m512;
  using W = __m512bh;

  static V Zero() { return _mm512_setzero_ps(); }
  static V LoadF(const float* p) { return _mm512_loadu_ps(p); }
  static void StoreF(V v, float* p) { _mm512_storeu_ps(p, v); }
  static V Add(V a, V b) { return _mm512_add_ps(a, b); }
  // This operand order keeps NaN.
  static V Relu(V v) { return _mm512_max_ps(_mm512_setzero_ps(), v); }
  static W LoadW(const Word* p) { return reinterpret_cast<W>(_mm512_loadu_si512(p)); }
  static W Bcst(const Word* p) {
    int word;
    std::memcpy(&word, p, sizeof word);
    return reinterpret_cast<W>(_mm512_set1_epi32(word));
  }
  static V Dot(V sum, W a, W b) { return _mm512_dpbf16_ps(sum, a, b); }
  static Word OnesWord() { return 0x3f803f80U; }

  static __m256i Narrow(__m512 v) { return reinterpret_cast<__m256i>(_mm512_cvtneps_pbh(v)); }
  static __m512i Join(__m256i low, __m256i high) {
    return _mm512_or_si512(_mm512_cvtepu16_epi32(low),
                           _mm512_slli_epi32(_mm512_cvtepu16_epi32(high), 16));
  }
  static void Put16(Word* to, const float* x) {
    _mm256_storeu_si256(reinterpret_cast<__m256i*>(to), Narrow(_mm512_loadu_ps(x)));
  }
  static void Merge16(Word* to, const Word* a, const Word* b) {
    _mm512_storeu_si512(to, Join(_mm256_loadu_si256(reinterpret_cast<const __m256i*>(a)),
                                 _mm256_loadu_si256(reinterpret_cast<const __m256i*>(b))));
  }
  static void Split16(Word* to, const Word* units, int image) {
    const __m512i words = _mm512_loadu_si512(units);
    const __m512i own = image == 0 ? words : _mm512_srli_epi32(words, 16);
    _mm256_storeu_si256(reinterpret_cast<__m256i*>(to), _mm512_cvtepi32_epi16(own));
  }
  static void Units16(Word* to, const float* a, const float* b) {
    _mm512_storeu_si512(to, Join(Narrow(_mm512_loadu_ps(a)), Narrow(_mm512_loadu_ps(b))));
  }
  // The same, zero where the activation is zero. Activations are >= 0; -0 counts as zero.
  static void MaskedUnits16(Word* to, const float* a, const float* b, const Word* activations) {
    const __m512i act = _mm512_loadu_si512(activations);
    const __mmask16 low = _mm512_test_epi32_mask(act, _mm512_set1_epi32(0x00007fff));
    const __mmask16 high = _mm512_test_epi32_mask(act, _mm512_set1_epi32(0x7fff0000));
    _mm512_storeu_si512(
        to, Join(Narrow(_mm512_maskz_loadu_ps(low, a)), Narrow(_mm512_maskz_loadu_ps(high, b))));
  }
  // The upper half of an f32 integer below 256 is its bf16.
  static __m512i Widen(const std::uint8_t* p) {
    const __m128i bytes = _mm_loadu_si128(reinterpret_cast<const __m128i*>(p));
    return _mm512_castps_si512(_mm512_cvtepi32_ps(_mm512_cvtepu8_epi32(bytes)));
  }
  static void Pixels(Word* to, const std::uint8_t* from, int count) {
    for (int x = 0; x < count; x += 16) {
      const __m256i words = _mm512_cvtepi32_epi16(_mm512_srli_epi32(Widen(from + x), 16));
      _mm256_storeu_si256(reinterpret_cast<__m256i*>(to + x / 2), words);
    }
  }
  static void PixelUnits(Word* to, const std::uint8_t* a, const std::uint8_t* b, int count) {
    for (int x = 0; x < count; x += 16) {
      __m512i words = _mm512_srli_epi32(Widen(a + x), 16);
      if (b != nullptr) words = _mm512_or_si512(words, Widen(b + x));
      _mm512_storeu_si512(to + x, words);
    }
  }
};

#include "clew/ops/kernels-inl.h"

constexpr Kernels kTable = Loops<Bf16>::table("avx512+bf16");

}  // namespace

const Kernels* kernels_bf16() { return has_bf16(Products::kKernels) ? &kTable : nullptr; }

}  // namespace clew::ops
HWY_POP_ATTRIBUTES

#else

namespace clew::ops {
const Kernels* kernels_bf16() { return nullptr; }
}  // namespace clew::ops

#endif
