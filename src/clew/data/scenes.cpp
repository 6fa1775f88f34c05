// SPDX-License-Identifier: Apache-2.0
#include "clew/data/scenes.h"

#include <torch/types.h>
#include <torch/utils.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <iterator>

#include "clew/core/error.h"
#include "clew/core/files.h"
#include "clew/data/draws.h"
#include "clew/data/pixel_map.h"

namespace clew::data {
namespace {

struct Rgb {
  float r = 0, g = 0, b = 0;
};

float length(float x, float y) { return std::sqrt(x * x + y * y); }
/// Inline std::floor, for values in the range of int.
int floor_of(float x) {
  const auto whole = static_cast<int>(x);
  return whole - (x < static_cast<float>(whole) ? 1 : 0);
}
float fraction_of(float x) { return x - static_cast<float>(floor_of(x)); }
float clamp01(float x) { return x < 0 ? 0 : x > 1 ? 1 : x; }
float mix(float a, float b, float t) { return a + (b - a) * t; }
Rgb mix(const Rgb& a, const Rgb& b, float t) {
  return {mix(a.r, b.r, t), mix(a.g, b.g, t), mix(a.b, b.b, t)};
}

// ---- shapes: signed distances to outlines, in units of about half the object's length

float disc(float x, float y, float radius) { return length(x, y) - radius; }
float slab(float x, float y, float half_x, float half_y) {
  const float dx = std::abs(x) - half_x, dy = std::abs(y) - half_y;
  return dx > 0 && dy > 0 ? length(dx, dy) : std::max(dx, dy);
}
constexpr float kRoot = 0.70710678F;  // of a half: the sine of an eighth of a turn

float star(float x, float y) {
  // Five points: folded into half a point by three reflections.
  constexpr float kSin36 = 0.58778525F, kCos36 = 0.80901699F;
  x = std::abs(x);
  y = -y;
  const auto fold = [&](float nx, float ny) {
    const float out = 2 * std::max(0.0F, x * nx + y * ny);
    x -= out * nx;
    y -= out * ny;
  };
  fold(kCos36, -kSin36);
  fold(-kCos36, -kSin36);
  x = std::abs(x);
  // The edge from the tip (0,1) to the corner between two points.
  constexpr float kInner = 0.48F;
  const float ex = kInner * kSin36, ey = kInner * kCos36 - 1;
  const float px = x, py = y - 1;
  const float along = std::clamp((px * ex + py * ey) / (ex * ex + ey * ey), 0.0F, 1.0F);
  const float distance = length(px - along * ex, py - along * ey);
  return px * ey - py * ex < 0 ? distance : -distance;
}

template <int kClass>
float distance_to(float x, float y) {
  if constexpr (kClass == 0) return disc(x, y, 0.95F);                 // ball
  if constexpr (kClass == 1) return slab(x, y, 0.66F, 0.66F) - 0.12F;  // block
  if constexpr (kClass == 2)
    return length(std::max(0.0F, std::abs(x) - 0.62F), y) - 0.36F;           // capsule
  if constexpr (kClass == 3) return std::abs(length(x, y) - 0.68F) - 0.27F;  // ring
  if constexpr (kClass == 4) {                                               // cross
    return std::min(slab(x, y, 0.95F, 0.28F), slab(x, y, 0.28F, 0.95F));
  }
  if constexpr (kClass == 5) return star(x, y);
  if constexpr (kClass == 6) {  // heart: a square on its corner, a disc on each upper side
    const float a = (x + y - 0.1F) * kRoot, b = (y - x - 0.1F) * kRoot;
    const float square = slab(a, b, 0.52F, 0.52F);
    const float discs = std::min(disc(a, b + 0.52F, 0.52F), disc(a + 0.52F, b, 0.52F));
    return std::min(square, discs);
  }
  if constexpr (kClass == 7) {  // wedge: a triangle
    return std::max(y - 0.6F, 0.8660254F * std::abs(x) - 0.5F * (y + 1)) - 0.06F;
  }
  if constexpr (kClass == 8)
    return std::max(disc(x, y, 0.95F), -disc(x - 0.45F, y, 0.78F));  // moon
  if constexpr (kClass == 9) {  // drop: a disc and the tangents from above
    const float cone = std::max(0.8871F * std::abs(x) - 0.4615F * (y + 1), y - 0.0231F);
    return std::min(disc(x, y - 0.3F, 0.6F), cone);
  }
  if constexpr (kClass == 10) {  // gear: a disc with four bars across it and a hole
    const float a = (x + y) * kRoot, b = (y - x) * kRoot;
    const float bars = std::min(std::min(slab(x, y, 0.98F, 0.15F), slab(x, y, 0.15F, 0.98F)),
                                std::min(slab(a, b, 0.98F, 0.15F), slab(a, b, 0.15F, 0.98F)));
    return std::max(std::min(disc(x, y, 0.74F), bars), -disc(x, y, 0.28F));
  }
  // arrow: a bar and a triangle
  const float head = std::max(-x, kRoot * (std::abs(y) + x - 0.95F));
  return std::min(slab(x + 0.45F, y, 0.5F, 0.24F), head);
}

/// A row of distances: pixel i of `count` is at (x + i dx, y + i dy).
template <int kClass>
void distances(float x, float y, float dx, float dy, int count, float scale, float* out) {
  for (int i = 0; i < count; ++i) {
    const auto at = static_cast<float>(i);
    out[i] = scale * distance_to<kClass>(x + at * dx, y + at * dy);
  }
}
using Distances = void (*)(float, float, float, float, int, float, float*);
constexpr std::array<Distances, kSceneClasses> kDistances = {
    distances<0>, distances<1>, distances<2>, distances<3>, distances<4>,  distances<5>,
    distances<6>, distances<7>, distances<8>, distances<9>, distances<10>, distances<11>};

// ---- what a scene is made of

enum class Texture : std::uint8_t { kPlain, kStripes, kChecks, kDots, kBlend };

struct Pose {
  PointF centre;     // pixels
  float radius = 1;  // pixels
  Direction turn;
};

struct Object {
  int kind = 0;
  PointF centre, velocity;                           // pixels, pixels a frame
  float radius = 1, growth = 0, turn = 0, spin = 0;  // pixels, share a frame, turns, turns a frame
  float aspect = 1;
  Texture texture = Texture::kPlain;
  float frequency = 3, gloss = 0, bevel = 0.5F;
  Rgb first, second;

