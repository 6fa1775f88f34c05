// SPDX-License-Identifier: Apache-2.0
#include "clew/image/draw.h"

#include <cstddef>

#include "clew/core/error.h"

namespace clew::image {

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
