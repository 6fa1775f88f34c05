// SPDX-License-Identifier: Apache-2.0
#include "clew/image/headers.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <vector>

#include "clew/core/error.h"
#include "clew/image/files.h"
#include "tests/support/expect_error.h"

namespace clew::image {
namespace headers_test {

using Bytes = std::vector<std::uint8_t>;

/// Uneven enough to take some hundred bytes in either format.
Image speckled(int side) {
  Image picture = blank(side, side, 3);
  for (std::size_t i = 0; i < picture.pixels.size(); ++i)
    picture.pixels[i] = static_cast<std::uint8_t>(i * i >> 3);
  return picture;
}

Bytes jpeg_of(int side) { return encode(speckled(side), {.format = Format::kJpeg}); }

/// `file` with an application's segment behind its first marker, as EXIF has its thumbnail.
Bytes with_thumbnail(Bytes file, const Bytes& thumbnail) {
  const std::size_t length = thumbnail.size() + 2;
  Bytes segment = {0xff, 0xe1, static_cast<std::uint8_t>(length >> 8),
                   static_cast<std::uint8_t>(length)};
  segment.insert(segment.end(), thumbnail.begin(), thumbnail.end());
  file.insert(file.begin() + 2, segment.begin(), segment.end());
  return file;
}

std::string error_of(const Bytes& file) {
  return clew::error_of([&] { (void)decode(file, "x"); });
}
std::string cut_short(std::size_t size) {
  return concat("x: the image is cut short (", size, " bytes)");
}

TEST(PictureHeaders, AThumbnailsEndIsNotThePicturesEnd) {
  const Bytes plain = jpeg_of(24), file = with_thumbnail(plain, jpeg_of(8));
  EXPECT_EQ(decode(file, "x").pixels, decode(plain, "x").pixels);
  for (std::size_t size = 20; size + 2 < file.size(); size += 11)
    EXPECT_EQ(error_of({file.begin(), file.begin() + static_cast<std::ptrdiff_t>(size)}),
              cut_short(size));
}

TEST(PictureHeaders, BytesOfAScanAreNoMarkers) {
  // SOI, a scan with 0xff00, a restart, fill bytes; a second scan; EOI. Then what others append.
  Bytes file = {0xff, 0xd8, 0xff, 0xda, 0, 2, 1, 0xff, 0,    2,    0xff, 0xd3,
                3,    0xff, 0xff, 0xda, 0, 3, 9, 4,    0xff, 0xff, 0xd9, 7};
  EXPECT_TRUE(check_jpeg(file, "x"));
  file.resize(file.size() - 2);
  EXPECT_FALSE(check_jpeg(file, "x"));
  EXPECT_EQ(clew::error_of([] {
              (void)check_jpeg(Bytes{0xff, 0xd8, 0xff, 0xd9}, "x");
            }),
            cut_short(4));
}

TEST(PictureHeaders, AFrameInAScanIsDamage) {
  Bytes file = jpeg_of(24);
  file.insert(file.end() - 40, {0xff, 0xc0, 0, 9, 8, 0x7f, 0xff, 0x7f, 0xff, 0, 0});
  EXPECT_EQ(error_of(file),
            concat("x: the JPEG is damaged: another frame begins at byte ", file.size() - 40 - 11));
}

TEST(PictureHeaders, AJpegsClaimIsCheckedBeforeMemoryIsTaken) {
  const Bytes frame = {0xff, 0xc0, 0, 17, 8, 0, 24, 0, 24};
  Bytes file = jpeg_of(24);
  const auto found = std::search(file.begin(), file.end(), frame.begin(), frame.end());
  ASSERT_NE(found, file.end());
  const auto claim = [&](int height, int width) {
    Bytes other = file;
    auto at = other.begin() + (found - file.begin()) + 5;
    for (const int byte : {height >> 8, height & 255, width >> 8, width & 255})
      *at++ = static_cast<std::uint8_t>(byte);
    return error_of(other);
  };
  EXPECT_EQ(claim(32000, 32000), "x: the image claims more than 268435456 pixels");
  EXPECT_EQ(claim(0, 24), "x: an image must be 1..65535 pixels wide and high, got 24x0");
}

TEST(PictureHeaders, DamageInAPngIsFoundWithItsPlace) {
  const Bytes file = encode(speckled(16));
  for (std::size_t at = 8; at < file.size(); ++at) {
    if (at >= 16 && at < 24) continue;  // the size, whose claim is looked at first
    Bytes damaged = file;
    damaged[at] ^= 0x10;
    testing::internal::CaptureStderr();
    const std::string error = error_of(damaged);
    EXPECT_EQ(testing::internal::GetCapturedStderr(), "") << at;
    EXPECT_TRUE(error.starts_with("x: the PNG is damaged: the checksum of its chunk at byte ") ||
                error == cut_short(file.size()))
        << at << ' ' << error;
  }
  Bytes damaged = file;
  damaged[33 + 8 + 4] ^= 1;  // in the second chunk, behind the 25 bytes of the header's
  EXPECT_EQ(error_of(damaged),
            "x: the PNG is damaged: the checksum of its chunk at byte 33 is wrong");
}

TEST(PictureHeaders, APngsSidesAreThoseOfAPicture) {
  Bytes file = encode(blank(1, 1));
  file[17] = 1, file[18] = 0x11, file[19] = 0x70;  // 70000 wide
  EXPECT_EQ(error_of(file), "x: an image must be 1..65535 pixels wide and high, got 70000x1");
}

}  // namespace headers_test
}  // namespace clew::image
