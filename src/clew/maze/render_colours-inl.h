// SPDX-License-Identifier: Apache-2.0
// Pass 5: palette index and light to RGB. Then optical flow, from depth.
// Included inside the namespace and under the target attributes of render_kernel.cpp, once for each
// instruction set: it has no guard and includes nothing.

// Light times palette colour over 256, for the three channels of kLanes8 pixels.
class Shader {
 public:
  explicit Shader(const Textures& looks) : looks_(looks) {}

#if HWY_TARGET == HWY_AVX3_DL
  HWY_INLINE void shade(V8 colour, V8 light, V8& red, V8& green, V8& blue) const {
    // Bytes are processed as the upper halves of 16-bit lanes; the look-up can zero the lower
    // halves.
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

// flow [2][H][W] f32 from depth: previous minus current position of each point.
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
