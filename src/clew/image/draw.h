// SPDX-License-Identifier: Apache-2.0
// Draws on pictures and puts pictures together. Not a plotting library: curves and maps are drawn
// by the report page itself.
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

// Points are pixels from the top left and may lie between pixels or outside the picture, as far as
// 1e6. Lines are antialiased on RGB and grey alike. On floats the same is drawn, with colours divided by 255.

/// A straight line.
void draw_line(Image& picture, float x0, float y0, float x1, float y1, Pen pen = {});
void draw_line(FloatImage& picture, float x0, float y0, float x1, float y1, Pen pen = {});
/// The outline of a rectangle given by two corners; of width 1 it covers both corner pixels.
void draw_rectangle(Image& picture, float x0, float y0, float x1, float y1, Pen pen = {});
void draw_rectangle(FloatImage& picture, float x0, float y0, float x1, float y1, Pen pen = {});
/// A filled rectangle of whole pixels [x0,x1) x [y0,y1).
void fill_rectangle(Image& picture, int x0, int y0, int x1, int y1, Colour colour);
void fill_rectangle(FloatImage& picture, int x0, int y0, int x1, int y1, Colour colour);

struct TextStyle {
  Colour colour = {255, 255, 255};
  int height = 12;  // of a capital letter, pixels, 5..1000
};

/// The size of `text` in pixels; what is not ASCII counts and is drawn as '?'.
struct TextSize {
  int width = 0, height = 0;
  int below = 0;  // of the height, under the line on which letters stand
};
[[nodiscard]] TextSize text_size(const std::string& text, TextStyle style = {});
/// Writes one line with its top left corner at (x, y); what goes beyond the picture is cut off.
void draw_text(Image& picture, const std::string& text, int x, int y, TextStyle style = {});
void draw_text(FloatImage& picture, const std::string& text, int x, int y, TextStyle style = {});

/// One picture of a grid.
struct Tile {
  Image picture;
  std::string label = {};           // under the picture; cut off where it is too long
  Colour colour = {255, 255, 255};  // of the label
};

struct GridLayout {
  int columns = 8;
  int width = 0, height = 0;  // of a tile's picture; 0: of the largest picture
  int scale = 1;              // whole factor by which pictures grow, without smoothing
  int gap = 4;                // pixels around tiles
  int label_height = 9;       // of a capital letter; 0: no labels
  Colour background = {24, 24, 24};
};

/// Pictures in rows, each in the middle of its place, larger ones shrunk to it. -> RGB.
[[nodiscard]] Image grid(std::span<const Tile> tiles, GridLayout layout = {});

struct SheetLayout {
  int width = 84, height = 84;  // pixels of one tile
  int columns = 20;             // tiles in a row
  bool planar = false;          // frames are [N,3,H,W] instead of [N,H,W,3]
};

/// frames [N,H,W,3] or [N,3,H,W] u8 RGB -> one picture, `columns` tiles wide, in row-major order;
/// what is left over is black.
[[nodiscard]] Image contact_sheet(std::span<const std::uint8_t> frames, SheetLayout layout = {});

}  // namespace clew::image
