// SPDX-License-Identifier: Apache-2.0
// Pass 1: grid traversal by rays, a vector of columns at a time. Gives columns, no pixels.
// Included inside the namespace and under the target attributes of render_kernel.cpp, once for each
// instruction set: it has no guard and includes nothing.

HWY_INLINE VF away_from_zero(VF slope) {
  const VF least = hn::Set(kF32, kLeastSlope);
  return hn::IfThenElse(hn::Lt(hn::Abs(slope), least), least, slope);
}

// Two vectors of rays are interleaved, to hide the latency of wall look-ups.
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

  // Walls are drawn 16 columns at a time, so the last ones may be outside of the view.
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
      // Next grid lines of the ray.
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
        // A ray that has hit its wall stays there and hits it again.
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
      // Horizontal texture coordinate, in texels.
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
      // Mip level.
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
