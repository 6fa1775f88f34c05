// SPDX-License-Identifier: Apache-2.0
// The hot loops of the renderer, compiled once for each instruction set by Highway.
//
// A frame is drawn in five passes, all in first-level cache:
//   1. rays: 16 columns at a time (AVX-512) walk the grid;
//   2. walls: each column's texture is stretched by one byte look-up, then 16 columns are
//   transposed;
//   3. rows: floor and ceiling by integer steps, merged with the walls into two planes of bytes:
//   palette
//      index and light. Depth goes straight to the caller: it is one number a row or one a column;
//   4. solids: drawn over the planes and the depth;
//   5. colours: palette index and light become red, green and blue.
// Rows that mirror each other about the horizon share depth, light, mask and floor coordinates.
#include "clew/maze/render_kernel.h"

#include <algorithm>
#include <cstring>
#include <limits>

#include "clew/core/error.h"
#include "clew/core/turns.h"
#include "clew/maze/render_reference.h"

// AVX3_DL (Ice Lake, Zen 4 and later) looks up 64 bytes in a table of 128 in one instruction.
#define HWY_WANT_AVX3_DL
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "clew/maze/render_kernel.cpp"
#include <hwy/foreach_target.h>
#include <hwy/highway.h>

HWY_BEFORE_NAMESPACE();
namespace clew::maze {
namespace HWY_NAMESPACE {

const char* target_name() { return hwy::TargetName(HWY_TARGET); }

#if HWY_TARGET == HWY_SCALAR
// No vectors at all: x86 from before 2006, or a compiler that Highway does not trust with more.
void draw(const FrameJob& job, Scratch& /*scratch*/) {
  render_reference(job.view, job.grid, job.sprites, job.camera, job.previous, job.out);
}
#else

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

// ---- Byte look-ups
// ---------------------------------------------------------------------------------

#if HWY_TARGET == HWY_AVX3_DL
HWY_INLINE V8 lookup64(const std::uint8_t* HWY_RESTRICT table, V8 index) {
  return V8{_mm512_permutexvar_epi8(index.raw, hn::Load(kU8, table).raw)};
}
#else
// Sixteen entries at a time, then a choice by the higher bits of the index.
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

// The low bytes of 16-bit lanes, in order.
HWY_INLINE V8 low_bytes(V16 first, V16 second) {
  return hn::ConcatEven(kU8, hn::BitCast(kU8, second), hn::BitCast(kU8, first));
}
HWY_INLINE V8 high_bytes(V16 first, V16 second) {
  return hn::ConcatOdd(kU8, hn::BitCast(kU8, second), hn::BitCast(kU8, first));
}
template <int kBits>
HWY_INLINE V8 shift_right(V8 v) {  // lets bits of the neighbour in: mask afterwards
  return hn::BitCast(kU8, hn::ShiftRight<kBits>(hn::BitCast(kU16, v)));
}
template <int kBits>
HWY_INLINE V8 shift_left(V8 v) {
  return hn::BitCast(kU8, hn::ShiftLeft<kBits>(hn::BitCast(kU16, v)));
}

// Bytes from a table of `size` >= 4 bytes without reading past its end: the word read begins at
// most at size - 4, and the byte wanted is shifted down. The upper bits of the result are other
// bytes.
HWY_INLINE VI gather_bytes(const std::uint8_t* HWY_RESTRICT table, int size, VI index) {
  const VI start = hn::Min(index, hn::Set(kI32, size - 4));
  const VI word = hn::GatherOffset(kI32, reinterpret_cast<const std::int32_t*>(table), start);
  const auto shift = hn::ShiftLeft<3>(hn::BitCast(kU32, hn::Sub(index, start)));
  return hn::BitCast(kI32, hn::Shr(hn::BitCast(kU32, word), shift));
}

// ---- What the passes hand to each other
// ------------------------------------------------------------

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
  std::int32_t *step_x, *step_y;    // [pairs] and a column further
};

// ---- 1. Rays
// ---------------------------------------------------------------------------------------

HWY_INLINE VF away_from_zero(VF slope) {
  const VF least = hn::Set(kF32, kLeastSlope);
  return hn::IfThenElse(hn::Lt(hn::Abs(slope), least), least, slope);
}

// Two vectors of rays walk together, so that one computes while the other waits for its walls.
constexpr int kTogether = 2;

void cast_rays(const FrameJob& job, Direction forward, const Columns& out) {
  const View& view = job.view;
  const Grid& grid = job.grid;
  const int size = grid.width * grid.height;
  std::uint8_t tiny[4] = {};
  if (size < 4) std::copy_n(grid.walls.data(), size, tiny);
  const std::uint8_t* walls = size < 4 ? tiny : grid.walls.data();
  const int gather_size = std::max(size, 4);
  const Cell home = {
      static_cast<std::int16_t>(std::clamp(static_cast<int>(job.camera.x), 0, grid.width - 1)),
      static_cast<std::int16_t>(std::clamp(static_cast<int>(job.camera.y), 0, grid.height - 1))};
  const VF eye_x = hn::Set(kF32, job.camera.x), eye_y = hn::Set(kF32, job.camera.y);
  const VF zero = hn::Zero(kF32), one = hn::Set(kF32, 1.0F);

  // Walls are drawn 16 columns at a time, so the last ones may lie beyond the view.
  const int columns = (view.width + 15) / 16 * 16;
  for (int first = 0; first < columns; first += kTogether * kLanes32) {
    VF dx[kTogether], dy[kTogether], inverse_x[kTogether], inverse_y[kTogether];
    VF next_x[kTogether], next_y[kTogether], tx[kTogether], ty[kTogether];
    VI cell[kTogether];
    for (int k = 0; k < kTogether; ++k) {
      const VF slope = hn::LoadU(kF32, view.column_slope.data() + first + k * kLanes32);
      dx[k] = away_from_zero(
          hn::Sub(hn::Set(kF32, forward.x), hn::Mul(slope, hn::Set(kF32, forward.y))));
      dy[k] = away_from_zero(
          hn::Add(hn::Set(kF32, forward.y), hn::Mul(slope, hn::Set(kF32, forward.x))));
      inverse_x[k] = hn::Div(one, dx[k]);
      inverse_y[k] = hn::Div(one, dy[k]);
      // The next grid lines the ray will meet.
      next_x[k] = hn::Add(hn::Set(kF32, static_cast<float>(home.x)),
                          hn::IfThenElseZero(hn::Gt(dx[k], zero), one));
      next_y[k] = hn::Add(hn::Set(kF32, static_cast<float>(home.y)),
                          hn::IfThenElseZero(hn::Gt(dy[k], zero), one));
      cell[k] = hn::Set(kI32, grid.index(home));
    }
    while (true) {
      bool is_done = true;
      for (int k = 0; k < kTogether; ++k) {
        const MF is_east = hn::Gt(dx[k], zero), is_south = hn::Gt(dy[k], zero);
        tx[k] = hn::Mul(hn::Sub(next_x[k], eye_x), inverse_x[k]);
        ty[k] = hn::Mul(hn::Sub(next_y[k], eye_y), inverse_y[k]);
        const MF is_x = hn::Lt(tx[k], ty[k]);
        const VI side_x = hn::IfThenElse(hn::RebindMask(kI32, is_east), hn::Set(kI32, 1 << kEast),
                                         hn::Set(kI32, 1 << kWest));
        const VI side_y = hn::IfThenElse(hn::RebindMask(kI32, is_south), hn::Set(kI32, 1 << kSouth),
                                         hn::Set(kI32, 1 << kNorth));
        const VI side = hn::IfThenElse(hn::RebindMask(kI32, is_x), side_x, side_y);
        const VI around = gather_bytes(walls, gather_size, cell[k]);
        const MF is_open = hn::RebindMask(kF32, hn::Eq(hn::And(around, side), hn::Zero(kI32)));
        // A ray that has met its wall stays where it is and meets it again.
        const MF goes_x = hn::And(is_open, is_x), goes_y = hn::AndNot(is_x, is_open);
        next_x[k] = hn::Add(next_x[k], hn::IfThenElseZero(goes_x, hn::CopySign(one, dx[k])));
        next_y[k] = hn::Add(next_y[k], hn::IfThenElseZero(goes_y, hn::CopySign(one, dy[k])));
        const VI step_x =
            hn::IfThenElse(hn::RebindMask(kI32, is_east), hn::Set(kI32, 1), hn::Set(kI32, -1));
        const VI step_y = hn::IfThenElse(hn::RebindMask(kI32, is_south), hn::Set(kI32, grid.width),
                                         hn::Set(kI32, -grid.width));
        cell[k] = hn::Add(cell[k], hn::IfThenElseZero(
                                       hn::RebindMask(kI32, is_open),
                                       hn::IfThenElse(hn::RebindMask(kI32, is_x), step_x, step_y)));
        is_done &= hn::AllFalse(kF32, is_open);
      }
      if (is_done) break;
    }
    for (int k = 0; k < kTogether; ++k) {
      const int at = first + k * kLanes32;
      const MF is_east = hn::Gt(dx[k], zero), is_south = hn::Gt(dy[k], zero);
      const MF is_x = hn::Lt(tx[k], ty[k]);
      const auto is_x_int = hn::RebindMask(kI32, is_x);
      const VF depth = hn::Max(hn::IfThenElse(is_x, tx[k], ty[k]), hn::Set(kF32, kNearest));
      hn::Store(depth, kF32, out.depth + at);
      // Where along the wall, as texels of its picture from left to right.
      const VF cell_x = hn::Sub(next_x[k], hn::IfThenElseZero(is_east, one));
      const VF cell_y = hn::Sub(next_y[k], hn::IfThenElseZero(is_south, one));
      const VF along = hn::Sub(hn::Add(hn::IfThenElse(is_x, eye_y, eye_x),
                                       hn::Mul(depth, hn::IfThenElse(is_x, dy[k], dx[k]))),
                               hn::IfThenElse(is_x, cell_y, cell_x));
      VI texel = hn::ConvertTo(kI32, hn::Mul(along, hn::Set(kF32, 64.0F)));
      texel = hn::Min(hn::Max(texel, hn::Zero(kI32)), hn::Set(kI32, 63));
      const MF is_flipped = hn::Or(hn::And(is_x, hn::Not(is_east)), hn::AndNot(is_x, is_south));
      texel = hn::IfThenElse(hn::RebindMask(kI32, is_flipped), hn::Sub(hn::Set(kI32, 63), texel),
                             texel);
      // Which size of the picture.
      const VF inverse = hn::Abs(hn::IfThenElse(is_x, inverse_x[k], inverse_y[k]));
      const VF texels = hn::Mul(depth, hn::Set(kF32, 64 / view.focal));
      const VF half = hn::Set(kF32, 0.5F);
      const VF footprint = hn::Mul(texels, hn::Add(half, hn::Mul(half, inverse)));
      VI level = hn::Sub(hn::BitCast(kI32, hn::ShiftRight<23>(hn::BitCast(kU32, footprint))),
                         hn::Set(kI32, 127));
      level = hn::Min(hn::Max(level, hn::Zero(kI32)), hn::Set(kI32, kWallMips - 1));
      const VI faces =
          hn::GatherIndex(kI32, reinterpret_cast<const std::int32_t*>(grid.faces.data()), cell[k]);
      const VI side_x = hn::IfThenElse(hn::RebindMask(kI32, is_east), hn::Set(kI32, kEast * 8),
                                       hn::Set(kI32, kWest * 8));
      const VI side_y = hn::IfThenElse(hn::RebindMask(kI32, is_south), hn::Set(kI32, kSouth * 8),
                                       hn::Set(kI32, kNorth * 8));
      const VI face = hn::And(
          hn::BitCast(kI32, hn::Shr(hn::BitCast(kU32, faces),
                                    hn::BitCast(kU32, hn::IfThenElse(is_x_int, side_x, side_y)))),
          hn::Set(kI32, 255));
      const VI start = hn::Sub(hn::Add(hn::ShiftLeft<7>(face), hn::Set(kI32, 128)),
                               hn::Shr(hn::Set(kI32, 128), level));
      hn::Store(hn::BitCast(kU32, hn::ShiftLeft<6>(hn::Add(start, hn::Shr(texel, level)))), kU32,
                out.texture + at);
      const VF half_step =
          hn::Min(hn::Mul(depth, hn::Set(kF32, kTexelScale / view.focal)), hn::Set(kF32, 65535.0F));
      const hn::Rebind<std::uint16_t, decltype(kF32)> to16;
      const hn::Rebind<std::uint8_t, decltype(kF32)> to8;
      hn::Store(hn::DemoteTo(to16, hn::ConvertTo(kI32, half_step)), to16, out.half_step + at);
      const VF half_rows = hn::Div(hn::Set(kF32, view.focal * 0.5F), depth);
      const VI pairs =
          hn::Min(hn::ConvertTo(kI32, hn::Add(half_rows, hn::Set(kF32, view.is_odd ? 1.0F : 0.5F))),
                  hn::Set(kI32, view.pairs));
      hn::Store(hn::DemoteTo(to8, pairs), to8, out.pairs + at);
      hn::Store(hn::ConvertTo(kF32, pairs), kF32, out.pairs_f32 + at);
      const VF light = hn::Div(
          hn::IfThenElse(is_x, hn::Set(kF32, kLightEastWest), hn::Set(kF32, kLightNorthSouth)),
          hn::Add(one, hn::Mul(hn::Set(kF32, kFade), depth)));
      hn::Store(hn::DemoteTo(to8, hn::ConvertTo(kI32, light)), to8, out.light + at);
    }
  }
}

// ---- 2. Walls
// --------------------------------------------------------------------------------------

// One stage of transposing 16x16 bytes in every 128-bit block. Four of them exchange rows and
// columns.
HWY_INLINE void interleave16(const V8* HWY_RESTRICT in, V8* HWY_RESTRICT out) {
  for (int i = 0; i < 8; ++i) {
    out[2 * i] = hn::InterleaveLower(kU8, in[i], in[i + 8]);
    out[2 * i + 1] = hn::InterleaveUpper(kU8, in[i], in[i + 8]);
  }
}

// Writes the 16-byte blocks of `v`, each 16 rows below the one before.
HWY_INLINE void store_blocks(V8 v, std::uint8_t* HWY_RESTRICT to, std::size_t pitch) {
#if HWY_TARGET <= HWY_AVX3
  const hn::Half<decltype(kU8)> d32;
  const hn::Half<decltype(d32)> d16;
  const auto low = hn::LowerHalf(d32, v), high = hn::UpperHalf(d32, v);
  hn::StoreU(hn::LowerHalf(d16, low), d16, to);
  hn::StoreU(hn::UpperHalf(d16, low), d16, to + 16 * pitch);
  hn::StoreU(hn::LowerHalf(d16, high), d16, to + 32 * pitch);
  hn::StoreU(hn::UpperHalf(d16, high), d16, to + 48 * pitch);
#elif HWY_TARGET == HWY_AVX2
  const hn::Half<decltype(kU8)> d16;
  hn::StoreU(hn::LowerHalf(d16, v), d16, to);
  hn::StoreU(hn::UpperHalf(d16, v), d16, to + 16 * pitch);
#else
  (void)pitch;
  hn::StoreU(v, kU8, to);
#endif
}

// Rows of wall texels, [pairs][pitch] below and above the horizon; only the first `pairs` are
// needed.
void draw_walls(const FrameJob& job, const Columns& columns, int pairs, const Planes& planes) {
  const std::uint8_t* walls = job.looks.walls.data();
  const V16 one = hn::Set(kU16, static_cast<std::uint16_t>(job.view.is_odd ? 0 : 1));
  for (int column = 0; column < job.view.width; column += 16) {
    for (int pair = 0; pair < pairs; pair += kLanes8) {
      // Half rows from the horizon: 2 * pair + 1, or 2 * pair when a row lies on it.
      const V16 first = hn::Add(hn::Add(hn::Iota(kU16, static_cast<std::uint16_t>(pair)),
                                        hn::Iota(kU16, static_cast<std::uint16_t>(pair))),
                                one);
      const V16 second = hn::Add(first, hn::Set(kU16, kLanes8));
      V8 lower[16], upper[16], other[16];
      for (int i = 0; i < 16; ++i) {
        const V16 step = hn::Set(kU16, columns.half_step[column + i]);
        const V8 texel = low_bytes(hn::ShiftRight<11>(hn::Mul(first, step)),
                                   hn::ShiftRight<11>(hn::Mul(second, step)));
        const std::uint8_t* texture = walls + columns.texture[column + i];
#if HWY_TARGET == HWY_AVX3_DL
        lower[i] = lookup64(texture, texel);
        upper[i] = lookup64(texture, hn::Or(texel, hn::Set(kU8, 32)));
#else
        const V8 low = hn::And(texel, hn::Set(kU8, 15));
        const auto bit4 = hn::TestBit(texel, hn::Set(kU8, 16));
        lower[i] = lookup32(texture, low, bit4);
        upper[i] = lookup32(texture + 32, low, bit4);
#endif
      }
      interleave16(lower, other);
      interleave16(other, lower);
      interleave16(lower, other);
      interleave16(other, lower);
      interleave16(upper, other);
      interleave16(other, upper);
      interleave16(upper, other);
      interleave16(other, upper);
      for (int i = 0; i < 16; ++i) {
        const std::size_t at =
            static_cast<std::size_t>(pair + i) * planes.pitch + static_cast<std::size_t>(column);
        store_blocks(lower[i], planes.lower + at, planes.pitch);
        store_blocks(upper[i], planes.upper + at, planes.pitch);
      }
    }
  }
}

// ---- 3. Rows
// ---------------------------------------------------------------------------------------

// Floor coordinates of every pair of rows: where its segments begin, and its step from column to
// column.
void floor_coordinates(const FrameJob& job, Direction forward, const Planes& out) {
  const View& view = job.view;
  const VF unit = hn::Set(kF32, kFloorUnit), focal = hn::Set(kF32, view.focal);
  const VF x = hn::Set(kF32, forward.x), y = hn::Set(kF32, forward.y);
  const VF eye_x = hn::Mul(hn::Set(kF32, job.camera.x), unit),
           eye_y = hn::Mul(hn::Set(kF32, job.camera.y), unit);
  const int stride = (view.pairs + 63) / 64 * 64;
  for (int pair = 0; pair < view.pairs; pair += kLanes32) {
    const VF scale = hn::Mul(hn::LoadU(kF32, view.pair_depth.data() + pair), unit);
    const VF step = hn::Div(scale, focal);
    hn::Store(hn::NearestInt(hn::Mul(step, hn::Set(kF32, 0.0F - forward.y))), kI32,
              out.step_x + pair);
    hn::Store(hn::NearestInt(hn::Mul(step, x)), kI32, out.step_y + pair);
    for (int segment = 0; segment * kSegment < view.width; ++segment) {
      const VF slope =
          hn::Set(kF32, view.column_slope[static_cast<std::size_t>(segment * kSegment)]);
      const int at = segment * stride + pair;
      hn::Store(hn::NearestInt(hn::Add(eye_x, hn::Mul(scale, hn::Sub(x, hn::Mul(slope, y))))), kI32,
                out.floor_x + at);
      hn::Store(hn::NearestInt(hn::Add(eye_y, hn::Mul(scale, hn::Add(y, hn::Mul(slope, x))))), kI32,
                out.floor_y + at);
    }
  }
}

// The floors of 8x8 cells about the player, by cell coordinates modulo 8: bit (1 << floor), and the
// first colour of the floor. Rows of the view that stay inside the 8x8 cells take their floors from
// here.
struct Window {
  alignas(64) std::uint8_t bit[64];
  alignas(64) std::uint8_t base[64];
  int first_pair;  // from here on, outward from the horizon, rows stay inside
};

// Bits and bases of floor ids.
HWY_INLINE V8 floor_bits(V8 id) {
  alignas(16) static constexpr std::uint8_t kBits[16] = {1, 2, 4, 8, 16, 32, 64, 128};
  return hn::TableLookupBytes(hn::LoadDup128(kU8, kBits), id);
}
HWY_INLINE V8 floor_bases(const Textures& looks, V8 id) {
  alignas(16) std::uint8_t bases[16] = {};
  std::copy_n(looks.floor_base.data(), kFloorTextures, bases);
  return hn::TableLookupBytes(hn::LoadDup128(kU8, bases), id);
}

void find_window(const FrameJob& job, int first_pair, const Planes& planes, Window& window) {
  const View& view = job.view;
  const Grid& grid = job.grid;
  const int stride = (view.pairs + 63) / 64 * 64, last = (view.width - 1) / kSegment;
  // A margin for the rounding of other rows' coordinates.
  constexpr int kMargin = 256;
  const int eye_x = static_cast<int>(job.camera.x * kFloorUnit),
            eye_y = static_cast<int>(job.camera.y * kFloorUnit);
  int pair = first_pair, x0 = 0, y0 = 0;
  for (; pair < view.pairs; ++pair) {
    const int right = view.width - 1 - last * kSegment;
    const int xa = planes.floor_x[pair], ya = planes.floor_y[pair];
    const int xb = planes.floor_x[last * stride + pair] + right * planes.step_x[pair];
    const int yb = planes.floor_y[last * stride + pair] + right * planes.step_y[pair];
    x0 = (std::min({xa, xb, eye_x}) - kMargin) >> 13;
    y0 = (std::min({ya, yb, eye_y}) - kMargin) >> 13;
    const int x1 = (std::max({xa, xb, eye_x}) + kMargin) >> 13,
              y1 = (std::max({ya, yb, eye_y}) + kMargin) >> 13;
    if (x1 - x0 < 8 && y1 - y0 < 8) break;
  }
  window.first_pair = pair;
  if (pair == view.pairs) return;
  alignas(64) std::uint8_t id[64];
  for (int y = y0; y < y0 + 8; ++y) {
    const std::uint8_t* row = grid.floors.data() + std::clamp(y, 0, grid.height - 1) * grid.width;
    for (int x = x0; x < x0 + 8; ++x)
      id[(y & 7) * 8 + (x & 7)] = row[std::clamp(x, 0, grid.width - 1)];
  }
  for (int i = 0; i < 64; i += kLanes8) {
    const V8 ids = hn::Load(kU8, id + i);
    hn::Store(floor_bits(ids), kU8, window.bit + i);
    hn::Store(floor_bases(job.looks, ids), kU8, window.base + i);
  }
}

// The floor ids under kLanes8 pixels of a far row, cell by cell.
HWY_INLINE V8 far_floors(const Grid& grid, int x, int y, int step_x, int step_y, int column) {
  alignas(64) std::uint8_t id[kLanes8];
  const int size = grid.width * grid.height;
  for (int i = 0; i < kLanes8; i += kLanes32) {
    const VI columns = hn::Iota(kI32, column + i);
    const auto cell = [columns](int start, int step, int count) {
      const VI at = hn::Add(hn::Set(kI32, start), hn::Mul(columns, hn::Set(kI32, step)));
      return hn::Min(hn::Max(hn::ShiftRight<13>(at), hn::Zero(kI32)), hn::Set(kI32, count - 1));
    };
    const VI index = hn::Add(hn::Mul(cell(y, step_y, grid.height), hn::Set(kI32, grid.width)),
                             cell(x, step_x, grid.width));
    VI floor = index;
    if (size >= 4) {
      floor = hn::And(gather_bytes(grid.floors.data(), size, index), hn::Set(kI32, 255));
    } else {
      alignas(64) std::int32_t lanes[kLanes32];
      hn::Store(index, kI32, lanes);
      for (std::int32_t& lane : lanes) lane = grid.floors[static_cast<std::size_t>(lane)];
      floor = hn::Load(kI32, lanes);
    }
    const hn::Rebind<std::uint8_t, decltype(kI32)> to8;
    hn::Store(hn::DemoteTo(to8, floor), to8, id + i);
  }
  return hn::Load(kU8, id);
}

// Merges floor, ceiling and walls of kLanes8 columns into the planes, rows from the horizon
// outward. With `kIsWhole` it may write past the end of its row: what is there is drawn afterwards.
template <bool kIsWhole>
void merge_columns(const FrameJob& job, const Columns& columns, int column, const Window& window,
                   const Planes& planes) {
  const View& view = job.view;
  const Textures& looks = job.looks;
  const auto width = static_cast<std::size_t>(view.width);
  const V8 pairs = hn::Load(kU8, columns.pairs + column);
  const V8 wall_light = hn::Load(kU8, columns.light + column);
  int least = 255;  // rows nearer the horizon are all wall
  for (int c = column; c < std::min(column + kLanes8, view.width); ++c)
    least = std::min<int>(least, columns.pairs[c]);
  const int stride = (view.pairs + 63) / 64 * 64;
  const int segment = column / kSegment * stride, in_segment = column % kSegment;
  const V16 first = hn::Iota(kU16, static_cast<std::uint16_t>(in_segment));
  const V16 second = hn::Add(first, hn::Set(kU16, kLanes8 / 2));
  const auto inside = hn::FirstN(kU8, static_cast<std::size_t>(view.width - column));
  const auto store = [&](V8 v, std::uint8_t* to) {
    if constexpr (kIsWhole) {
      hn::StoreU(v, kU8, to);
    } else {
      hn::BlendedStore(v, inside, kU8, to);
    }
  };
  for (int pair = 0; pair < view.pairs; ++pair) {
    const std::size_t wall_row =
        static_cast<std::size_t>(pair) * planes.pitch + static_cast<std::size_t>(column);
    const std::size_t lower_row =
        static_cast<std::size_t>(view.lower_row(pair)) * width + static_cast<std::size_t>(column);
    const std::size_t upper_row =
        static_cast<std::size_t>(view.upper_row(pair)) * width + static_cast<std::size_t>(column);
    V8 lower = hn::Load(kU8, planes.lower + wall_row),
       upper = hn::Load(kU8, planes.upper + wall_row);
    V8 light = wall_light;
    if (pair >= least) {
      const std::int32_t x0 = planes.floor_x[segment + pair], y0 = planes.floor_y[segment + pair];
      const V16 step_x = hn::Set(kU16, static_cast<std::uint16_t>(planes.step_x[pair]));
      const V16 step_y = hn::Set(kU16, static_cast<std::uint16_t>(planes.step_y[pair]));
      const V16 start_x = hn::Set(kU16, static_cast<std::uint16_t>(x0)),
                start_y = hn::Set(kU16, static_cast<std::uint16_t>(y0));
      // Bits 5..7 of these bytes: cell modulo 8; bits 2..4: texel.
      const V8 x = high_bytes(hn::Add(start_x, hn::Mul(first, step_x)),
                              hn::Add(start_x, hn::Mul(second, step_x)));
      const V8 y = high_bytes(hn::Add(start_y, hn::Mul(first, step_y)),
                              hn::Add(start_y, hn::Mul(second, step_y)));
      const V8 seven = hn::Set(kU8, 7), high = hn::Set(kU8, 0x38);
      const V8 texel = hn::OrAnd(hn::And(shift_left<1>(y), high), shift_right<2>(x), seven);
      V8 bit, base;
      if (pair >= window.first_pair) {
        const V8 cell = hn::OrAnd(hn::And(shift_right<2>(y), high), shift_right<5>(x), seven);
        bit = lookup64(window.bit, cell);
        base = lookup64(window.base, cell);
      } else {
        const V8 id =
            far_floors(job.grid, x0, y0, planes.step_x[pair], planes.step_y[pair], in_segment);
        bit = floor_bits(id);
        base = floor_bases(looks, id);
      }
      const Textures::FloorPattern& pattern =
          looks.floors[view.pair_mip[static_cast<std::size_t>(pair)]];
      const auto is_low = hn::TestBit(lookup64(pattern.low.data(), texel), bit);
      const auto is_high = hn::TestBit(lookup64(pattern.high.data(), texel), bit);
      V8 floor = hn::IfThenElse(is_low, hn::Add(base, hn::Set(kU8, 1)), base);
      floor = hn::IfThenElse(is_high, hn::Add(floor, hn::Set(kU8, 2)), floor);
      const auto is_wall = hn::Gt(pairs, hn::Set(kU8, static_cast<std::uint8_t>(pair)));
      lower = hn::IfThenElse(is_wall, lower, floor);
      upper = hn::IfThenElse(is_wall, upper, lookup64(pattern.ceiling.data(), texel));
      light = hn::IfThenElse(is_wall, wall_light,
                             hn::Set(kU8, view.pair_light[static_cast<std::size_t>(pair)]));
    }
    store(upper, planes.colour + upper_row);
    store(light, planes.light + upper_row);
    store(lower, planes.colour + lower_row);
    store(light, planes.light + lower_row);
  }
}

// Passes 2 and 3: the planes as they are without solids.
void draw_background(const FrameJob& job, Direction forward, const Columns& columns,
                     const Planes& planes) {
  const View& view = job.view;
  const auto [least, most] = std::minmax_element(columns.pairs, columns.pairs + view.width);
  draw_walls(job, columns, *most, planes);
  Window window;
  if (*least < view.pairs) {
    floor_coordinates(job, forward, planes);
    find_window(job, *least, planes, window);
  }
  if (view.width < kLanes8) {
    merge_columns<false>(job, columns, 0, window, planes);
  } else {
    // From right to left, since each writes past the end of its rows into columns that come later.
    for (int column = (view.width - 1) / kLanes8 * kLanes8; column >= 0; column -= kLanes8) {
      merge_columns<true>(job, columns, column, window, planes);
    }
  }
}

// depth [H][W] f32, written row by row: the rows' own depth, or the column's where there is wall.
void draw_depth(const View& view, const Columns& columns, float* HWY_RESTRICT depth) {
  const auto width = static_cast<std::size_t>(view.width);
  for (int pair = 0; pair < view.pairs; ++pair) {
    float* upper = depth + static_cast<std::size_t>(view.upper_row(pair)) * width;
    float* lower = depth + static_cast<std::size_t>(view.lower_row(pair)) * width;
    const VF row = hn::Set(kF32, view.pair_depth[static_cast<std::size_t>(pair)]);
    const VF number = hn::Set(kF32, static_cast<float>(pair));
    const auto draw = [&](int c) {
      const MF is_wall = hn::Gt(hn::LoadU(kF32, columns.pairs_f32 + c), number);
      const VF v = hn::IfThenElse(is_wall, hn::LoadU(kF32, columns.depth + c), row);
      hn::StoreU(v, kF32, upper + c);
      hn::StoreU(v, kF32, lower + c);
    };
    for (int c = 0; c + kLanes32 <= view.width; c += kLanes32) draw(c);
    draw(view.width - kLanes32);
  }
}

// Writes `width` lanes from `to` on and nothing beyond: there the next world's image may begin, and its
// thread may be at it. `draw(column)` gives a vector of lanes.
template <class D, class Draw>
HWY_INLINE void draw_row(D d, int width, hn::TFromD<D>* HWY_RESTRICT to, const Draw& draw) {
  const int lanes = static_cast<int>(hn::Lanes(d));
  for (int column = 0; column + lanes <= width; column += lanes) {
    hn::StoreU(draw(column), d, to + column);
  }
  if (width >= lanes) {
    hn::StoreU(draw(width - lanes), d, to + width - lanes);
  } else {
    alignas(64) hn::TFromD<D> row[hn::MaxLanes(D{})];
    hn::Store(draw(0), d, row);
    std::copy_n(row, width, to);
  }
}

// Ids of what the rows show: 0 ceiling, 1 floor, 2 wall. Either image may be null.
void draw_ids(const View& view, const Columns& columns, std::uint8_t* semantic,
              std::uint16_t* instance) {
  const hn::Rebind<std::uint8_t, decltype(kU16)> half8;
  for (int pair = 0; pair < view.pairs; ++pair) {
    for (const bool is_lower : {false, true}) {
      const int row = is_lower ? view.lower_row(pair) : view.upper_row(pair);
      const std::size_t start =
          static_cast<std::size_t>(row) * static_cast<std::size_t>(view.width);
      const std::uint8_t beyond = is_lower ? 1 : 0;
      if (semantic != nullptr) {
        draw_row(kU8, view.width, semantic + start, [&](int column) {
          const auto is_wall = hn::Gt(hn::LoadU(kU8, columns.pairs + column),
                                      hn::Set(kU8, static_cast<std::uint8_t>(pair)));
          return hn::IfThenElse(is_wall, hn::Set(kU8, 2), hn::Set(kU8, beyond));
        });
      }
      if (instance != nullptr) {
        draw_row(kU16, view.width, instance + start, [&](int column) {
          const V16 pairs = hn::PromoteTo(kU16, hn::LoadU(half8, columns.pairs + column));
          const auto is_wall = hn::Gt(pairs, hn::Set(kU16, static_cast<std::uint16_t>(pair)));
          return hn::IfThenElse(is_wall, hn::Set(kU16, 2), hn::Set(kU16, beyond));
        });
      }
    }
  }
}

// ---- 4. Solids
// -------------------------------------------------------------------------------------

struct Rectangle {
  int left, right, top, bottom;  // pixels, ends included
};

// The pixels that a solid can touch, and a few more. `forward`, `right`: of its axis.
Rectangle bounds(const View& view, float forward, float right, float radius, float bottom,
                 float top) {
  Rectangle all = {0, view.width - 1, 0, view.height - 1};
  const float near = forward - radius, far = forward + radius;
  if (near < 0.02F) return all;
  const auto pixel = [&view](float slope, int size) {
    const float p = slope * view.focal + (static_cast<float>(size) * 0.5F - 0.5F);
    return static_cast<int>(std::clamp(p, -8.0F, static_cast<float>(size) + 8.0F));
  };
  const float left_edge = right - radius, right_edge = right + radius;
  const float top_edge = 0.5F - top, bottom_edge = 0.5F - bottom;
  all.left = std::max(all.left, pixel(left_edge / (left_edge < 0 ? near : far), view.width) - 1);
  all.right =
      std::min(all.right, pixel(right_edge / (right_edge > 0 ? near : far), view.width) + 2);
  all.top = std::max(all.top, pixel(top_edge / (top_edge < 0 ? near : far), view.height) - 1);
  all.bottom =
      std::min(all.bottom, pixel(bottom_edge / (bottom_edge > 0 ? near : far), view.height) + 2);
  return all;
}

struct Target {
  std::uint8_t *colour, *light;
  float* depth;
  std::uint8_t* semantic;   // or null
  std::uint16_t* instance;  // or null
};

// Draws one solid where it is nearer than what is there. Columns of vectors, from top to bottom:
// what depends on the column alone, for a cylinder nearly everything, is computed once.
template <Solid::Form kForm, Solid::Pattern kPattern>
void draw_solid(const View& view, const Solid& solid, const Sprite& sprite,
                const PlacedSolid& placed, const Rectangle& box, const Target& target) {
  const VF one = hn::Set(kF32, 1.0F), zero = hn::Zero(kF32);
  const VF clearance = hn::Set(kF32, placed.clearance);
  const hn::Rebind<std::uint8_t, decltype(kI32)> d8;
  const hn::Rebind<std::uint16_t, decltype(kI32)> d16;
  const auto width = static_cast<std::size_t>(view.width);
  for (int column = box.left; column <= box.right; column += kLanes32) {
    // The last vector is moved back into the row: drawing a pixel twice changes nothing.
    const int c0 = std::min(column, view.width - kLanes32);
    const VF slope = hn::LoadU(kF32, view.column_slope.data() + c0);
    const VF a_column = hn::Add(hn::Mul(slope, slope), one);
    const VF b_column =
        hn::Add(hn::Mul(slope, hn::Set(kF32, placed.right)), hn::Set(kF32, placed.forward));
    const VF lamp_column = hn::Add(hn::Mul(slope, hn::Set(kF32, placed.lamp_right)),
                                   hn::Set(kF32, placed.lamp_forward));
    MF is_crossed = hn::FirstN(kF32, kLanes32);
    VF root = zero, side = zero, side_light = zero;
    if constexpr (kForm == Solid::kCylinder) {
      const VF discriminant = hn::Sub(hn::Mul(b_column, b_column), hn::Mul(a_column, clearance));
      is_crossed = hn::Gt(discriminant, zero);
      if (hn::AllFalse(kF32, is_crossed)) continue;
      root = hn::Sqrt(hn::Max(discriminant, zero));
      side = hn::Div(hn::Sub(b_column, root), a_column);
      side_light = hn::Add(
          hn::Set(kF32, placed.ambient),
          hn::Max(hn::Sub(hn::Mul(lamp_column, side), hn::Set(kF32, placed.lamp_centre)), zero));
    }
    std::size_t at = static_cast<std::size_t>(box.top) * width + static_cast<std::size_t>(c0);
    for (int row = box.top; row <= box.bottom; ++row, at += width) {
      const float slope_down = view.row_slope[static_cast<std::size_t>(row)];
      VF depth, light, units;
      MF is_hit;
      if constexpr (kForm == Solid::kEllipsoid) {
        const float down = slope_down * placed.squeeze;
        const VF a = hn::Add(a_column, hn::Set(kF32, down * down));
        const VF b = hn::Add(b_column, hn::Set(kF32, down * placed.down));
        const VF discriminant = hn::Sub(hn::Mul(b, b), hn::Mul(a, clearance));
        is_hit = hn::Gt(discriminant, zero);
        if (hn::AllFalse(kF32, is_hit)) continue;
        depth = hn::Div(hn::Sub(b, hn::Sqrt(hn::Max(discriminant, zero))), a);
        const VF lamp = hn::Add(lamp_column, hn::Set(kF32, down * placed.lamp_down));
        light = hn::Add(
            hn::Set(kF32, placed.ambient),
            hn::Max(hn::Sub(hn::Mul(lamp, depth), hn::Set(kF32, placed.lamp_centre)), zero));
        units = hn::Mul(
            hn::Sub(hn::Set(kF32, placed.bottom), hn::Mul(hn::Set(kF32, slope_down), depth)),
            hn::Set(kF32, placed.pattern_height));
      } else {
        const VF down_at = hn::Mul(hn::Set(kF32, slope_down), side);
        const MF is_over = hn::Lt(down_at, hn::Set(kF32, placed.top));
        depth = side, light = side_light;
        units = hn::Mul(hn::Sub(hn::Set(kF32, placed.bottom), down_at),
                        hn::Set(kF32, placed.pattern_height));
        is_hit = hn::AndNot(hn::Gt(down_at, hn::Set(kF32, placed.bottom)), is_crossed);
        if (slope_down > 0 && placed.top > 0) {
          const VF lid = hn::Set(kF32, placed.top / slope_down);
          const MF is_lid =
              hn::And(is_over, hn::Lt(hn::Mul(lid, a_column), hn::Add(b_column, root)));
          is_hit = hn::And(is_hit, hn::Or(is_lid, hn::Not(is_over)));
          depth = hn::IfThenElse(is_lid, lid, depth);
          light = hn::IfThenElse(is_lid, hn::Set(kF32, placed.lid_light), light);
          units = hn::IfThenElse(is_lid, hn::Set(kF32, 4.0F), units);
        } else {
          is_hit = hn::AndNot(is_over, is_hit);
        }
      }
      const VF old_depth = hn::LoadU(kF32, target.depth + at);
      is_hit = hn::And(is_hit,
                       hn::And(hn::Gt(depth, hn::Set(kF32, kNearest)), hn::Lt(depth, old_depth)));
      if (hn::AllFalse(kF32, is_hit)) continue;
      hn::StoreU(hn::IfThenElse(is_hit, depth, old_depth), kF32, target.depth + at);
      VI colour = hn::Set(kI32, solid.colour[0]);
      const VI second = hn::Set(kI32, solid.colour[1]), one_int = hn::Set(kI32, 1);
      if constexpr (kPattern == Solid::kBands) {
        const VI band = hn::ConvertTo(kI32, units);
        colour = hn::IfThenElse(hn::TestBit(band, one_int), second, colour);
      } else if constexpr (kPattern == Solid::kDots) {
        const VF across = hn::Sub(hn::Mul(slope, depth), hn::Set(kF32, placed.right));
        const VI u = hn::ConvertTo(
            kI32,
            hn::Add(hn::Mul(across, hn::Set(kF32, placed.pattern_right)), hn::Set(kF32, 8.0F)));
        const VI v = hn::ConvertTo(kI32, units);
        const auto is_dot =
            hn::And(hn::Eq(hn::And(hn::Add(u, v), hn::Set(kI32, 3)), hn::Zero(kI32)),
                    hn::TestBit(v, one_int));
        colour = hn::IfThenElse(is_dot, second, colour);
      }
      const auto is_hit_int = hn::RebindMask(kI32, is_hit);
      const auto blend8 = [&](VI v, std::uint8_t* to) {
        const VI old = hn::PromoteTo(kI32, hn::LoadU(d8, to));
        hn::StoreU(hn::DemoteTo(d8, hn::IfThenElse(is_hit_int, v, old)), d8, to);
      };
      blend8(colour, target.colour + at);
      blend8(hn::ConvertTo(kI32, light), target.light + at);
      if (target.semantic != nullptr) {
        blend8(hn::Set(kI32, kSemanticThing + static_cast<int>(sprite.kind)), target.semantic + at);
      }
      if (target.instance != nullptr) {
        const VI old = hn::PromoteTo(kI32, hn::LoadU(d16, target.instance + at));
        hn::StoreU(
            hn::DemoteTo(d16, hn::IfThenElse(is_hit_int, hn::Set(kI32, sprite.instance), old)), d16,
            target.instance + at);
      }
    }
  }
}

using DrawSolid = void (*)(const View&, const Solid&, const Sprite&, const PlacedSolid&,
                           const Rectangle&, const Target&);
constexpr DrawSolid kDrawSolid[2][3] = {
    {draw_solid<Solid::kEllipsoid, Solid::kPlain>, draw_solid<Solid::kEllipsoid, Solid::kBands>,
     draw_solid<Solid::kEllipsoid, Solid::kDots>},
    {draw_solid<Solid::kCylinder, Solid::kPlain>, draw_solid<Solid::kCylinder, Solid::kBands>,
     draw_solid<Solid::kCylinder, Solid::kDots>}};

// Narrows [left, right] to the columns between the first and the last whose wall is farther than
// `nearest`. Empty when there is none.
void drop_hidden_columns(const Columns& columns, float nearest, Rectangle& box) {
  while (box.left <= box.right && columns.depth[box.left] < nearest) ++box.left;
  while (box.left <= box.right && columns.depth[box.right] < nearest) --box.right;
}

// Draws the sprites that may be seen; the others are dropped by where they are and by the walls'
// depths. With no depth image asked for, `spare_depth` is used, and drawn only when something is
// seen.
void draw_sprites(const FrameJob& job, Direction ahead, const Columns& columns, Target target,
                  float* spare_depth) {
  const View& view = job.view;
  // A disc lies outside the view when it is farther than its radius from the side planes.
  const float widest = static_cast<float>(view.width) * 0.5F / view.focal;
  const float reach = kThingRadius * (1 + widest);
  for (const Sprite& sprite : job.sprites) {
    const float rel_x = sprite.x - job.camera.x, rel_y = sprite.y - job.camera.y;
    const float forward = rel_x * ahead.x + rel_y * ahead.y;
    const float right = rel_y * ahead.x - rel_x * ahead.y;
    if (!(forward > -kThingRadius && std::abs(right) - forward * widest < reach)) continue;
    Rectangle all = bounds(view, forward, right, kThingRadius, 0, kThingHeight);
    drop_hidden_columns(columns, forward - kThingRadius, all);
    if (all.left > all.right) continue;
    if (target.depth == nullptr) {
      target.depth = spare_depth;
      draw_depth(view, columns, target.depth);
    }
    for (const Solid& solid : solids_of(sprite.kind)) {
      const PlacedSolid placed(solid, forward, right);
      if (!(placed.clearance > 0)) continue;  // the eye is inside
      Rectangle box = bounds(view, forward, right, solid.radius, solid.bottom, solid.top);
      box.left = std::max(box.left, all.left), box.right = std::min(box.right, all.right);
      kDrawSolid[solid.form][solid.pattern](view, solid, sprite, placed, box, target);
    }
  }
}

// ---- 5. Colours
// ------------------------------------------------------------------------------------

// Light times palette colour over 256, for the three channels of kLanes8 pixels.
class Shader {
 public:
  explicit Shader(const Textures& looks) : looks_(looks) {}

#if HWY_TARGET == HWY_AVX3_DL
  HWY_INLINE void shade(V8 colour, V8 light, V8& red, V8& green, V8& blue) const {
    // Bytes are handled as the upper halves of 16-bit lanes; the look-up can leave the lower halves
    // zero.
    const V16 light_odd = hn::And(hn::BitCast(kU16, light), hn::Set(kU16, 0xff00));
    const V16 light_even = hn::ShiftLeft<8>(hn::BitCast(kU16, light));
    const V8 colour_even = shift_left<8>(colour);
    const auto channel = [&](const std::uint8_t* table) {
      const V8 low = hn::Load(kU8, table), high = hn::Load(kU8, table + 64);
      constexpr __mmask64 kOdd = 0xaaaaaaaaaaaaaaaaULL;
      const V16 odd{_mm512_maskz_permutex2var_epi8(kOdd, low.raw, colour.raw, high.raw)};
      const V16 even{_mm512_maskz_permutex2var_epi8(kOdd, low.raw, colour_even.raw, high.raw)};
      const V16 product_odd = hn::MulHigh(odd, light_odd);
      const V16 product_even = hn::ShiftRight<8>(hn::MulHigh(even, light_even));
      return hn::BitCast(kU8, hn::OrAnd(product_even, product_odd, hn::Set(kU16, 0xff00)));
    };
    red = channel(looks_.red.data());
    green = channel(looks_.green.data());
    blue = channel(looks_.blue.data());
  }
#else
  HWY_INLINE void shade(V8 colour, V8 light, V8& red, V8& green, V8& blue) const {
    const V8 low = hn::And(colour, hn::Set(kU8, 15));
    const auto bit4 = hn::TestBit(colour, hn::Set(kU8, 16)),
               bit5 = hn::TestBit(colour, hn::Set(kU8, 32)),
               bit6 = hn::TestBit(colour, hn::Set(kU8, 64));
    const V16 byte = hn::Set(kU16, 0x00ff);
    const V16 light_even = hn::And(hn::BitCast(kU16, light), byte),
              light_odd = hn::ShiftRight<8>(hn::BitCast(kU16, light));
    const auto channel = [&](const std::uint8_t* table) {
      const V8 first =
          hn::IfThenElse(bit5, lookup32(table + 32, low, bit4), lookup32(table, low, bit4));
      const V8 second =
          hn::IfThenElse(bit5, lookup32(table + 96, low, bit4), lookup32(table + 64, low, bit4));
      const V16 full = hn::BitCast(kU16, hn::IfThenElse(bit6, second, first));
      const V16 even = hn::ShiftRight<8>(hn::Mul(hn::And(full, byte), light_even));
      return hn::BitCast(
          kU8, hn::Or(even, hn::AndNot(byte, hn::Mul(hn::ShiftRight<8>(full), light_odd))));
    };
    red = channel(looks_.red.data());
    green = channel(looks_.green.data());
    blue = channel(looks_.blue.data());
  }
#endif

