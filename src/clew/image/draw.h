// SPDX-License-Identifier: Apache-2.0
// Drawing, text and picture grids. Not a plotting library: curves and maps are drawn by the report
// page.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "clew/image/files.h"
#include "clew/image/image.h"

namespace clew::image {

struct Pen {
  Colour colour = {255, 255, 255};
  int width = 1;  // pixels, 1..255
};

// Coordinates are pixels from the top left, fractional, and may lie outside the picture, up to 1e6.
// Lines are antialiased. On float pictures colours are divided by 255.

/// A straight line.
void draw_line(Image& picture, float x0, float y0, float x1, float y1, Pen pen = {});
void draw_line(FloatImage& picture, float x0, float y0, float x1, float y1, Pen pen = {});
/// Outline of a rectangle given by two corners; width 1 covers both corner pixels.
void draw_rectangle(Image& picture, float x0, float y0, float x1, float y1, Pen pen = {});
void draw_rectangle(FloatImage& picture, float x0, float y0, float x1, float y1, Pen pen = {});
/// A filled rectangle of whole pixels [x0,x1) x [y0,y1).
void fill_rectangle(Image& picture, int x0, int y0, int x1, int y1, Colour colour);
void fill_rectangle(FloatImage& picture, int x0, int y0, int x1, int y1, Colour colour);

/// Mixes `colour` into the pixels where mask [height,width] is not 0; `share` in [0,1]. A mask of another size: clew::Error.
void tint(Image& picture, std::span<const std::uint8_t> mask, Colour colour, float share = 0.4F);

struct TextStyle {
  Colour colour = {255, 255, 255};
  int height = 12;  // cap height, pixels, 5..1000
};

/// Size of `text` in pixels; non-ASCII characters are drawn as '?'.
struct TextSize {
  int width = 0, height = 0;
  int below = 0;  // descent: part of the height below the baseline
};
[[nodiscard]] TextSize text_size(const std::string& text, TextStyle style = {});
/// One line of text with its top left corner at (x, y), clipped to the picture.
void draw_text(Image& picture, const std::string& text, int x, int y, TextStyle style = {});
void draw_text(FloatImage& picture, const std::string& text, int x, int y, TextStyle style = {});

/// One picture of a grid.
struct Tile {
  Image picture;
  std::string label = {};           // below the picture; clipped
  Colour colour = {255, 255, 255};  // of the label
};

struct GridLayout {
  int columns = 8;
  int width = 0, height = 0;  // of a tile's picture; 0: the largest picture's
  int scale = 1;              // integer upscaling, nearest
  int gap = 4;                // pixels around tiles
  int label_height = 9;       // cap height, pixels; 0: no labels
  Colour background = {24, 24, 24};
};

/// Pictures in rows, each centred in its tile, larger ones downscaled to it -> RGB.
[[nodiscard]] Image grid(std::span<const Tile> tiles, GridLayout layout = {});

struct SheetLayout {
  int width = 84, height = 84;  // pixels of one tile
  int columns = 20;             // tiles in a row
  bool planar = false;          // frames are [N,3,H,W] instead of [N,H,W,3]
};

/// frames [N,H,W,3] or [N,3,H,W] u8 RGB -> one picture, `columns` tiles wide, row-major; unused
/// tiles are black.
[[nodiscard]] Image contact_sheet(std::span<const std::uint8_t> frames, SheetLayout layout = {});

}  // namespace clew::image