  Pose pose(int frame) const {
    const auto t = static_cast<float>(frame);
    return {.centre = {centre.x + velocity.x * t, centre.y + velocity.y * t},
            .radius = radius * (1 + growth * t),
            .turn = direction_of_turns(turn + spin * t)};
  }
};

struct Clutter {
  PointF centre, half;  // pixels
  Direction turn;
  bool is_round = false;
  Rgb colour;
};

struct Scene {
  std::vector<Object> objects;  // from front to back
  std::vector<Clutter> clutter;
  Rgb ground[3];
  PointF pan;  // pixels a frame
  float light[3] = {0, 0, 1};
  int motion = 0;
  std::uint64_t noise = 0;
  int cell = 16;  // pixels, of the coarse noise
};

Rgb draw_colour(Stream& s) {
  // From grey to saturated, from dark to bright.
  const float value = between(s, 0.25F, 1), saturation = s.uniform();
  const float hue = 6 * s.uniform(), rest = fraction_of(hue);
  const float low = value * (1 - saturation), fall = value * (1 - saturation * rest),
              rise = value * (1 - saturation * (1 - rest));
  switch (static_cast<int>(hue)) {
    case 0:
      return {value, rise, low};
    case 1:
      return {fall, value, low};
    case 2:
      return {low, value, rise};
    case 3:
      return {low, fall, value};
    case 4:
      return {rise, low, value};
    default:
      return {value, low, fall};
  }
}

void set_motion(Object& object, int motion, float speed, float shorter, int frames) {
  const float steps = static_cast<float>(std::max(1, frames - 1));
  const float way = speed * shorter / steps;
  switch (motion) {
    case 0:
      object.velocity = {-way, 0};
      break;
    case 1:
      object.velocity = {way, 0};
      break;
    case 2:
      object.velocity = {0, -way};
      break;
    case 3:
      object.velocity = {0, way};
      break;
    case 4:
      object.growth = 0.8F * (0.5F + speed) / steps;
      break;
    case 5:
      object.growth = -0.45F * (0.5F + speed) / steps;
      break;
    case 6:
      object.spin = (0.15F + 0.3F * speed) / steps;
      break;
    default:
      object.spin = -(0.15F + 0.3F * speed) / steps;
      break;
  }
  // Rotation must be visible, also of a ball.
  if (motion >= 6 && object.texture == Texture::kPlain) object.texture = Texture::kStripes;
}

Scene draw_scene(const SceneOptions& options, int front, const Key& key) {
  Stream s(key);
  Scene scene;
  const auto width = static_cast<float>(options.width), height = static_cast<float>(options.height);
  const float shorter = std::min(width, height);
  const int span = options.most_objects - options.least_objects + 1;
  const int count =
      options.least_objects + static_cast<int>(s.below(static_cast<std::uint32_t>(span)));
  scene.motion = static_cast<int>(s.below(kSceneMotions));
  const Direction from = direction_of_turns(s.uniform());
  scene.light[0] = 0.6F * from.x, scene.light[1] = 0.6F * from.y, scene.light[2] = 0.8F;
  for (int i = 0; i < count; ++i) {
    Object object;
    object.kind = i == 0 ? front : static_cast<int>(s.below(kSceneClasses));
    object.radius = 0.5F * shorter * between(s, options.smallest, options.largest);
    const float room = 0.6F * object.radius;
    const auto place = [&](float side) {
      return side > 2 * room ? between(s, room, side - room) : side / 2;
    };
    object.centre = {place(width), place(height)};
    object.turn = s.uniform();
    object.aspect = between(s, 0.8F, 1.25F);
    object.texture = static_cast<Texture>(s.below(5));
    object.frequency = between(s, 1.5F, 4);
    object.gloss = s.below(2) == 0 ? 0 : between(s, 0.2F, 0.8F);
    object.bevel = between(s, 0.25F, 0.9F);
    object.first = draw_colour(s), object.second = draw_colour(s);
    const int motion = i == 0 ? scene.motion : static_cast<int>(s.below(kSceneMotions));
    const float speed = between(s, 0.15F, 0.4F) * (i == 0 ? 1 : 0.5F);
    if (options.frames > 1) set_motion(object, motion, speed, shorter, options.frames);
    // Moving objects are at their drawn position half-way.
    const float half = static_cast<float>(options.frames - 1) / 2;
    object.centre.x -= half * object.velocity.x, object.centre.y -= half * object.velocity.y;
    object.turn = object.turn + 1;  // positive whatever the spin
    scene.objects.push_back(object);
  }
  for (auto& colour : scene.ground) colour = draw_colour(s);
  const int pieces = 8 + static_cast<int>(s.below(17));
  for (int i = 0; i < pieces; ++i) {
    Clutter piece;
    piece.centre = {width * between(s, -0.1F, 1.1F), height * between(s, -0.1F, 1.1F)};
    piece.half = {shorter * between(s, 0.02F, 0.16F), shorter * between(s, 0.008F, 0.04F)};
    piece.turn = direction_of_turns(s.uniform());
    piece.is_round = s.below(2) == 1;
    piece.colour = mix(scene.ground[s.below(3)], draw_colour(s), 0.6F);
    scene.clutter.push_back(piece);
  }
  if (options.frames > 1) {
    const float steps = static_cast<float>(options.frames - 1);
    scene.pan = {shorter * between(s, -0.08F, 0.08F) / steps,
                 shorter * between(s, -0.08F, 0.08F) / steps};
  }
  scene.noise = s.bits();
  scene.cell = std::max(4, options.height / (4 + static_cast<int>(s.below(9))));
  return scene;
}

// ---- drawing, from front to back

/// Value noise (Perlin 1985, on a lattice of random numbers) in cells of `cell` pixels, for rows of
/// pixels at x0, x0 + 1, ...
class Noise {
 public:
  Noise(std::uint64_t seed, int cell, float x0, int count)
      : seed_(seed), cell_(static_cast<float>(cell)), first_(floor_of(x0 / cell_)) {
    for (int i = 0; i < count; ++i) {
      const float x = (x0 + static_cast<float>(i)) / cell_;
      const int column = floor_of(x);
      if (i == 0 || column != first_ + static_cast<int>(std::ssize(begins_)) - 1)
        begins_.push_back(i);
      across_.push_back(smooth(clamp01(x - static_cast<float>(column))));
    }
    begins_.push_back(count);
  }