 private:
  const Textures& looks_;
};

void colour_pixels(const FrameJob& job, const Planes& planes) {
  const Shader shader(job.looks);
  const std::size_t pixels =
      static_cast<std::size_t>(job.view.width) * static_cast<std::size_t>(job.view.height);
  std::uint8_t* HWY_RESTRICT rgb = job.out.rgb;
  const auto draw = [&](std::size_t at) {
    V8 red, green, blue;
    shader.shade(hn::LoadU(kU8, planes.colour + at), hn::LoadU(kU8, planes.light + at), red, green,
                 blue);
    if (job.out.is_planar) {
      hn::StoreU(red, kU8, rgb + at);
      hn::StoreU(green, kU8, rgb + pixels + at);
      hn::StoreU(blue, kU8, rgb + 2 * pixels + at);
    } else {
      hn::StoreInterleaved3(red, green, blue, kU8, rgb + 3 * at);
    }
  };
  std::size_t at = 0;
  for (; at + kLanes8 <= pixels; at += kLanes8) draw(at);
  if (at < pixels) draw(pixels - kLanes8);
}

// ---- Optical flow
// ----------------------------------------------------------------------------------

// flow [2][H][W] f32 from depth: where each point was in the previous view, minus where it is now.
void draw_flow(const FrameJob& job, const float* HWY_RESTRICT depth_image,
               float* HWY_RESTRICT flow) {
  const View& view = job.view;
  const Direction now = direction_of(job.camera.heading), then = direction_of(job.previous.heading);
  const std::size_t pixels =
      static_cast<std::size_t>(view.width) * static_cast<std::size_t>(view.height);
  const auto set = [](float value) { return hn::Set(kF32, value); };
  for (int row = 0; row < view.height; ++row) {
    const VF slope_down = set(view.row_slope[static_cast<std::size_t>(row)]);
    for (int column = 0; column < view.width; column += kLanes32) {
      const int c0 = std::min(column, view.width - kLanes32);
      const std::size_t at = static_cast<std::size_t>(row) * static_cast<std::size_t>(view.width) +
                             static_cast<std::size_t>(c0);
      const VF slope = hn::LoadU(kF32, view.column_slope.data() + c0);
      const VF depth = hn::LoadU(kF32, depth_image + at);
      const VF right = hn::Mul(slope, depth);
      const VF x = hn::Sub(hn::Add(set(job.camera.x), hn::Mul(set(now.x), depth)),
                           hn::Mul(set(now.y), right));
      const VF y = hn::Add(hn::Add(set(job.camera.y), hn::Mul(set(now.y), depth)),
                           hn::Mul(set(now.x), right));
      const VF rel_x = hn::Sub(x, set(job.previous.x)), rel_y = hn::Sub(y, set(job.previous.y));
      const VF old_depth = hn::Add(hn::Mul(rel_x, set(then.x)), hn::Mul(rel_y, set(then.y)));
      const VF old_right = hn::Sub(hn::Mul(rel_y, set(then.x)), hn::Mul(rel_x, set(then.y)));
      const VF down = hn::Mul(slope_down, depth);
      const MF is_seen = hn::Gt(old_depth, hn::Zero(kF32));
      const VF nowhere = set(std::numeric_limits<float>::quiet_NaN());
      const VF flow_x = hn::Mul(hn::Sub(hn::Div(old_right, old_depth), slope), set(view.focal));
      const VF flow_y = hn::Mul(hn::Sub(hn::Div(down, old_depth), slope_down), set(view.focal));
      hn::StoreU(hn::IfThenElse(is_seen, flow_x, nowhere), kF32, flow + at);
      hn::StoreU(hn::IfThenElse(is_seen, flow_y, nowhere), kF32, flow + pixels + at);
    }
  }
}

// ---- The frame
// -------------------------------------------------------------------------------------

class Carver {
 public:
  explicit Carver(std::byte* at) : at_(at) {}
  template <class T>
  T* take(std::size_t count) {
    // Without memory it only counts: an offset to null would be undefined.
    T* result = at_ == nullptr ? nullptr : reinterpret_cast<T*>(at_ + used_);
    used_ += (count * sizeof(T) + 63) / 64 * 64;
    return result;
  }
  std::size_t used() const { return used_; }

