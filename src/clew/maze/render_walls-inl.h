// SPDX-License-Identifier: Apache-2.0
// Pass 2: wall textures scaled column by column, then transposed into rows. Hot loop.
// Included inside the namespace and under the target attributes of render_kernel.cpp, once for each
// instruction set: it has no guard and includes nothing.

// One of four stages of a 16x16 byte transpose in every 128-bit block.
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

// Rows of wall texels, [pairs][pitch] below and above the horizon; only the first `pairs`.
void draw_walls(const FrameJob& job, const Columns& columns, int pairs, const Planes& planes) {
  const std::uint8_t* walls = job.looks.walls.data();
  const V16 one = hn::Set(kU16, static_cast<std::uint16_t>(job.view.is_odd ? 0 : 1));
  for (int column = 0; column < job.view.width; column += 16) {
    for (int pair = 0; pair < pairs; pair += kLanes8) {
      // Half rows from the horizon: 2 * pair + 1, or 2 * pair for an odd height.
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
