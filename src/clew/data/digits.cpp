// SPDX-License-Identifier: Apache-2.0
#include "clew/data/digits.h"

#include <torch/utils.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <sstream>

#include "clew/core/error.h"
#include "clew/data/draws.h"

namespace clew::data {
namespace {

struct Point {
  float x = 0, y = 0;
};

/// A Catmull-Rom spline through points; a repeated point is a corner.
using Stroke = std::vector<Point>;

/// A style of a digit: digit, frequency, strokes. Points x,y in hundredths of the digit's height
/// from its left and top; a slash separates strokes.
struct StyleText {
  int digit;
  int weight;
  const char* strokes;
};

constexpr StyleText kStyles[] = {
    // 0: a ring; a ring whose end passes its beginning
    {0, 30, "50,2 24,18 14,50 24,83 50,98 76,82 86,50 76,17 50,2"},
    {0, 20, "60,6 38,6 18,30 15,60 28,92 56,96 80,72 84,38 68,10 46,5 34,13"},
    // 1: a line; with a flag; with flag and foot
    {1, 120, "50,0 50,50 50,100"},
    {1, 20, "30,24 42,13 52,0 52,0 51,50 50,100"},
    {1, 10, "28,24 42,13 52,0 52,0 51,50 50,98 / 20,98 80,98"},
    // 2: straight foot; loop at the foot; round belly that ends in a wave
    {2, 30, "18,26 30,8 54,2 76,16 74,40 50,68 16,95 16,95 50,94 88,92"},
    {2, 30, "20,24 38,5 64,6 74,28 60,58 36,84 17,94 10,84 22,74 42,80 64,94 92,90"},
    {2, 20, "16,14 42,3 70,8 74,32 52,66 20,94 20,94 42,83 66,95 90,88"},
    // 3: sharp waist; waist with a little loop; flat top; round waist
    {3, 30, "20,12 46,2 72,12 70,33 42,48 42,48 72,56 80,76 62,94 36,98 14,88"},
    {3, 20, "22,10 50,2 74,15 66,36 46,46 36,46 42,41 62,50 78,68 70,90 42,99 16,90"},
    {3, 10, "20,6 50,5 76,4 76,4 60,22 44,42 44,42 70,52 80,74 60,95 34,97 16,88"},
    {3, 20, "24,10 50,3 70,18 60,40 56,48 68,58 74,78 52,96 20,93"},
    // 4: open; open and round; closed; crossbar that does not cross
    {4, 40, "20,6 17,32 20,52 20,52 46,53 80,46 / 76,2 72,50 66,100"},
    {4, 30, "22,10 14,36 26,54 52,54 76,42 / 80,6 76,45 70,98"},
    {4, 20, "66,2 40,34 12,62 12,62 50,63 90,60 / 68,2 66,50 62,100"},
    {4, 20, "24,4 18,42 24,54 44,56 70,50 80,30 84,4 84,4 76,50 72,98"},
    // 5: a body with its hat apart; in one stroke; like an S
    {5, 30, "32,8 26,28 22,44 22,44 48,38 72,50 76,74 56,94 28,98 10,88 / 32,8 58,7 88,3"},
    {5, 30, "86,4 60,6 36,7 36,7 30,26 26,42 26,42 52,40 76,56 70,82 46,97 14,90"},
    {5, 20, "90,6 60,5 40,14 36,32 54,46 70,62 64,86 40,97 12,88"},
    // 6: round; steep with a small belly
    {6, 30, "68,2 42,18 24,46 18,74 34,96 62,94 78,76 66,58 42,60 24,78"},
    {6, 30, "52,0 34,28 22,60 26,88 46,99 68,86 70,66 54,56 36,66 30,84"},
    {6, 10, "80,12 56,4 32,22 20,56 24,86 50,98 76,80 66,58 40,56 24,70"},
    // 7: straight; with a bar; with a hook; bent
    {7, 40, "14,10 46,8 82,6 82,6 64,42 46,100"},
    {7, 13, "14,12 46,8 82,6 82,6 62,46 44,100 / 32,54 58,52 82,48"},
    {7, 20, "12,28 16,10 16,10 48,10 80,6 80,6 68,42 50,100"},
    {7, 30, "16,20 30,8 58,6 78,16 74,42 60,72 54,100"},
    // 8: one stroke from the top right; two rings; one stroke that stays open
    {8, 30, "74,14 52,2 28,12 30,34 52,50 72,68 70,90 46,99 24,86 28,66 52,48 72,32 74,14"},
    {8, 20, "50,2 30,10 27,28 46,45 68,38 74,18 50,2 / 48,46 24,62 24,86 46,99 70,88 70,64 48,46"},
    {8, 20, "80,12 56,2 34,12 34,34 52,50 66,70 58,93 36,98 24,84 36,64 60,44 84,16"},
    // 9: straight stem; bent stem; one stroke; tail that hooks back
    {9, 30, "74,16 52,3 28,14 22,36 44,48 68,36 76,12 76,12 74,50 70,100"},
    {9, 30, "72,14 48,3 26,18 30,42 54,44 70,24 74,10 72,42 60,72 46,100"},
    {9, 20, "50,3 26,12 24,36 50,46 72,30 68,8 50,3 / 72,14 72,50 62,100"},
    {9, 10, "72,12 48,2 24,18 28,42 54,44 74,20 74,20 76,60 62,92 36,98 18,88"},
};

struct Style {
  float weight = 0;
  std::vector<Stroke> strokes;
};

/// Parsed styles by digit.
const std::array<std::vector<Style>, 10>& styles() {
  static const auto kRead = [] {
    std::array<std::vector<Style>, 10> read;
    for (const StyleText& text : kStyles) {
      Style style{.weight = static_cast<float>(text.weight), .strokes = {{}}};
      std::istringstream words(text.strokes);
      for (std::string word; words >> word;) {
        if (word == "/") {
          style.strokes.emplace_back();
          continue;
        }
        const auto comma = word.find(',');
        style.strokes.back().push_back(
            {static_cast<float>(std::stoi(word)) / 100,
             static_cast<float>(std::stoi(word.substr(comma + 1))) / 100});
      }
      read[static_cast<std::size_t>(text.digit)].push_back(std::move(style));
    }
    return read;
  }();
  return kRead;
}

const Style& choose_style(int digit, Stream& stream) {
  const auto& choices = styles()[static_cast<std::size_t>(digit)];
  float total = 0;
  for (const Style& style : choices) total += style.weight;
  float left = total * stream.uniform();
  for (const Style& style : choices) {
    left -= style.weight;
    if (left < 0) return style;
  }
  return choices.back();
}

/// Random deformation of a whole digit: one low-frequency wave each way, stretch, slant, rotation.
class Hand {
 public:
  explicit Hand(int digit, Stream& stream) {
    for (Wave& wave : waves_) {
      wave = {.fx = between(stream, -.7F, .7F),
              .fy = between(stream, -.7F, .7F),
              .phase = between(stream, 0, 1),
              .size = .05F * normal(stream)};
    }
    // A one has no width to stretch, and varies most in slant and rotation.
    const float slant = (digit == 1 ? .22F : .16F) + .22F * normal(stream);
    const auto [c, s] = direction_of_turns(.016F * normal(stream));
    const float wide = .2F * normal(stream), stretch = 1.05F + wide + wide * wide / 2;
    // turn * [stretch, -slant; 0, 1]: slant moves the top to the right.
    xx_ = c * stretch;
    xy_ = -c * slant - s;
    yx_ = s * stretch;
    yy_ = -s * slant + c;
    jitter_ = .022F;
  }

