// SPDX-License-Identifier: Apache-2.0
#include "clew/image/draw.h"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <initializer_list>
#include <opencv2/imgproc.hpp>

#include "clew/core/error.h"
#include "clew/image/mat.h"
#include "clew/image/transform.h"

namespace clew::image {
namespace {

constexpr float kFarthest = 1e6F;
constexpr int kFont = cv::FONT_HERSHEY_SIMPLEX;

cv::Scalar scalar(Colour colour) {
  return {static_cast<double>(colour.r), static_cast<double>(colour.g),
          static_cast<double>(colour.b)};
}

void check_drawing(const Image& picture, std::initializer_list<float> numbers, Pen pen,
                   const char* where) {
  check(picture, where);
  for (const float number : numbers) {
    CLEW_CHECK(std::abs(number) <= kFarthest, "a point to draw must lie within ", kFarthest,
               " pixels, got ", number, " (", where, ")");
  }
  CLEW_CHECK(pen.width >= 1 && pen.width <= 255, "a pen must be 1..255 pixels wide, got ",
             pen.width, " (", where, ")");
}

void check_style(const TextStyle& style) {
  CLEW_CHECK(style.height >= 5 && style.height <= 1000, "text must be 5..1000 pixels high, got ",
             style.height);
}

std::string printable(const std::string& text) {
  std::string out;
  for (const char c : text) {
    const auto code = static_cast<unsigned char>(c);
    if (code >= 0x80 && code < 0xc0) continue;  // UTF-8 continuation byte
    out.push_back(code >= 0x20 && code < 0x7f ? c : '?');
  }
  return out;
}

int pen_of(const TextStyle& style) { return std::max(1, style.height / 10); }
double scale_of(const TextStyle& style) {
  return cv::getFontScaleFromHeight(kFont, style.height, pen_of(style));
}

/// The picture for its tile: downscaled to fit, else upscaled by an integer factor.
Image fitted(const Image& picture, int width, int height, int scale) {
  Image out = to_rgb(picture);
  const double shrink = std::min(
      {1., static_cast<double>(width) / out.width, static_cast<double>(height) / out.height});
  const auto side = [shrink](int pixels) { return std::max(1, static_cast<int>(pixels * shrink)); };
  out = resize(out, side(out.width), side(out.height));
  return resize(out, out.width * scale, out.height * scale, Interpolation::kNearest);
}

void paste(const Image& picture, Image& onto, int x, int y) {
  view(picture).copyTo(view(onto)(cv::Rect(x, y, picture.width, picture.height)));
}

/// Draws on a u8 mask by `draw`, then blends `colour` into floats: OpenCV's antialiased lines need
/// bytes.
template <class Draw>
void draw_over(FloatImage& picture, Colour colour, const char* where, const Draw& draw) {
  check(picture, where);
  Image ink = blank(picture.width, picture.height, 1);
  draw(ink);
  const float wanted[] = {static_cast<float>(colour.r) / 255, static_cast<float>(colour.g) / 255,
                          static_cast<float>(colour.b) / 255};
  const auto channels = static_cast<std::size_t>(picture.channels);
  for (std::size_t i = 0; i < ink.pixels.size(); ++i) {
    if (ink.pixels[i] == 0) continue;
    const float share = static_cast<float>(ink.pixels[i]) / 255;
    for (std::size_t c = 0; c < channels; ++c) {
      float& value = picture.pixels[i * channels + c];
      value = (1 - share) * value + share * wanted[c];
    }
  }
}
constexpr Colour kInk = {255, 255, 255};

}  // namespace

void draw_line(FloatImage& picture, float x0, float y0, float x1, float y1, Pen pen) {
  draw_over(picture, pen.colour, "draw_line", [&](Image& ink) {
    draw_line(ink, x0, y0, x1, y1, {.colour = kInk, .width = pen.width});
  });
}

void draw_rectangle(FloatImage& picture, float x0, float y0, float x1, float y1, Pen pen) {
  draw_over(picture, pen.colour, "draw_rectangle", [&](Image& ink) {
    draw_rectangle(ink, x0, y0, x1, y1, {.colour = kInk, .width = pen.width});
  });
}

void fill_rectangle(FloatImage& picture, int x0, int y0, int x1, int y1, Colour colour) {
  draw_over(picture, colour, "fill_rectangle",
            [&](Image& ink) { fill_rectangle(ink, x0, y0, x1, y1, kInk); });
}

void draw_text(FloatImage& picture, const std::string& text, int x, int y, TextStyle style) {
  draw_over(picture, style.colour, "draw_text", [&](Image& ink) {
    draw_text(ink, text, x, y, {.colour = kInk, .height = style.height});
  });
}

void draw_line(Image& picture, float x0, float y0, float x1, float y1, Pen pen) {
  check_drawing(picture, {x0, y0, x1, y1}, pen, "draw_line");
  constexpr int kShift = 4;  // OpenCV coordinates in 1/16 pixel
  const auto fixed = [](float v) { return static_cast<int>(std::lround(v * (1 << kShift))); };
  cv::Mat to = view(picture);
  cv::line(to, {fixed(x0), fixed(y0)}, {fixed(x1), fixed(y1)}, scalar(pen.colour), pen.width,
           cv::LINE_AA, kShift);
}

void draw_rectangle(Image& picture, float x0, float y0, float x1, float y1, Pen pen) {
  check_drawing(picture, {x0, y0, x1, y1}, pen, "draw_rectangle");
  const auto whole = [](float v) { return static_cast<int>(std::lround(v)); };
  cv::Mat to = view(picture);
  cv::rectangle(to, cv::Point(whole(x0), whole(y0)), cv::Point(whole(x1), whole(y1)),
                scalar(pen.colour), pen.width, cv::LINE_8);
}

void fill_rectangle(Image& picture, int x0, int y0, int x1, int y1, Colour colour) {
  check(picture, "fill_rectangle");
  x0 = std::clamp(x0, 0, picture.width), x1 = std::clamp(x1, x0, picture.width);
  y0 = std::clamp(y0, 0, picture.height), y1 = std::clamp(y1, y0, picture.height);
  if (x0 == x1 || y0 == y1) return;
  view(picture)(cv::Rect(x0, y0, x1 - x0, y1 - y0)).setTo(scalar(colour));
}

void tint(Image& picture, std::span<const std::uint8_t> mask, Colour colour, float share) {
  check(picture, "tint");
  CLEW_CHECK(mask.size() * static_cast<std::size_t>(picture.channels) == picture.pixels.size(),
             "the mask of a picture of ", picture.width, "x", picture.height,
             " must have as many pixels, got ", mask.size());
  const auto channels = static_cast<std::size_t>(picture.channels);
  const auto mixed = scalar(colour);
  for (std::size_t i = 0; i < mask.size(); ++i) {
    if (mask[i] == 0) continue;
    for (std::size_t c = 0; c < channels; ++c) {
      auto& pixel = picture.pixels[i * channels + c];
      pixel = static_cast<std::uint8_t>(
          std::lround((1 - share) * static_cast<float>(pixel) +
                      share * static_cast<float>(mixed[static_cast<int>(c)])));
    }
  }
}

TextSize text_size(const std::string& text, TextStyle style) {
  check_style(style);
  int below = 0;
  const cv::Size size =
      cv::getTextSize(printable(text), kFont, scale_of(style), pen_of(style), &below);
  below += pen_of(style);
  return {.width = size.width, .height = size.height + below, .below = below};
}

void draw_text(Image& picture, const std::string& text, int x, int y, TextStyle style) {
  check_drawing(picture, {static_cast<float>(x), static_cast<float>(y)}, {}, "draw_text");
  const TextSize size = text_size(text, style);
  cv::Mat to = view(picture);
  cv::putText(to, printable(text), {x, y + size.height - size.below}, kFont, scale_of(style),
              scalar(style.colour), pen_of(style), cv::LINE_AA);
}

Image grid(std::span<const Tile> tiles, GridLayout layout) {
  CLEW_CHECK(!tiles.empty(), "a grid needs at least one picture");
  CLEW_CHECK(layout.columns >= 1 && layout.width >= 0 && layout.height >= 0 && layout.scale >= 1 &&
                 layout.scale <= 64 && layout.gap >= 0 && layout.label_height >= 0,
             "a grid needs at least one column, a scale in 1..64 and no negative sizes, got ",
             layout.columns, " columns, scale ", layout.scale, ", tiles of ", layout.width, "x",
             layout.height, ", gap ", layout.gap, ", labels of ", layout.label_height);
  int width = layout.width, height = layout.height;
  bool has_labels = false;
  for (const Tile& tile : tiles) {
    check(tile.picture, "grid");
    if (layout.width == 0) width = std::max(width, tile.picture.width);
    if (layout.height == 0) height = std::max(height, tile.picture.height);
    has_labels = has_labels || !tile.label.empty();
  }
  has_labels = has_labels && layout.label_height > 0;
  const TextStyle style{.height = std::max(layout.label_height, 5)};
  const int label = has_labels ? text_size("", style).height + 3 : 0;
  const auto count = static_cast<int>(tiles.size());
  const int columns = std::min(layout.columns, count), rows = (count + columns - 1) / columns;
  const std::int64_t step_x = std::int64_t{width} * layout.scale + layout.gap;
  const std::int64_t step_y = std::int64_t{height} * layout.scale + label + layout.gap;
  const std::int64_t all_x = columns * step_x + layout.gap, all_y = rows * step_y + layout.gap;
  CLEW_CHECK(all_x <= kMaxSide && all_y <= kMaxSide, "a grid must be at most ", kMaxSide,
             " pixels wide and high, got ", all_x, "x", all_y);
  CLEW_CHECK(static_cast<std::uint64_t>(all_x * all_y) <= kMaxPixels, "a grid must have at most ",
             kMaxPixels, " pixels, got ", all_x, "x", all_y);
  Image out = blank(static_cast<int>(all_x), static_cast<int>(all_y), 3, layout.background);
  for (int i = 0; i < count; ++i) {
    const Tile& tile = tiles[static_cast<std::size_t>(i)];
    const Image picture = fitted(tile.picture, width, height, layout.scale);
    const int x = layout.gap + i % columns * static_cast<int>(step_x);
    const int y = layout.gap + i / columns * static_cast<int>(step_y);
    paste(picture, out, x + (width * layout.scale - picture.width) / 2,
          y + (height * layout.scale - picture.height) / 2);
    if (!has_labels || tile.label.empty()) continue;
    Image strip = blank(width * layout.scale, label, 3, layout.background);
    draw_text(strip, tile.label, 0, 2, {.colour = tile.colour, .height = style.height});
    paste(strip, out, x, y + height * layout.scale);
  }
  return out;
}

Image contact_sheet(std::span<const std::uint8_t> frames, SheetLayout layout) {
  CLEW_CHECK(layout.width >= 1 && layout.height >= 1 && layout.columns >= 1,
             "a contact sheet needs tiles of at least 1x1 and at least one column, got ",
             layout.width, "x", layout.height, " and ", layout.columns);
  const auto width = static_cast<std::size_t>(layout.width);
  const auto height = static_cast<std::size_t>(layout.height);
  const std::size_t tile = width * height * 3;
  CLEW_CHECK(!frames.empty() && frames.size() % tile == 0, "frames must be a whole number of ",
             layout.width, "x", layout.height, "x3 tiles of ", tile, " bytes, got ", frames.size(),
             " bytes (contact_sheet)");
  const std::size_t count = frames.size() / tile;
  const auto columns = static_cast<std::size_t>(layout.columns);
  const std::size_t rows = (count + columns - 1) / columns;
  Image sheet{.width = static_cast<int>(columns * width),
              .height = static_cast<int>(rows * height),
              .channels = 3,
              .pixels = std::vector<std::uint8_t>(rows * columns * tile)};
  const std::size_t pixel_step = layout.planar ? 1 : 3;
  const std::size_t channel_step = layout.planar ? width * height : 1;
  for (std::size_t i = 0; i < count; ++i) {
    for (std::size_t y = 0; y < height; ++y) {
      const std::uint8_t* from = frames.data() + i * tile + y * width * pixel_step;
      std::uint8_t* to =
          sheet.pixels.data() + (((i / columns) * height + y) * columns + i % columns) * width * 3;
      for (std::size_t x = 0; x < width; ++x) {
        for (std::size_t c = 0; c < 3; ++c) to[x * 3 + c] = from[x * pixel_step + c * channel_step];
      }
    }
  }
  return sheet;
}

}  // namespace clew::image