  /// Adds `weight` times numbers in [0,1] of row y.
  void add(float y, float weight, float* row) const {
    const float v = y / cell_;
    const int top = floor_of(v);
    const float down = smooth(v - static_cast<float>(top));
    float left = at(first_, top, down);
    for (int c = 0; c + 1 < static_cast<int>(std::ssize(begins_)); ++c) {
      const float right = at(first_ + c + 1, top, down);
      const float low = weight * left, rise = weight * (right - left);
      const int end = begins_[static_cast<std::size_t>(c) + 1];
      for (int i = begins_[static_cast<std::size_t>(c)]; i < end; ++i)
        row[i] += low + rise * across_[static_cast<std::size_t>(i)];
      left = right;
    }
  }

 private:
  static float smooth(float t) { return t * t * (3 - 2 * t); }
  float at(int x, int y, float down) const { return mix(corner(x, y), corner(x, y + 1), down); }
  float corner(int x, int y) const {
    const std::uint64_t place = (static_cast<std::uint64_t>(static_cast<std::uint32_t>(x)) << 32) |
                                static_cast<std::uint32_t>(y);
    return static_cast<float>(mix64(seed_ ^ mix64(place)) >> 40) * 0x1p-24F;
  }
  std::uint64_t seed_;
  float cell_;
  int first_;                  // lattice column of the first pixel
  std::vector<int> begins_;    // the first pixel of each lattice column, and behind the last
  std::vector<float> across_;  // of each pixel, from its column to the next
};

struct Box {
  int left = 0, top = 0, right = 0, bottom = 0;  // pixels left..right-1
};

class Canvas {
 public:
  Canvas(int width, int height)
      : width_(width),
        height_(height),
        open_(area(), 1.0F),
        shade_(area(), 1.0F),
        owner(area(), -1),
        colour(3 * area(), 0.0F),
        distances_(area()) {}