  Point move(Point p, Stream& stream) const {
    p.x += jitter_ * normal(stream) - .5F;
    p.y += jitter_ * normal(stream) - .5F;
    const Point at = p;
    p.x += waves_[0].at(at);
    p.y += waves_[1].at(at);
    return {xx_ * p.x + xy_ * p.y, yx_ * p.x + yy_ * p.y};
  }

 private:
  struct Wave {
    float fx = 0, fy = 0, phase = 0, size = 0;  // turns, except size
    float at(Point p) const { return size * direction_of_turns(fx * p.x + fy * p.y + phase).y; }
  };
  std::array<Wave, 2> waves_;
  float xx_ = 1, xy_ = 0, yx_ = 0, yy_ = 1, jitter_ = 0;
};

struct Segment {
  Point a, b;
};

/// Appends the spline through `points` to `lines` as short segments.
void flatten(const Stroke& points, std::vector<Segment>& lines) {
  constexpr int kSteps = 5;
  const auto at = [&](std::size_t i) { return points[std::min(i, points.size() - 1)]; };
  for (std::size_t i = 0; i + 1 < points.size(); ++i) {
    const Point p0 = i == 0 ? points[0] : points[i - 1], p1 = points[i], p2 = at(i + 1),
                p3 = at(i + 2);
    if (p1.x == p2.x && p1.y == p2.y) continue;
    Point last = p1;
    for (int step = 1; step <= kSteps; ++step) {
      const float t = static_cast<float>(step) / kSteps, t2 = t * t, t3 = t2 * t;
      const float w0 = .5F * (-t3 + 2 * t2 - t), w1 = .5F * (3 * t3 - 5 * t2 + 2),
                  w2 = .5F * (-3 * t3 + 4 * t2 + t), w3 = .5F * (t3 - t2);
      const Point next = {w0 * p0.x + w1 * p1.x + w2 * p2.x + w3 * p3.x,
                          w0 * p0.y + w1 * p1.y + w2 * p2.y + w3 * p3.y};
      lines.push_back({last, next});
      last = next;
    }
  }
}

/// Scales the longer side to 20 pixels and centres the strokes at about pixel (14, 14).
void frame(std::vector<Segment>& lines, float radius, Stream& stream) {
  Point low = lines[0].a, high = low;
  float length = 0;
  Point mass;
  for (const auto& [a, b] : lines) {
    low = {std::min({low.x, a.x, b.x}), std::min({low.y, a.y, b.y})};
    high = {std::max({high.x, a.x, b.x}), std::max({high.y, a.y, b.y})};
    const float part = std::sqrt((b.x - a.x) * (b.x - a.x) + (b.y - a.y) * (b.y - a.y));
    length += part;
    mass.x += part * (a.x + b.x) / 2;
    mass.y += part * (a.y + b.y) / 2;
  }
  const float side = std::max({high.x - low.x, high.y - low.y, 1e-3F});
  const float scale = (19.2F - 2 * radius) / side;
  mass = {mass.x / length, mass.y / length};
  const Point centre = {14 + between(stream, -.5F, .5F), 14 + between(stream, -.5F, .5F)};
  for (auto& [a, b] : lines) {
    for (Point* p : {&a, &b})
      *p = {centre.x + scale * (p->x - mass.x), centre.y + scale * (p->y - mass.y)};
  }
}

/// Shifts by whole pixels so that the centre of mass is at (14, 14), as in MNIST.
void centre(DigitPixels pixels) {
  std::int64_t mass = 0, x_mass = 0, y_mass = 0;
  for (int y = 0, i = 0; y < kDigitSide; ++y) {
    for (int x = 0; x < kDigitSide; ++x, ++i) {
      const int ink = pixels[static_cast<std::size_t>(i)];
      mass += ink;
      x_mass += ink * x;
      y_mass += ink * y;
    }
  }
  const auto shift = [mass](std::int64_t moment) {
    return static_cast<int>(14 - (2 * moment + mass) / (2 * mass));
  };
  const int right = shift(x_mass), down = shift(y_mass);
  if (right == 0 && down == 0) return;
  std::array<std::uint8_t, kDigitPixels> moved = {};
  for (int y = 0; y < kDigitSide; ++y) {
    for (int x = 0; x < kDigitSide; ++x) {
      const int from_x = x - right, from_y = y - down;
      if (from_x < 0 || from_x >= kDigitSide || from_y < 0 || from_y >= kDigitSide) continue;
      moved[static_cast<std::size_t>(y * kDigitSide + x)] =
          pixels[static_cast<std::size_t>(from_y * kDigitSide + from_x)];
    }
  }
  std::copy(moved.begin(), moved.end(), pixels.begin());
}

/// Squared distance of every pixel to the nearest segment, up to `reach`.
void measure(const std::vector<Segment>& lines, float reach,
             std::array<float, kDigitPixels>& square) {
  square.fill(reach * reach);
  const auto first = [](float v) { return std::clamp(static_cast<int>(v), 0, kDigitSide); };
  for (const auto& [a, b] : lines) {
    const float dx = b.x - a.x, dy = b.y - a.y;
    const float inverse = 1 / std::max(dx * dx + dy * dy, 1e-9F);
    const int left = first(std::min(a.x, b.x) - reach + 1),
              right = first(std::max(a.x, b.x) + reach + 1);
    const int top = first(std::min(a.y, b.y) - reach + 1),
              bottom = first(std::max(a.y, b.y) + reach + 1);
    for (int y = top; y < bottom; ++y) {
      const float py = static_cast<float>(y) - a.y;
      float* row = square.data() + y * kDigitSide;
      for (int x = left; x < right; ++x) {
        const float px = static_cast<float>(x) - a.x;
        const float t = std::clamp((px * dx + py * dy) * inverse, 0.F, 1.F);
        const float ex = px - t * dx, ey = py - t * dy;
        row[x] = std::min(row[x], ex * ex + ey * ey);
      }
    }
  }
}

}  // namespace

void draw_digit(int digit, const Key& key, DigitPixels pixels) {
  CLEW_CHECK(digit >= 0 && digit <= 9, "a digit must be in 0..9, got ", digit);
  Stream stream(key);
  const Style& style = choose_style(digit, stream);
  const Hand hand(digit, stream);
  std::vector<Segment> lines;
  Stroke moved;
  for (const Stroke& stroke : style.strokes) {
    moved.clear();
    for (std::size_t i = 0; i < stroke.size(); ++i) {
      const bool is_corner =
          i > 0 && stroke[i].x == stroke[i - 1].x && stroke[i].y == stroke[i - 1].y;
      moved.push_back(is_corner ? moved.back() : hand.move(stroke[i], stream));
    }
    flatten(moved, lines);
  }
  const float width = stream.uniform() + stream.uniform();  // triangular distribution
  const float radius = .68F + .2F * width + .33F * width * width;
  const float softness = between(stream, 1, 1.7F);
  frame(lines, radius, stream);
  const float reach = radius + softness / 2;
  std::array<float, kDigitPixels> square;
  measure(lines, reach, square);
  for (std::size_t i = 0; i < kDigitPixels; ++i) {
    const float ink = (reach - std::sqrt(square[i])) / softness;
    pixels[i] = static_cast<std::uint8_t>(std::clamp(ink, 0.F, 1.F) * 255 + .5F);
  }
  centre(pixels);
}

Example Digits::get(std::int64_t index, const Key& key) const {
  std::array<std::uint8_t, kDigitPixels> pixels;
  draw(index, key, pixels);
  const auto input = torch::empty({1, kDigitSide, kDigitSide}, torch::kFloat32);
  auto* to = input.data_ptr<float>();
  for (std::size_t i = 0; i < pixels.size(); ++i) to[i] = static_cast<float>(pixels[i]) / 255;
  const auto target = torch::empty({}, torch::kInt64);
  *target.data_ptr<std::int64_t>() = label(index);
  return {{"image", input}, {"label", target}};
}

Columns Digits::columns() const { return image_and_label({1, kDigitSide, kDigitSide}); }

std::vector<std::string> Digits::class_names() const {
  return {"0", "1", "2", "3", "4", "5", "6", "7", "8", "9"};
}

DrawnDigits::DrawnDigits(DrawnDigitsOptions options) : options_(options) {
  CLEW_CHECK(options.size >= 1, "a set of drawn digits needs at least one, got ", options.size);
}

void DrawnDigits::draw(std::int64_t index, const Key& key, DigitPixels pixels) const {
  check_index(*this, index);
  draw_digit(label(index),
             options_.is_fixed ? fold_in(options_.key, static_cast<std::uint64_t>(index)) : key,
             pixels);
}

}  // namespace clew::data
