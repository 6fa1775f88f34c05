// SPDX-License-Identifier: Apache-2.0
// Pass 4: solids drawn over planes, depth and id images, by ray-ellipsoid and ray-cylinder
// intersection. Included inside the namespace and under the target attributes of render_kernel.cpp,
// once for each instruction set: it has no guard and includes nothing.

struct Rectangle {
  int left, right, top, bottom;  // pixels, inclusive
};

// Conservative bounding rectangle of a solid. `forward`, `right`: of its axis.
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

// Draws one solid with a depth test, in columns of vectors from top to bottom: values that depend
// on the column alone, for a cylinder nearly all, are computed once.
template <Solid::Form kForm, Solid::Pattern kPattern>
void draw_solid(const View& view, const Solid& solid, const Sprite& sprite,
                const PlacedSolid& placed, const Rectangle& box, const Target& target) {
  const VF one = hn::Set(kF32, 1.0F), zero = hn::Zero(kF32);
  const VF clearance = hn::Set(kF32, placed.clearance);
  const hn::Rebind<std::uint8_t, decltype(kI32)> d8;
  const hn::Rebind<std::uint16_t, decltype(kI32)> d16;
  const auto width = static_cast<std::size_t>(view.width);
  for (int column = box.left; column <= box.right; column += kLanes32) {
    // The last vector is shifted back into the row: drawing a pixel twice changes nothing.
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

// Narrows [left, right] to the columns between the first and the last with a wall beyond `nearest`;
// empty if there is none.
void drop_hidden_columns(const Columns& columns, float nearest, Rectangle& box) {
  while (box.left <= box.right && columns.depth[box.left] < nearest) ++box.left;
  while (box.left <= box.right && columns.depth[box.right] < nearest) --box.right;
}

// Draws sprites, culled by frustum and by wall depths. Without a requested depth image,
// `spare_depth` is used, filled only if a sprite is visible.
void draw_sprites(const FrameJob& job, Direction ahead, const Columns& columns, Target target,
                  float* spare_depth) {
  const View& view = job.view;
  // A disc is outside of the view if it is farther than its radius from the side planes.
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
