// SPDX-License-Identifier: Apache-2.0
// Vector types, byte look-ups, and data passed between the renderer's passes.
// Included inside the namespace and under the target attributes of render_kernel.cpp, once for each
// instruction set: it has no guard and includes nothing.

namespace hn = hwy::HWY_NAMESPACE;

const hn::ScalableTag<float> kF32;
const hn::RebindToSigned<decltype(kF32)> kI32;
const hn::RebindToUnsigned<decltype(kF32)> kU32;
const hn::ScalableTag<std::uint8_t> kU8;
const hn::Repartition<std::uint16_t, decltype(kU8)> kU16;
using VF = hn::Vec<decltype(kF32)>;
using VI = hn::Vec<decltype(kI32)>;
using V8 = hn::Vec<decltype(kU8)>;
using V16 = hn::Vec<decltype(kU16)>;
using MF = hn::Mask<decltype(kF32)>;
constexpr int kLanes32 = static_cast<int>(hn::MaxLanes(decltype(kF32){}));
constexpr int kLanes8 = 4 * kLanes32;

#if HWY_TARGET == HWY_AVX3_DL
HWY_INLINE V8 lookup64(const std::uint8_t* HWY_RESTRICT table, V8 index) {
  return V8{_mm512_permutexvar_epi8(index.raw, hn::Load(kU8, table).raw)};
}
#else
// Sixteen entries at a time, then a selection by the higher bits of the index.
HWY_INLINE V8 lookup32(const std::uint8_t* HWY_RESTRICT table, V8 low,
                       hn::Mask<decltype(kU8)> bit4) {
  return hn::IfThenElse(bit4, hn::TableLookupBytes(hn::LoadDup128(kU8, table + 16), low),
                        hn::TableLookupBytes(hn::LoadDup128(kU8, table), low));
}
HWY_INLINE V8 lookup64(const std::uint8_t* HWY_RESTRICT table, V8 index) {
  const V8 low = hn::And(index, hn::Set(kU8, 15));
  const auto bit4 = hn::TestBit(index, hn::Set(kU8, 16));
  const auto bit5 = hn::TestBit(index, hn::Set(kU8, 32));
  return hn::IfThenElse(bit5, lookup32(table + 32, low, bit4), lookup32(table, low, bit4));
}
#endif

// Low bytes of 16-bit lanes, in order.
HWY_INLINE V8 low_bytes(V16 first, V16 second) {
  return hn::ConcatEven(kU8, hn::BitCast(kU8, second), hn::BitCast(kU8, first));
}
HWY_INLINE V8 high_bytes(V16 first, V16 second) {
  return hn::ConcatOdd(kU8, hn::BitCast(kU8, second), hn::BitCast(kU8, first));
}
template <int kBits>
HWY_INLINE V8 shift_right(V8 v) {  // shifts in the neighbour's bits: mask afterwards
  return hn::BitCast(kU8, hn::ShiftRight<kBits>(hn::BitCast(kU16, v)));
}
template <int kBits>
HWY_INLINE V8 shift_left(V8 v) {
  return hn::BitCast(kU8, hn::ShiftLeft<kBits>(hn::BitCast(kU16, v)));
}

// Gathers bytes from a table of `size` >= 4 bytes without reading past its end: words start at size
// - 4 at most, and the byte is shifted down. The upper bits of the result are other bytes.
HWY_INLINE VI gather_bytes(const std::uint8_t* HWY_RESTRICT table, int size, VI index) {
  const VI start = hn::Min(index, hn::Set(kI32, size - 4));
  const VI word = hn::GatherOffset(kI32, reinterpret_cast<const std::int32_t*>(table), start);
  const auto shift = hn::ShiftLeft<3>(hn::BitCast(kU32, hn::Sub(index, start)));
  return hn::BitCast(kI32, hn::Shr(hn::BitCast(kU32, word), shift));
}

struct Columns {  // [width, padded to kSegment]
  float* depth;
  float* pairs_f32;
  std::uint32_t* texture;
  std::uint16_t* half_step;
  std::uint8_t* pairs;
  std::uint8_t* light;
};

struct Planes {
  std::uint8_t *colour, *light;  // [height][width] palette index, light
  std::uint8_t *lower, *upper;   // [pairs][pitch] wall texels below and above the horizon
  std::size_t pitch;
  std::int32_t *floor_x, *floor_y;  // [segments][pairs] coordinates at the segment's first column
  std::int32_t *step_x, *step_y;    // [pairs] step per column
};