  /// Draws behind existing objects; false if too little of it would be visible. `number` < 0: only
  /// that test, else the object's index.
  bool put(const Object& object, const Pose& pose, const float* light, int number, bool must) {
    const float reach = pose.radius * 1.3F + 3;
    const Box box = bounds(pose.centre, reach, reach);
    if (box.right - box.left < 3 || box.bottom - box.top < 3) return must;
    const int across = box.right - box.left;
    const float step = 1 / pose.radius;
    // Object coordinates grow by (ax, ay) to the right, by (-ay, ax) down, before the aspect.
    const float ax = pose.turn.x * step, ay = -pose.turn.y * step;
    const float thin = std::min(1.0F, object.aspect);
    const auto object_x = [&](float x, float y) {
      return ((x - pose.centre.x) * ax - (y - pose.centre.y) * ay) / object.aspect;
    };
    const auto object_y = [&](float x, float y) {
      return (x - pose.centre.x) * ay + (y - pose.centre.y) * ax;
    };
    std::int64_t covered = 0, seen = 0;
    for (int y = box.top; y < box.bottom; ++y) {
      const float px = static_cast<float>(box.left) + 0.5F, py = static_cast<float>(y) + 0.5F;
      float* const row = distances_.data() + (y - box.top) * across;
      kDistances[static_cast<std::size_t>(object.kind)](object_x(px, py), object_y(px, py),
                                                        ax / object.aspect, ay, across,
                                                        thin * pose.radius, row);
      for (int i = 0; i < across; ++i) {
        if (row[i] >= 0) continue;
        ++covered;
        seen += owner[at(box.left + i, y)] < 0 ? 1 : 0;
      }
    }
    if (!must && (covered < 24 || seen * 5 < covered * 2)) return false;
    // Shadows fall on objects behind, away from the light.
    const int sx = floor_of(-light[0] * 0.22F * pose.radius),
              sy = floor_of(-light[1] * 0.22F * pose.radius);
    const float soft = 1 / (1 + 0.12F * pose.radius), slope = 1 / (object.bevel * pose.radius);
    for (int y = box.top; y < box.bottom; ++y) {
      const float* const row = distances_.data() + (y - box.top) * across;
      const float* const above = y > box.top ? row - across : row;
      const float* const below = y + 1 < box.bottom ? row + across : row;
      for (int i = 0; i < across; ++i) {
        const float d = row[i];
        if (d >= 0.5F) continue;
        const int x = box.left + i;
        const std::size_t pixel = at(x, y);
        const float part = std::min(1.0F, 0.5F - d);
        if (open_[pixel] > 0.004F) {
          const float gx = (i + 1 < across ? row[i + 1] : d) - (i > 0 ? row[i - 1] : d);
          const float gy = below[i] - above[i];
          const float fx = static_cast<float>(x) + 0.5F, fy = static_cast<float>(y) + 0.5F;
          const Rgb own =
              shaded(object, object_x(fx, fy), object_y(fx, fy), d * slope, gx, gy, light);
          blend(pixel, own, part);
        }
        if (d < 0 && owner[pixel] < 0) owner[pixel] = static_cast<std::int16_t>(number);
      }
    }
    for (int y = box.top; y < box.bottom; ++y) {
      const int to_y = y + sy;
      if (to_y < 0 || to_y >= height_) continue;
      const float* const row = distances_.data() + (y - box.top) * across;
      for (int i = 0; i < across; ++i) {
        const int to_x = box.left + i + sx;
        if (row[i] >= 0 || to_x < 0 || to_x >= width_) continue;
        float& shade = shade_[at(to_x, to_y)];
        shade = std::min(shade, 1 - 0.5F * clamp01(-row[i] * soft));
      }
    }
    return true;
  }

