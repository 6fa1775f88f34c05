// SPDX-License-Identifier: Apache-2.0
// Pass 3: floor and ceiling merged with the walls, row pair by row pair; depth and id images. Hot loop.
// Included inside the namespace and under the target attributes of render_kernel.cpp, once for each
// instruction set: it has no guard and includes nothing.

// Floor coordinates of every pair of rows: starts of its segments, and its step per column.
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

// Floors of the 8x8 cells around the player, by cell coordinates modulo 8: bit (1 << floor), and
// base colour of the floor. For rows of the view that stay inside these cells.
struct Window {
  alignas(64) std::uint8_t bit[64];
  alignas(64) std::uint8_t base[64];
  int first_pair;  // from here outward, rows stay inside
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
  // Margin for the rounding of other rows' coordinates.
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

// Floor ids of kLanes8 pixels of a far row, cell by cell.
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

// Merges floor, ceiling and walls of kLanes8 columns into the planes, from the horizon outward.
// With `kIsWhole` it may write past the end of its row, which is drawn later.
template <bool kIsWhole>
void merge_columns(const FrameJob& job, const Columns& columns, int column, const Window& window,
                   const Planes& planes) {
  const View& view = job.view;
  const Textures& looks = job.looks;
  const auto width = static_cast<std::size_t>(view.width);
  const V8 pairs = hn::Load(kU8, columns.pairs + column);
  const V8 wall_light = hn::Load(kU8, columns.light + column);
  int least = 255;  // rows nearer the horizon are walls only
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

// Passes 2 and 3: planes without solids.
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
    // Right to left, since each writes past its columns into those on the right.
    for (int column = (view.width - 1) / kLanes8 * kLanes8; column >= 0; column -= kLanes8) {
      merge_columns<true>(job, columns, column, window, planes);
    }
  }
}

// depth [H][W] f32: the row's depth, or the column's for walls.
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

// Writes exactly `width` lanes to `to`, since another thread may write the next world's image
// behind it. `draw(column)` gives a vector of lanes.
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

// Semantic and instance ids: 0 ceiling, 1 floor, 2 wall. Either image may be null.
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
