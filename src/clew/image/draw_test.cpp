// SPDX-License-Identifier: Apache-2.0
#include "clew/image/draw.h"

#include <gtest/gtest.h>

#include "clew/core/error.h"

namespace clew::image {
namespace {

TEST(ContactSheet, PutsTilesInRowMajorOrder) {
  // Three tiles of 2x1 pixels, two columns.
  const std::vector<std::uint8_t> frames = {1,  2,  3,  4,  5,  6,  11, 12, 13,
                                            14, 15, 16, 21, 22, 23, 24, 25, 26};
  const Image sheet = contact_sheet(frames, {.width = 2, .height = 1, .columns = 2});
  EXPECT_EQ(sheet.width, 4);
  EXPECT_EQ(sheet.height, 2);
  EXPECT_EQ(sheet.pixels,
            (std::vector<std::uint8_t>{1,  2,  3,  4,  5,  6,  11, 12, 13, 14, 15, 16,
                                       21, 22, 23, 24, 25, 26, 0,  0,  0,  0,  0,  0}));
}

TEST(ContactSheet, ReadsPlanarFrames) {
  // One tile of 2x2: red plane, green plane, blue plane.
  const std::vector<std::uint8_t> frames = {1, 2, 3, 4, 11, 12, 13, 14, 21, 22, 23, 24};
  const Image sheet =
      contact_sheet(frames, {.width = 2, .height = 2, .columns = 1, .planar = true});
  EXPECT_EQ(sheet.width, 2);
  EXPECT_EQ(sheet.pixels, (std::vector<std::uint8_t>{1, 11, 21, 2, 12, 22, 3, 13, 23, 4, 14, 24}));
}

TEST(ContactSheet, RefusesPartsOfATile) {
  const std::vector<std::uint8_t> frames(13);
  EXPECT_THROW((void)contact_sheet(frames, {.width = 2, .height = 2}), Error);
  EXPECT_THROW((void)contact_sheet({}, {}), Error);
  EXPECT_THROW((void)contact_sheet(frames, {.width = 0, .height = 2}), Error);
}

}  // namespace
}  // namespace clew::image
