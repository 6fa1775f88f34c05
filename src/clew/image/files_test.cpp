// SPDX-License-Identifier: Apache-2.0
#include "clew/image/files.h"

#include <gtest/gtest.h>

#include <cstdlib>
#include <fstream>

#include "clew/core/error.h"
#include "tests/support/expect_error.h"

namespace clew::image {
namespace files_test {

namespace fs = std::filesystem;

Image gradient(int width, int height, int channels = 3) {
  Image picture{.width = width, .height = height, .channels = channels, .pixels = {}};
  for (int y = 0; y < height; ++y)
    for (int x = 0; x < width; ++x)
      for (int c = 0; c < channels; ++c)
        picture.pixels.push_back(static_cast<std::uint8_t>(c == 0 ? x * 9 : c == 1 ? y * 7 : 200));
  return picture;
}

struct ImageFiles : testing::Test {
  fs::path folder =
      fs::temp_directory_path() /
      ("clew_image_" + std::string(testing::UnitTest::GetInstance()->current_test_info()->name()));
  ImageFiles() {
    fs::remove_all(folder);
    fs::create_directories(folder);
  }
  ~ImageFiles() override { fs::remove_all(folder); }
};

TEST_F(ImageFiles, PngKeepsEveryPixel) {
  const Image picture = gradient(17, 5);
  const auto before = picture.pixels;
  const auto file = encode(picture);
  EXPECT_EQ(picture.pixels, before);
  const Image back = decode(file, "memory");
  EXPECT_EQ(back.width, 17);
  EXPECT_EQ(back.height, 5);
  EXPECT_EQ(back.pixels, picture.pixels);
}

TEST_F(ImageFiles, RedIsStoredAsRed) {
  // A PNG of one red pixel made by another program (Python's zlib and struct).
  const Image red{.width = 1, .height = 1, .channels = 3, .pixels = {255, 0, 0}};
  const std::vector<std::uint8_t> file = {
      0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a, 0x00, 0x00, 0x00, 0x0d, 0x49, 0x48,
      0x44, 0x52, 0x00, 0x00, 0x00, 0x01, 0x00, 0x00, 0x00, 0x01, 0x08, 0x02, 0x00, 0x00,
      0x00, 0x90, 0x77, 0x53, 0xde, 0x00, 0x00, 0x00, 0x0c, 0x49, 0x44, 0x41, 0x54, 0x78,
      0x9c, 0x63, 0xf8, 0xcf, 0xc0, 0x00, 0x00, 0x03, 0x01, 0x01, 0x00, 0xc9, 0xfe, 0x92,
      0xef, 0x00, 0x00, 0x00, 0x00, 0x49, 0x45, 0x4e, 0x44, 0xae, 0x42, 0x60, 0x82};
  EXPECT_EQ(decode(file, "red.png").pixels, red.pixels);
  EXPECT_EQ(decode(encode(red), "ours").pixels, red.pixels);
}

TEST_F(ImageFiles, GreyComesBackAsThreeEqualChannels) {
  const Image picture = gradient(4, 3, 1);
  const Image back = decode(encode(picture), "grey");
  ASSERT_EQ(back.channels, 3);
  for (std::size_t i = 0; i < picture.pixels.size(); ++i)
    for (std::size_t c = 0; c < 3; ++c) EXPECT_EQ(back.pixels[i * 3 + c], picture.pixels[i]);
}

TEST_F(ImageFiles, JpegIsCloseAndSmallerAtLowQuality) {
  const Image picture = gradient(24, 24);
  const auto fine = encode(picture, {.format = Format::kJpeg, .quality = 95});
  const auto coarse = encode(picture, {.format = Format::kJpeg, .quality = 10});
  EXPECT_LT(coarse.size(), fine.size());
  const Image back = decode(fine, "memory");
  // A smooth gradient at quality 95: chroma subsampling and quantisation stay within 16 of 255.
  for (std::size_t i = 0; i < picture.pixels.size(); ++i)
    EXPECT_NEAR(back.pixels[i], picture.pixels[i], 16);
}

TEST_F(ImageFiles, WritesAndReadsByEnding) {
  const Image picture = gradient(6, 4);
  write(folder / "a.PNG", picture);
  write(folder / "b.jpg", picture);
  EXPECT_EQ(read(folder / "a.PNG").pixels, picture.pixels);
  EXPECT_EQ(read(folder / "b.jpg").width, 6);
  EXPECT_FALSE(fs::exists(folder / "a.PNG.part"));
  EXPECT_NE(error_of([&] {
              write(folder / "a.gif", picture);
            }).find("must end in .png, .jpg, .jpeg or .pgm"),
            std::string::npos);
}

TEST_F(ImageFiles, OneSentencePerError) {
  EXPECT_EQ(error_of([] { (void)encode({.width = 0, .height = 2, .channels = 3, .pixels = {}}); }),
            "an image must be 1..65535 pixels wide and high, got 0x2 (encode)");
  EXPECT_EQ(error_of([] {
              (void)encode({.width = 1, .height = 1, .channels = 2, .pixels = {0, 0}});
            }),
            "an image must have 1 or 3 channels, got 2 (encode)");
  EXPECT_EQ(error_of([] {
              (void)encode({.width = 2, .height = 1, .channels = 3, .pixels = {0, 0}});
            }),
            "an image of 2x1x3 must have 6 bytes, got 2 (encode)");
  EXPECT_EQ(error_of([] { (void)encode(gradient(2, 2), {.format = Format::kJpeg, .quality = 0}); }),
            "JPEG quality must be in 1..100, got 0 (encode)");
  EXPECT_EQ(error_of([] { (void)decode({}, "x.png"); }),
            "x.png: must be a PNG, JPEG or PGM file, got an empty file");
  const std::vector<std::uint8_t> text = {'h', 'e', 'l', 'l', 'o'};
  EXPECT_EQ(error_of([&] { (void)decode(text, "x.png"); }),
            "x.png: must be a PNG, JPEG or PGM file, got something else");
  EXPECT_EQ(error_of([&] { (void)read(folder / "none.png"); }),
            "cannot read '" + (folder / "none.png").string() + "': No such file or directory");
  EXPECT_EQ(error_of([&] { (void)read(folder); }),
            "cannot read '" + folder.string() + "': Is a directory");
  EXPECT_EQ(error_of([&] { write(folder / "no" / "a.png", gradient(1, 1)); }),
            "cannot write '" + (folder / "no" / "a.png").string() + "': No such file or directory");
}

TEST_F(ImageFiles, EveryCutShortFileIsRefused) {
  for (const Format format : {Format::kPng, Format::kJpeg}) {
    const auto file = encode(gradient(8, 8), {.format = format});
    for (std::size_t size = 8; size + 2 < file.size(); size += 7) {
      EXPECT_THROW((void)decode(std::span(file).first(size), "cut"), Error) << size;
    }
  }
}

TEST_F(ImageFiles, AnAbsurdHeaderIsRefusedBeforeMemoryIsTaken) {
  auto file = encode(gradient(2, 2));
  for (std::size_t i = 16; i < 24; ++i) file[i] = 0x7f;
  EXPECT_NE(error_of([&] { (void)decode(file, "big.png"); }).find("claims more than"),
            std::string::npos);
}

}  // namespace files_test
}  // namespace clew::image
