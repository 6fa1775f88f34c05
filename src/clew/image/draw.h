// SPDX-License-Identifier: Apache-2.0
// Puts pictures together. Not a plotting library: curves and maps are drawn by the report page
// itself.
#pragma once

#include <cstdint>
#include <span>

#include "clew/image/files.h"

namespace clew::image {

struct SheetLayout {
  int width = 84, height = 84;  // pixels of one tile
  int columns = 20;             // tiles in a row
  bool planar = false;          // frames are [N,3,H,W] instead of [N,H,W,3]
};

/// frames [N,H,W,3] or [N,3,H,W] u8 RGB -> one picture, `columns` tiles wide, in row-major order;
/// what is left over is black.
[[nodiscard]] Image contact_sheet(std::span<const std::uint8_t> frames, SheetLayout layout = {});

}  // namespace clew::image