  void put(const Clutter& piece, PointF shift) {
    const PointF centre = {piece.centre.x + shift.x, piece.centre.y + shift.y};
    const float cos = std::abs(piece.turn.x), sin = std::abs(piece.turn.y);
    const Box box = bounds(centre, piece.half.x * cos + piece.half.y * sin + 1,
                           piece.half.x * sin + piece.half.y * cos + 1);
    for (int y = box.top; y < box.bottom; ++y) {
      for (int x = box.left; x < box.right; ++x) {
        const std::size_t pixel = at(x, y);
        if (open_[pixel] <= 0.004F) continue;
        const float px = static_cast<float>(x) + 0.5F - centre.x,
                    py = static_cast<float>(y) + 0.5F - centre.y;
        const float u = px * piece.turn.x + py * piece.turn.y,
                    v = py * piece.turn.x - px * piece.turn.y;
        const float d = piece.is_round
                            ? (length(u / piece.half.x, v / piece.half.y) - 1) * piece.half.y
                            : slab(u, v, piece.half.x, piece.half.y);
        if (d < 0.5F) blend(pixel, piece.colour, std::min(1.0F, 0.5F - d));
      }
    }
  }

  void ground(const Scene& scene, PointF shift) {
    const Noise coarse(scene.noise, scene.cell, -shift.x, width_),
        fine(scene.noise + 1, std::max(2, scene.cell / 4), -shift.x, width_);
    std::vector<float> row(static_cast<std::size_t>(width_));
    for (int y = 0; y < height_; ++y) {
      std::fill(row.begin(), row.end(), 0.0F);
      const float wy = static_cast<float>(y) - shift.y;
      coarse.add(wy, 0.7F, row.data());
      fine.add(wy, 0.3F, row.data());
      const float down = static_cast<float>(y) / static_cast<float>(height_);
      const Rgb low = mix(scene.ground[0], scene.ground[2], 0.6F * down);
      for (int x = 0; x < width_; ++x) {
        const std::size_t pixel = at(x, y);
        if (open_[pixel] <= 0.004F) continue;
        blend(pixel, mix(low, scene.ground[1], row[static_cast<std::size_t>(x)]), 1);
      }
    }
  }

  /// [3,H,W] f32 in [0,1].
  void write(float* planes) const {
    for (std::size_t i = 0; i < area(); ++i)
      for (std::size_t c = 0; c < 3; ++c) planes[c * area() + i] = clamp01(colour[3 * i + c]);
  }

  std::size_t area() const {
    return static_cast<std::size_t>(width_) * static_cast<std::size_t>(height_);
  }

