// SPDX-License-Identifier: Apache-2.0
#include "clew/image/pgm.h"

#include <gtest/gtest.h>

#include "clew/core/error.h"
#include "clew/image/files.h"
#include "tests/support/expect_error.h"

namespace clew::image {
namespace pgm_test {

using Bytes = std::vector<std::uint8_t>;

Bytes bytes(const std::string& text) { return {text.begin(), text.end()}; }

std::string error_of(const Bytes& file) {
  return clew::error_of([&] { (void)parse_pgm(file, "x"); });
}

TEST(Pgm, ReadsBothKindsWithComments) {
  const Image text =
      parse_pgm(bytes("P2\n# made by hand\n3 2 # wide, high\n10\n0 5 10\n1 2 3\n"), "x");
  EXPECT_EQ(text.width, 3);
  EXPECT_EQ(text.height, 2);
  EXPECT_EQ(text.channels, 1);
  EXPECT_EQ(text.pixels, (Bytes{0, 128, 255, 26, 51, 77}));
  EXPECT_EQ(parse_pgm(bytes("P5 2 1 255\nAz"), "x").pixels, (Bytes{'A', 'z'}));
  // A pixel that looks like a space or a comment is a pixel.
  EXPECT_EQ(parse_pgm(bytes("P5 2 1 255\n #"), "x").pixels, (Bytes{' ', '#'}));
}

TEST(Pgm, ColoursAreThreeNumbers) {
  const Image text = parse_pgm(bytes("P3 2 1 10\n0 5 10  10 0 5"), "x");
  EXPECT_EQ(text.channels, 3);
  EXPECT_EQ(text.pixels, (Bytes{0, 128, 255, 255, 0, 128}));
  EXPECT_EQ(parse_pgm(bytes("P6 1 2 255\nabcdef"), "x").pixels,
            (Bytes{'a', 'b', 'c', 'd', 'e', 'f'}));
  EXPECT_EQ(error_of(bytes("P6 1 2 255\nabcde")), "x: 1x2 pixels take 6 bytes, the file has 5");
  EXPECT_EQ(error_of(bytes("P6 1 1 9\n\1\2a")), "x: number 2 must be in 0..9, got 97");
}

TEST(Pgm, TwoBytesAreBigEndian) {
  Bytes file = bytes("P5\n2 1\n65535\n");
  for (const int byte : {0xff, 0xff, 0x80, 0x00}) file.push_back(static_cast<std::uint8_t>(byte));
  EXPECT_EQ(parse_pgm(file, "x").pixels, (Bytes{255, 128}));
}

TEST(Pgm, WhatIsWrittenComesBack) {
  const Image picture{.width = 3, .height = 2, .channels = 1, .pixels = {0, 1, 2, 253, 254, 255}};
  EXPECT_EQ(format_pgm(picture), encode(picture, {.format = Format::kPgm}));
  EXPECT_EQ(parse_pgm(format_pgm(picture), "x").pixels, picture.pixels);
  EXPECT_EQ(to_grey(decode(format_pgm(picture), "x")).pixels, picture.pixels);
  EXPECT_THROW((void)format_pgm(blank(2, 2, 3)), Error);
}

TEST(Pgm, OneSentencePerError) {
  EXPECT_EQ(error_of(bytes("P4 1 1\nabc")),
            "x: a PGM file begins with P2 or P5, a PPM file with P3 or P6");
  EXPECT_EQ(error_of(bytes("P5")), "x: the file ends before its width");
  EXPECT_EQ(error_of(bytes("P5 # only a comment")), "x: the file ends before its width");
  EXPECT_EQ(error_of(bytes("P5 a")), "x: byte 3 must be a digit of the width, got code 97");
  EXPECT_EQ(error_of(bytes("P5 0 1 255\n")), "x: the width must be in 1..65535, got 0");
  EXPECT_EQ(error_of(bytes("P5 99999999999 1 255\n")),
            "x: the width must be in 1..65535, got 9999999999");
  EXPECT_EQ(error_of(bytes("P5 1 1 65536\n")),
            "x: the largest value must be in 1..65535, got 65536");
  EXPECT_EQ(error_of(bytes("P5 1 1 255")), "x: one space or newline must follow the header");
  EXPECT_EQ(error_of(bytes("P5 2 2 255\nabc")), "x: 2x2 pixels take 4 bytes, the file has 3");
  EXPECT_EQ(error_of(bytes("P5 65535 65535 255\nabc")),
            "x: 65535x65535 pixels take 4294836225 bytes, the file has 3");
  EXPECT_EQ(error_of(bytes("P5 1 1 9\nA")), "x: pixel 0 must be in 0..9, got 65");
  EXPECT_EQ(error_of(bytes("P2 2 1 9\n1 10")), "x: the pixel must be in 0..9, got 10");
  EXPECT_EQ(error_of(bytes("P2 3 1 9\n1 9        ")), "x: the file ends before its pixel");
}

}  // namespace pgm_test
}  // namespace clew::image