 private:
  std::byte* at_;
  std::size_t used_ = 0;
};

void draw(const FrameJob& job, Scratch& scratch) {
  const View& view = job.view;
  const std::size_t width = view.column_slope.size(),
                    pixels = static_cast<std::size_t>(view.width) *
                             static_cast<std::size_t>(view.height);
  const std::size_t pairs = static_cast<std::size_t>((view.pairs + 63) / 64 * 64),
                    segments = width / kSegment;
  Columns columns{};
  Planes planes{};
  float* spare_depth = nullptr;
  const auto carve = [&](std::byte* memory) {
    Carver carver(memory);
    columns.depth = carver.take<float>(width);
    columns.pairs_f32 = carver.take<float>(width);
    columns.texture = carver.take<std::uint32_t>(width);
    columns.half_step = carver.take<std::uint16_t>(width);
    columns.pairs = carver.take<std::uint8_t>(width);
    columns.light = carver.take<std::uint8_t>(width);
    planes.pitch = width;
    planes.lower = carver.take<std::uint8_t>(pairs * width);
    planes.upper = carver.take<std::uint8_t>(pairs * width);
    planes.colour = carver.take<std::uint8_t>(pixels + 64);
    planes.light = carver.take<std::uint8_t>(pixels + 64);
    planes.floor_x = carver.take<std::int32_t>(segments * pairs);
    planes.floor_y = carver.take<std::int32_t>(segments * pairs);
    planes.step_x = carver.take<std::int32_t>(pairs);
    planes.step_y = carver.take<std::int32_t>(pairs);
    spare_depth = carver.take<float>(pixels);
    return carver.used();
  };
  carve(scratch.reserve(carve(nullptr)));

  const Direction forward = direction_of(job.camera.heading);
  cast_rays(job, forward, columns);
  if (job.out.rgb != nullptr) draw_background(job, forward, columns, planes);
  if (job.out.semantic != nullptr || job.out.instance != nullptr) {
    draw_ids(view, columns, job.out.semantic, job.out.instance);
  }
  float* depth = job.out.depth;
  if (depth == nullptr && job.out.flow != nullptr) depth = spare_depth;
  if (depth != nullptr) draw_depth(view, columns, depth);
  draw_sprites(job, forward, columns,
               {planes.colour, planes.light, depth, job.out.semantic, job.out.instance},
               spare_depth);
  if (job.out.rgb != nullptr) colour_pixels(job, planes);
  if (job.out.flow != nullptr) draw_flow(job, depth, job.out.flow);
}

#endif  // HWY_TARGET != HWY_SCALAR
}  // namespace HWY_NAMESPACE
}  // namespace clew::maze
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace clew::maze {

HWY_EXPORT(draw);
HWY_EXPORT(target_name);

void draw_frame(const FrameJob& job, Scratch& scratch) { HWY_DYNAMIC_DISPATCH(draw)(job, scratch); }

const char* simd_target_name() { return HWY_DYNAMIC_DISPATCH(target_name)(); }

std::vector<std::string> simd_target_names() {
  std::vector<std::string> names;
  // Of the two targets without vectors only the one that this compiler builds counts.
  const std::int64_t targets = hwy::SupportedTargets() & (HWY_TARGETS);
  for (int bit = 0; bit < 63; ++bit) {
    if ((targets >> bit & 1) != 0) names.emplace_back(hwy::TargetName(std::int64_t{1} << bit));
  }
  return names;
}

void use_simd_target(std::string_view name) {
  hwy::SetSupportedTargetsForTest(0);
  if (!name.empty()) {
    const std::int64_t targets = hwy::SupportedTargets() & (HWY_TARGETS);
    std::int64_t chosen = 0;
    for (int bit = 0; bit < 63; ++bit) {
      const std::int64_t target = std::int64_t{1} << bit;
      if ((targets & target) != 0 && name == hwy::TargetName(target)) chosen = target;
    }
    CLEW_CHECK(chosen != 0, "instruction set must be one of this machine's, got \"",
               std::string(name), "\"");
    hwy::SetSupportedTargetsForTest(chosen);
  }
  hwy::GetChosenTarget().Update(hwy::SupportedTargets());
}

}  // namespace clew::maze
#endif  // HWY_ONCE