 private:
  std::size_t at(int x, int y) const {
    return static_cast<std::size_t>(y) * static_cast<std::size_t>(width_) +
           static_cast<std::size_t>(x);
  }
  Box bounds(PointF centre, float across, float down) const {
    const auto low = [](float edge) { return std::max(0, floor_of(edge)); };
    const auto high = [](float edge, int most) { return std::min(most, floor_of(edge) + 1); };
    return {low(centre.x - across), low(centre.y - down), high(centre.x + across, width_),
            high(centre.y + down, height_)};
  }
  void blend(std::size_t pixel, const Rgb& own, float part) {
    const float share = part * open_[pixel], lit = share * shade_[pixel];
    colour[3 * pixel] += lit * own.r;
    colour[3 * pixel + 1] += lit * own.g;
    colour[3 * pixel + 2] += lit * own.b;
    open_[pixel] -= share;
  }
  /// (u,v): object coordinates; depth: signed distance to its edge, -1 and below: on its flat top;
  /// (gx,gy): outward gradient.
  static Rgb shaded(const Object& object, float u, float v, float depth, float gx, float gy,
                    const float* light) {
    const float f = object.frequency;
    float t = 0;
    switch (object.texture) {
      case Texture::kPlain:
        break;
      case Texture::kStripes: {
        t = clamp01(4 * std::abs(fraction_of(u * f) - 0.5F) - 0.5F);
        break;
      }
      case Texture::kChecks: {
        t = (floor_of(u * f) + floor_of(v * f)) % 2 == 0 ? 0 : 1;
        break;
      }
      case Texture::kDots: {
        const float du = fraction_of(u * f) - 0.5F, dv = fraction_of(v * f) - 0.5F;
        t = clamp01((0.11F - du * du - dv * dv) * 20);
        break;
      }
      case Texture::kBlend:
        t = clamp01(0.5F + 0.6F * v);
        break;
    }
    Rgb own = mix(object.first, object.second, t);
    // Rounded edge: the normal is horizontal at the outline.
    const float side = 1 + std::clamp(depth, -1.0F, 0.0F), span = length(gx, gy);
    const float tilt = span > 1e-6F ? side / span : 0;
    const float nx = gx * tilt, ny = gy * tilt;
    const float nz = std::sqrt(std::max(0.0F, 1 - nx * nx - ny * ny));
    const float facing = std::max(0.0F, nx * light[0] + ny * light[1] + nz * light[2]);
    const float lit = 0.3F + 0.8F * facing;
    own = {own.r * lit, own.g * lit, own.b * lit};
    if (object.gloss > 0) {
      // Half vector between light and view direction z.
      const float hz = light[2] + 1,
                  scale = 1 / std::sqrt(light[0] * light[0] + light[1] * light[1] + hz * hz);
      float shine = std::max(0.0F, (nx * light[0] + ny * light[1] + nz * hz) * scale);
      for (int i = 0; i < 5; ++i) shine *= shine;
      const float add = object.gloss * shine;
      own = {own.r + add, own.g + add, own.b + add};
    }
    return own;
  }

  int width_, height_;
  std::vector<float> open_, shade_;  // transmittance to objects behind; their light

 public:
  std::vector<std::int16_t> owner;  // visible object of each pixel; -1: background
  std::vector<float> colour;        // [H,W,3]

 private:
  std::vector<float> distances_;  // pixels, of the current object
};

/// Draws a frame; the first one drops nearly hidden objects from the scene.
void draw_frame(Canvas& canvas, Scene& scene, int frame) {
  std::vector<Object> kept;
  for (const Object& object : scene.objects) {
    const bool must = frame > 0 || kept.empty();
    if (canvas.put(object, object.pose(frame), scene.light, static_cast<int>(kept.size()), must))
      kept.push_back(object);
  }
  scene.objects = std::move(kept);
  const auto t = static_cast<float>(frame);
  const PointF shift = {scene.pan.x * t, scene.pan.y * t};
  for (const Clutter& piece : scene.clutter) canvas.put(piece, shift);
  canvas.ground(scene, shift);
}

/// Forward optical flow [2,H,W] from `frame` to the next one, pixels.
void write_flow(const Canvas& canvas, const Scene& scene, int frame, int width, int height,
                float* flow) {
  struct Step {
    Pose now, next;
  };
  std::vector<Step> steps;
  for (const Object& object : scene.objects)
    steps.push_back({object.pose(frame), object.pose(frame + 1)});
  const std::size_t area = canvas.area();
  for (int y = 0; y < height; ++y) {
    for (int x = 0; x < width; ++x) {
      const std::size_t pixel = static_cast<std::size_t>(y) * static_cast<std::size_t>(width) +
                                static_cast<std::size_t>(x);
      const int owner = canvas.owner[pixel];
      PointF way = scene.pan;
      if (owner >= 0) {
        const auto& [now, next] = steps[static_cast<std::size_t>(owner)];
        const float px = (static_cast<float>(x) + 0.5F - now.centre.x) / now.radius,
                    py = (static_cast<float>(y) + 0.5F - now.centre.y) / now.radius;
        const float u = px * now.turn.x + py * now.turn.y, v = py * now.turn.x - px * now.turn.y;
        way = {next.centre.x + next.radius * (u * next.turn.x - v * next.turn.y) -
                   (static_cast<float>(x) + 0.5F),
               next.centre.y + next.radius * (u * next.turn.y + v * next.turn.x) -
                   (static_cast<float>(y) + 0.5F)};
      }
      flow[pixel] = way.x;
      flow[area + pixel] = way.y;
    }
  }
}

torch::Tensor class_tensor(std::int64_t number) {
  auto out = torch::empty({}, torch::kInt64);
  *out.data_ptr<std::int64_t>() = number;
  return out;
}

/// Boxes, labels and masks of visible objects.
void add_objects(Example& example, const Canvas& canvas, const Scene& scene, int width,
                 int height) {
  const auto count = std::ssize(scene.objects);
  auto boxes = torch::empty({count, 4}), labels = torch::empty({count}, torch::kInt64),
       masks = torch::zeros({count, height, width}, torch::kUInt8);
  std::vector<Box> found(static_cast<std::size_t>(count), {width, height, 0, 0});
  auto* const mask = masks.data_ptr<std::uint8_t>();
  const std::size_t area = canvas.area();
  for (int y = 0; y < height; ++y) {
    for (int x = 0; x < width; ++x) {
      const std::size_t pixel = static_cast<std::size_t>(y) * static_cast<std::size_t>(width) +
                                static_cast<std::size_t>(x);
      const int owner = canvas.owner[pixel];
      if (owner < 0) continue;
      const auto o = static_cast<std::size_t>(owner);
      mask[o * area + pixel] = 1;
      Box& box = found[o];
      box.left = std::min(box.left, x), box.right = std::max(box.right, x + 1);
      box.top = std::min(box.top, y), box.bottom = std::max(box.bottom, y + 1);
    }
  }
  auto* edges = boxes.data_ptr<float>();
  for (std::size_t i = 0; i < found.size(); ++i) {
    labels.data_ptr<std::int64_t>()[i] = scene.objects[i].kind;
    for (const int edge : {found[i].left, found[i].top, found[i].right, found[i].bottom})
      *edges++ = static_cast<float>(edge);
  }
  example.set("boxes", boxes);
  example.set("labels", labels);
  example.set("masks", masks);
}

}  // namespace

Key scene_key(const Key& key, Split part) {
  return fold_in(key, part == Split::kTrain ? 4 : part == Split::kTest ? 5 : 6);
}

Scenes::Scenes(SceneOptions options) : options_(options) {
  CLEW_CHECK(options.size >= 1, "a set of scenes needs at least one, got ", options.size);
  CLEW_CHECK(std::min(options.width, options.height) >= 16 &&
                 std::max(options.width, options.height) <= 4096,
             "a scene's sides must be in 16..4096, got ", options.width, "x", options.height);
  CLEW_CHECK(options.least_objects >= 1 && options.least_objects <= options.most_objects &&
                 options.most_objects <= 64,
             "a scene must have 1..64 objects, got ", options.least_objects, "..",
             options.most_objects);
  CLEW_CHECK(
      options.smallest >= 0.05F && options.smallest <= options.largest && options.largest <= 2,
      "a scene's objects must be of 0.05..2 of the shorter side, got ", options.smallest, "..",
      options.largest);
  for (const int one : options.classes)
    CLEW_CHECK(one >= 0 && one < kSceneClasses, "a scene's class must be in 0..", kSceneClasses - 1,
               ", got ", one);
  CLEW_CHECK(options.frames >= 1 && options.frames <= 256, "a scene must have 1..256 frames, got ",
             options.frames);
}

Example Scenes::get(std::int64_t index, const Key& given) const {
  check_index(*this, index);
  const Key key =
      options_.is_fixed ? fold_in(options_.key, static_cast<std::uint64_t>(index)) : given;
  const int width = options_.width, height = options_.height, frames = options_.frames;
  const auto& chosen = options_.classes;
  const auto label =
      static_cast<int>(index % (chosen.empty() ? kSceneClasses : std::ssize(chosen)));
  const int front = chosen.empty() ? label : chosen[static_cast<std::size_t>(label)];
  Scene scene = draw_scene(options_, front, key);
  Example example;
  const auto pixels =
      frames > 1 ? torch::empty({frames, 3, height, width}) : torch::empty({3, height, width});
  torch::Tensor flow;
  if (frames > 1) flow = torch::empty({frames - 1, 2, height, width});
  example.set(frames > 1 ? "clip" : "image", pixels);
  example.set("label", class_tensor(label));
  for (int frame = 0; frame < frames; ++frame) {
    Canvas canvas(width, height);
    draw_frame(canvas, scene, frame);
    const auto area = static_cast<std::int64_t>(canvas.area());
    canvas.write(pixels.data_ptr<float>() + frame * 3 * area);
    if (frame + 1 < frames)
      write_flow(canvas, scene, frame, width, height, flow.data_ptr<float>() + frame * 2 * area);
    if (frame > 0) continue;
    if (options_.has_objects) add_objects(example, canvas, scene, width, height);
    if (options_.has_mask) {
      auto mask = torch::zeros({height, width}, torch::kInt64);
      auto* const classes = mask.data_ptr<std::int64_t>();
      for (std::int64_t i = 0; i < area; ++i) {
        const int owner = canvas.owner[static_cast<std::size_t>(i)];
        if (owner >= 0) classes[i] = 1 + scene.objects[static_cast<std::size_t>(owner)].kind;
      }
      example.set("mask", mask);
    }
  }
  if (frames > 1) {
    example.set("motion", class_tensor(scene.motion));
    example.set("flow", flow);
  }
  return example;
}

std::uint64_t Scenes::content_hash() const {
  const auto& o = options_;
  return hash_text(
      concat("scenes ", o.size, " ", o.width, "x", o.height, " ", o.least_objects, "..",
             o.most_objects, " ", o.smallest, "..", o.largest, " ", o.frames, " ", o.has_objects,
             o.has_mask, o.is_fixed, " ", o.key.value, " ",
             torch::IntArrayRef(std::vector<std::int64_t>(o.classes.begin(), o.classes.end()))));
}

Columns Scenes::columns() const {
  const std::int64_t width = options_.width, height = options_.height, frames = options_.frames;
  const auto f32 = torch::kFloat32;
  const auto i64 = torch::kInt64;
  Columns all = image_and_label({3, height, width});
  all[1].meaning = "the class of the object in front";
  if (frames > 1) {
    all[0] = {.name = "clip",
              .shape = {frames, 3, height, width},
              .type = f32,
              .meaning = "[T,3,H,W], pixels in [0,1]"};
    all.push_back(
        {.name = "motion", .shape = {}, .type = i64, .meaning = "how the object in front moves"});
    all.push_back({.name = "flow",
                   .shape = {frames - 1, 2, height, width},
                   .type = f32,
                   .meaning = "(x,y) in pixels to the next frame"});
  }
  if (options_.has_objects) {
    all.push_back({.name = "boxes",
                   .shape = {-1, 4},
                   .type = f32,
                   .meaning = "edges xyxy in pixels of what is seen, front to back",
                   .is_listed = true});
    all.push_back({.name = "labels",
                   .shape = {-1},
                   .type = i64,
                   .meaning = "each object's class",
                   .is_listed = true});
    all.push_back({.name = "masks",
                   .shape = {-1, height, width},
                   .type = torch::kUInt8,
                   .meaning = "1 where an object is seen",
                   .is_listed = true});
  }
  if (options_.has_mask)
    all.push_back({.name = "mask",
                   .shape = {height, width},
                   .type = i64,
                   .meaning = "0 background, else class + 1"});
  return all;
}

std::vector<std::string> Scenes::class_names() const {
  const auto all = all_class_names();
  if (options_.classes.empty()) return all;
  std::vector<std::string> chosen;
  for (const int one : options_.classes) chosen.push_back(all[static_cast<std::size_t>(one)]);
  return chosen;
}

std::vector<std::string> Scenes::all_class_names() {
  return {"ball",  "block", "capsule", "ring", "cross", "star",
          "heart", "wedge", "moon",    "drop", "gear",  "arrow"};
}

std::vector<std::string> Scenes::motion_names() {
  return {"left", "right", "up", "down", "nearer", "farther", "clockwise", "anticlockwise"};
}

std::vector<int> scene_classes(const std::vector<std::string>& names, const std::string& key) {
  const auto all = Scenes::all_class_names();
  std::vector<int> numbers;
  for (const auto& name : names) {
    const auto found = std::ranges::find(all, name);
    if (found == all.end())
      throw UsageError(concat(key, " must be of ", clew::join(all), ", got '", name, "'",
                              did_you_mean(name, all)));
    numbers.push_back(static_cast<int>(found - all.begin()));
  }
  return numbers;
}

}  // namespace clew::data
