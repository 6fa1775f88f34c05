// SPDX-License-Identifier: Apache-2.0
#include "clew/image/files.h"

#include <gtest/gtest.h>

#include <cstddef>
#include <cstdlib>
#include <fstream>
#include <opencv2/imgcodecs.hpp>
#include <span>
#include <string_view>

#include "clew/core/error.h"
#include "clew/core/files.h"
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
            "x.png: must be a PNG, JPEG, PGM, PPM, BMP, TIFF or WebP file, got an empty file");
  const std::vector<std::uint8_t> text = {'h', 'e', 'l', 'l', 'o'};
  EXPECT_EQ(error_of([&] { (void)decode(text, "x.png"); }),
            "x.png: must be a PNG, JPEG, PGM, PPM, BMP, TIFF or WebP file, got something else");
  EXPECT_EQ(error_of([&] { (void)read(folder / "none.png"); }),
            "cannot read '" + (folder / "none.png").string() + "': No such file or directory");
  EXPECT_EQ(error_of([&] { (void)read(folder); }),
            "cannot read '" + folder.string() + "': Is a directory");
  EXPECT_EQ(error_of([&] { write(folder / "no" / "a.png", gradient(1, 1)); }),
            "cannot write '" + (folder / "no" / "a.png").string() + "': No such file or directory");
}

using Bytes = std::vector<std::uint8_t>;

/// `bgr` as encoded by OpenCV in the format of an extension.
Bytes file_of(const std::string& ending, const cv::Mat& bgr, const std::vector<int>& options = {}) {
  Bytes file;
  EXPECT_TRUE(cv::imencode(ending, bgr, file, options));
  return file;
}
cv::Mat bgr_of(const Image& picture) {
  cv::Mat bgr(picture.height, picture.width, CV_8UC3);
  for (std::size_t i = 0; i < picture.pixels.size(); ++i)
    bgr.data[i / 3 * 3 + 2 - i % 3] = picture.pixels[i];
  return bgr;
}

void append_little(Bytes& file, std::uint32_t value, int count) {
  for (int i = 0; i < count; ++i) file.push_back(static_cast<std::uint8_t>(value >> 8 * i));
}
/// A BMP of one row whose header (BITMAPV4HEADER) has a mask for the alpha of its BGRA.
Bytes bmp_with_alpha(const cv::Mat& bgra) {
  Bytes file = {'B', 'M'};
  const auto bytes = static_cast<std::uint32_t>(4 * bgra.cols);
  for (const std::uint32_t value : {122 + bytes, 0U, 122U, 108U, bytes / 4, 1U, 1U | 32U << 16, 3U,
                                    bytes, 0U, 0U, 0U, 0U, 0xff0000U, 0xff00U, 0xffU, 0xff000000U})
    append_little(file, value, 4);
  file.resize(122);
  file.insert(file.end(), bgra.data, bgra.data + bytes);
  return file;
}
/// A TIFF of one row whose fourth channel is alpha that is not multiplied into the others.
Bytes tiff_with_alpha(const cv::Mat& bgra) {
  Bytes file = {'I', 'I', '*', 0};
  const auto bytes = static_cast<std::uint32_t>(4 * bgra.cols);
  append_little(file, 8 + bytes, 4);
  for (std::uint32_t i = 0; i < bytes; ++i)
    file.push_back(bgra.data[i % 4 == 3 ? i : i / 4 * 4 + 2 - i % 4]);
  constexpr int kEntries = 10;
  append_little(file, kEntries, 2);
  const auto entry = [&](std::uint32_t tag, std::uint32_t type, std::uint32_t count,
                         std::uint32_t value) {
    append_little(file, tag, 2), append_little(file, type, 2);
    append_little(file, count, 4), append_little(file, value, 4);
  };
  entry(256, 4, 1, bytes / 4), entry(257, 4, 1, 1);
  entry(258, 3, 4, 8 + bytes + 2 + 12 * kEntries + 4);  // bits of each sample, at the end
  entry(259, 3, 1, 1), entry(262, 3, 1, 2), entry(273, 4, 1, 8), entry(277, 3, 1, 4);
  entry(278, 4, 1, 1), entry(279, 4, 1, bytes), entry(338, 3, 1, 2);
  append_little(file, 0, 4);
  for (int i = 0; i < 4; ++i) append_little(file, 8, 2);
  return file;
}

/// A chunk of a PNG.
Bytes chunk_of(const std::string& kind, const Bytes& content) {
  Bytes chunk = {0, 0, 0, static_cast<std::uint8_t>(content.size())};
  for (const char letter : kind) chunk.push_back(static_cast<std::uint8_t>(letter));
  chunk.insert(chunk.end(), content.begin(), content.end());
  std::uint32_t crc = ~0U;
  for (std::size_t i = 4; i < chunk.size(); ++i) {
    crc ^= chunk[i];
    for (int bit = 0; bit < 8; ++bit) crc = crc >> 1 ^ ((crc & 1) != 0 ? 0xedb88320U : 0);
  }
  for (int shift = 24; shift >= 0; shift -= 8)
    chunk.push_back(static_cast<std::uint8_t>(~crc >> shift));
  return chunk;
}
/// `file` with a chunk behind its header.
Bytes with_chunk(Bytes file, const std::string& kind, const Bytes& content) {
  const Bytes chunk = chunk_of(kind, content);
  file.insert(file.begin() + 33, chunk.begin(), chunk.end());
  return file;
}

/// Output of OpenCV's libraries during `call`.
std::string printed(const std::function<void()>& call) {
  testing::internal::CaptureStderr();
  call();
  return testing::internal::GetCapturedStderr();
}

TEST_F(ImageFiles, EveryCutShortFileIsRefused) {
  const cv::Mat bgr = bgr_of(gradient(8, 8));
  for (const char* ending : {".png", ".jpg", ".bmp", ".tiff", ".webp", ".ppm"}) {
    const Bytes file = file_of(ending, bgr);
    EXPECT_EQ(printed([&] {
                for (std::size_t size = 8; size + 2 < file.size(); size += 7) {
                  EXPECT_THROW((void)decode(std::span(file).first(size), "cut"), Error)
                      << ending << size;
                }
              }),
              "")
        << ending;
  }
}

TEST_F(ImageFiles, ReadsWhatOpenCvReads) {
  const Image picture = gradient(9, 5);
  const cv::Mat bgr = bgr_of(picture);
  for (const char* ending : {".bmp", ".tiff", ".ppm", ".webp"}) {
    const auto file = file_of(ending, bgr, {cv::IMWRITE_WEBP_QUALITY, 101});  // without loss
    const Image back = decode(file, ending);
    EXPECT_EQ(back.width, 9) << ending;
    EXPECT_EQ(back.pixels, picture.pixels) << ending;
    EXPECT_TRUE(has_picture_ending(folder / ("a" + std::string(ending)))) << ending;
  }
  EXPECT_TRUE(has_picture_ending("A.JPG"));
  EXPECT_FALSE(has_picture_ending("a.gif"));
  // Sides that no picture has, before memory is taken.
  auto bmp = file_of(".bmp", bgr), tiff = file_of(".tiff", bgr);
  for (const std::size_t at : {20, 24}) bmp[at] = 1;
  EXPECT_EQ(error_of([&] { (void)decode(bmp, "x"); }),
            "x: the image claims more than 268435456 pixels");
  EXPECT_EQ(error_of([&] { (void)decode(std::span(tiff).first(9), "x"); }),
            "x: the image is cut short (9 bytes)");
}

TEST_F(ImageFiles, TransparentPicturesHaveAGround) {
  const auto grounds = [](const Bytes& file) {
    std::vector<Bytes> pixels;
    for (const auto& row : names(Background{}))
      pixels.push_back(decode(file, "x", row.value).pixels);
    return pixels;
  };
  // Ink and nothing; a half of it.
  const auto inked = [](int ink, int half) {
    const auto at = [ink](int alpha) {
      const auto byte = static_cast<std::uint8_t>(ink);
      return cv::Vec4b(byte, byte, byte, static_cast<std::uint8_t>(alpha));
    };
    cv::Mat_<cv::Vec4b> row(1, 3);
    row << at(255), cv::Vec4b(0, 0, 0, 0), at(half);
    return cv::Mat(row);
  };
  const auto greys = [](const std::vector<std::uint8_t>& values) {
    Bytes pixels;
    for (const auto value : values) pixels.insert(pixels.end(), 3, value);
    return pixels;
  };
  const std::vector<int> lossless = {cv::IMWRITE_WEBP_QUALITY, 101};
  for (const auto& [dark, light] :
       {std::pair(file_of(".png", inked(0, 51)), file_of(".png", inked(255, 51))),
        {file_of(".webp", inked(0, 51), lossless), file_of(".webp", inked(255, 51), lossless)},
        {tiff_with_alpha(inked(0, 51)), tiff_with_alpha(inked(255, 51))},
        {bmp_with_alpha(inked(0, 51)), bmp_with_alpha(inked(255, 51))}}) {
    EXPECT_EQ(grounds(dark),
              (std::vector<Bytes>{greys({0, 255, 204}), greys({0, 255, 204}), greys({0, 0, 0})}));
    EXPECT_EQ(grounds(light), (std::vector<Bytes>{greys({255, 0, 51}), greys({255, 255, 255}),
                                                  greys({255, 0, 51})}));
  }
  // (200 * 51 + 255 * 204) / 255 = 244
  EXPECT_EQ(decode(file_of(".png", inked(200, 51)), "x", Background::kWhite).pixels,
            greys({200, 255, 244}));
  cv::Mat deep;
  inked(0, 51).convertTo(deep, CV_16U, 257);
  EXPECT_EQ(decode(file_of(".png", deep), "x").pixels, greys({0, 255, 204}));
  // A palette, made by Python's zlib and struct: black, a clear colour, red.
  const Bytes palette = {
      0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a, 0x00, 0x00, 0x00, 0x0d, 0x49, 0x48, 0x44,
      0x52, 0x00, 0x00, 0x00, 0x03, 0x00, 0x00, 0x00, 0x01, 0x02, 0x03, 0x00, 0x00, 0x00, 0x66,
      0x8e, 0xfc, 0x27, 0x00, 0x00, 0x00, 0x09, 0x50, 0x4c, 0x54, 0x45, 0x00, 0x00, 0x00, 0x0a,
      0x14, 0x1e, 0xff, 0x00, 0x00, 0xb9, 0xc6, 0xef, 0xa5, 0x00, 0x00, 0x00, 0x02, 0x74, 0x52,
      0x4e, 0x53, 0xff, 0x00, 0xe5, 0xb7, 0x30, 0x4a, 0x00, 0x00, 0x00, 0x0a, 0x49, 0x44, 0x41,
      0x54, 0x78, 0x9c, 0x63, 0x90, 0x00, 0x00, 0x00, 0x1a, 0x00, 0x19, 0x2d, 0x88, 0xf4, 0x36,
      0x00, 0x00, 0x00, 0x00, 0x49, 0x45, 0x4e, 0x44, 0xae, 0x42, 0x60, 0x82};
  EXPECT_EQ(decode(palette, "x").pixels, (Bytes{0, 0, 0, 255, 255, 255, 255, 0, 0}));
  // One grey, and one colour, that means nothing.
  const cv::Mat grey = (cv::Mat_<std::uint8_t>(1, 3) << 0, 255, 0);
  cv::Mat deep_grey;
  grey.convertTo(deep_grey, CV_16U, 257);
  for (const auto& file :
       {with_chunk(file_of(".png", grey), "tRNS", {0, 255}),
        with_chunk(file_of(".png", grey, {cv::IMWRITE_PNG_BILEVEL, 1}), "tRNS", {0, 1}),
        with_chunk(file_of(".png", deep_grey), "tRNS", {255, 255})})
    EXPECT_EQ(grounds(file),
              (std::vector<Bytes>{greys({0, 255, 0}), greys({0, 255, 0}), greys({0, 0, 0})}));
  const cv::Mat blue = (cv::Mat_<cv::Vec3b>(1, 2) << cv::Vec3b(255, 0, 0), cv::Vec3b(9, 9, 9));
  EXPECT_EQ(decode(with_chunk(file_of(".png", blue), "tRNS", {0, 0, 0, 0, 0, 255}), "x").pixels,
            (Bytes{255, 255, 255, 9, 9, 9}));
  // A BMP whose fourth bytes are all 0, or mean nothing.
  cv::Mat unused = inked(7, 0);
  for (int x = 0; x < 3; ++x) unused.at<cv::Vec4b>(0, x)[3] = 0;
  EXPECT_EQ(decode(bmp_with_alpha(unused), "x").pixels, greys({7, 0, 7}));
  EXPECT_EQ(decode(file_of(".bmp", inked(7, 51)), "x").pixels, greys({7, 0, 7}));
}

TEST_F(ImageFiles, OpinionsOfLibpngAreNotPrinted) {
  const Image picture = gradient(5, 5);
  const Bytes plain = encode(picture);
  for (const auto& file :
       {with_chunk(plain, "iCCP", {'x', 0, 0, 1, 2, 3}), with_chunk(plain, "gAMA", {1}),
        with_chunk(plain, "tRNS", {1}), with_chunk(plain, "sRGB", {9}),
        with_chunk(plain, "PLTE", {1, 2}), with_chunk(plain, "cHRM", Bytes(32, 255)),
        with_chunk(plain, "pHYs", {0}), with_chunk(with_chunk(plain, "tIME", {0}), "eXIf", {0})}) {
    EXPECT_EQ(printed([&] { EXPECT_EQ(decode(file, "x").pixels, picture.pixels); }), "");
  }
  // Headers and data that libpng would print errors about.
  Bytes head = plain;
  const Bytes wrong = chunk_of("IHDR", {0, 0, 0, 5, 0, 0, 0, 5, 7, 2, 0, 0, 0});
  std::copy(wrong.begin(), wrong.end(), head.begin() + 8);
  Bytes empty(plain.begin(), plain.begin() + 33);
  const Bytes end = chunk_of("IEND", {});
  empty.insert(empty.end(), end.begin(), end.end());
  EXPECT_EQ(printed([&] {
              EXPECT_EQ(error_of([&] { (void)decode(head, "x"); }),
                        "x: the PNG is damaged: its header says what no PNG can be");
              EXPECT_EQ(error_of([&] { (void)decode(empty, "x"); }),
                        "x: the PNG is damaged: it has no pixels");
            }),
            "");
}

TEST_F(ImageFiles, OpinionsOfLibpngOfItsDataAreOurs) {
  // Checksums and lengths are right, what is compressed is not.
  const Bytes plain = encode(gradient(5, 5));
  Bytes broken(plain.begin(), plain.begin() + 33);
  const Bytes data = chunk_of("IDAT", {0x78, 0x9c, 1, 2, 3, 4, 5, 6, 7, 8}),
              end = chunk_of("IEND", {});
  broken.insert(broken.end(), data.begin(), data.end());
  broken.insert(broken.end(), end.begin(), end.end());
  EXPECT_EQ(printed([&] {
              const auto error = error_of([&] { (void)decode(broken, "x"); });
              EXPECT_TRUE(error.starts_with("x: the image is damaged: ")) << error;
            }),
            "");
}

TEST_F(ImageFiles, PngsAreTurnedAsExifSays) {
  // Two pixels, red left of blue; EXIF in either order of bytes.
  Image picture = blank(2, 1);
  picture.pixels = {255, 0, 0, 0, 0, 255};
  const auto turned = [&](int orientation, bool is_little) {
    const auto o = static_cast<std::uint8_t>(orientation);
    const Bytes exif =
        is_little
            ? Bytes{'I', 'I', '*', 0, 8, 0, 0, 0, 1, 0, 0x12, 1, 3, 0, 1, 0, 0, 0, o, 0, 0, 0}
            : Bytes{'M', 'M', 0, '*', 0, 0, 0, 8, 0, 1, 1, 0x12, 0, 3, 0, 0, 0, 1, 0, o, 0, 0};
    const auto file = with_chunk(encode(picture), "eXIf", exif);
    write_file_atomic(folder / "x.png", std::as_bytes(std::span(file)));
    const auto sides = read_sides(folder / "x.png");
    const auto now = decode(file, "x");
    EXPECT_EQ(sides.width, now.width);
    EXPECT_EQ(sides.height, now.height);
    EXPECT_EQ(decode(file, "x", Background::kAuto, Orientation::kStored).width, 2);
    return now;
  };
  for (const bool is_little : {false, true}) {
    for (int orientation = 0; orientation <= 9; ++orientation) {
      const auto now = turned(orientation, is_little);
      const bool is_upright = orientation < 5 || orientation > 8;
      EXPECT_EQ(now.width, is_upright ? 2 : 1) << orientation;
      EXPECT_EQ(now.height, is_upright ? 1 : 2) << orientation;
      // The first pixel is red but where a half turn or a mirror brought blue there.
      const bool is_blue_first =
          orientation == 2 || orientation == 3 || orientation == 7 || orientation == 8;
      EXPECT_EQ(now.pixels[0], is_blue_first ? 0 : 255) << orientation;
    }
  }
}

TEST_F(ImageFiles, SidesAreReadFromTheHeader) {
  auto jpeg = encode(blank(70, 30), {.format = Format::kJpeg});
  jpeg.resize(jpeg.size() - 40);  // damage behind it is not found
  write_file_atomic(folder / "a.jpg", std::as_bytes(std::span(jpeg)));
  EXPECT_EQ(read_sides(folder / "a.jpg").width, 70);
  EXPECT_EQ(read_sides(folder / "a.jpg").height, 30);
  write(folder / "a.pgm", to_grey(blank(5, 3)));  // read as a whole
  EXPECT_EQ(read_sides(folder / "a.pgm").height, 3);
  write_file_atomic(folder / "b.png", std::string_view("no picture"));
  expect_error([&] { (void)read_sides(folder / "b.png"); },
               (folder / "b.png").string() +
                   ": must be a PNG, JPEG, PGM, PPM, BMP, TIFF or WebP file, got something else");
}

TEST_F(ImageFiles, ValuesAreWhatTheFileStores) {
  // A palette of three colours, as VOC's masks have one: four pixels of 2 bits.
  const auto png = [&](int depth, int colour, const Bytes& palette, const Bytes& rows, int width) {
    Bytes file = {0x89, 'P', 'N', 'G', '\r', '\n', 0x1a, '\n'};
    const auto add = [&](const char* kind, const Bytes& data) {
      const Bytes chunk = chunk_of(kind, data);
      file.insert(file.end(), chunk.begin(), chunk.end());
    };
    add("IHDR", {0, 0, 0, static_cast<std::uint8_t>(width), 0, 0, 0, 1,
                 static_cast<std::uint8_t>(depth), static_cast<std::uint8_t>(colour), 0, 0, 0});
    if (!palette.empty()) add("PLTE", palette);
    // zlib: one stored block.
    const auto size = static_cast<std::uint8_t>(rows.size());
    Bytes data = {0x78, 1, 1, size, 0, static_cast<std::uint8_t>(~size), 255};
    data.insert(data.end(), rows.begin(), rows.end());
    std::uint32_t a = 1, b = 0;
    for (const auto byte : rows) a = (a + byte) % 65521, b = (b + a) % 65521;
    for (const auto part : {b >> 8, b, a >> 8, a}) data.push_back(static_cast<std::uint8_t>(part));
    add("IDAT", data);
    add("IEND", {});
    return file;
  };
  using Numbers = std::vector<std::uint16_t>;
  const Bytes palette = {0, 0, 0, 255, 0, 0, 9, 9, 9};
  const auto mask = png(2, 3, palette, {0, 0b00'01'10'01}, 4);
  EXPECT_EQ(decode_values(mask, "x").values, (Numbers{0, 1, 2, 1}));
  EXPECT_EQ(decode(mask, "x").pixels, (Bytes{0, 0, 0, 255, 0, 0, 9, 9, 9, 255, 0, 0}));
  EXPECT_EQ(decode_values(png(16, 0, {}, {0, 1, 2, 255, 254}, 2), "x").values,
            (Numbers{258, 65534}));
  EXPECT_EQ(decode_values(png(4, 0, {}, {0, 0x3f}, 2), "x").values, (Numbers{3, 15}));
  const cv::Mat deep = (cv::Mat_<std::uint16_t>(1, 2) << 7, 40000);
  for (const char* kind : {".png", ".tiff"})
    EXPECT_EQ(decode_values(file_of(kind, deep), "x").values, (Numbers{7, 40000})) << kind;
  const auto values = decode_values(file_of(".bmp", (cv::Mat_<std::uint8_t>(2, 1) << 7, 200)), "x");
  EXPECT_EQ(values.height, 2);
  EXPECT_EQ(values.values, (Numbers{7, 200}));
  EXPECT_EQ(
      error_of([&] { (void)decode_values(encode(gradient(2, 2)), "x"); }),
      "x: must have one value a pixel, a palette's index or a grey, got 3 channels; a mask of "
      "colours is to be saved with a palette that has each class at its number");
  EXPECT_EQ(error_of([&] { (void)decode_values(file_of(".jpg", bgr_of(gradient(9, 9))), "x"); }),
            "x: values of pixels must be in a PNG, BMP or TIFF file, which keep them");
}

TEST_F(ImageFiles, AJpegWithoutAnEndMarkerIsAPicture) {
  const cv::Mat bgr = bgr_of(gradient(40, 24));
  for (const std::vector<int>& options : {std::vector<int>{},
                                          {cv::IMWRITE_JPEG_PROGRESSIVE, 1},
                                          {cv::IMWRITE_JPEG_RST_INTERVAL, 2}}) {
    const Bytes whole = file_of(".jpg", bgr, options);
    const auto wanted = decode(whole, "whole").pixels;
    const auto cut = [&](std::size_t bytes) {
      return std::span(whole).first(whole.size() - bytes);
    };
    EXPECT_EQ(printed([&] {
                EXPECT_EQ(decode(cut(1), "x").pixels, wanted);
                EXPECT_EQ(decode(cut(2), "x").pixels, wanted);
                for (std::size_t bytes = 3; bytes + 20 < whole.size(); ++bytes) {
                  EXPECT_EQ(error_of([&] { (void)decode(cut(bytes), "x"); }),
                            concat("x: the image is cut short (", whole.size() - bytes, " bytes)"));
                }
              }),
              "");
  }
}

TEST_F(ImageFiles, AnAbsurdHeaderIsRefusedBeforeMemoryIsTaken) {
  auto file = encode(gradient(2, 2));
  for (std::size_t i = 16; i < 24; ++i) file[i] = 0x7f;
  EXPECT_NE(error_of([&] { (void)decode(file, "big.png"); }).find("claims more than"),
            std::string::npos);
}

TEST(Values, ArePngFilesWithAPalette) {
  const Values values{.width = 3, .height = 2, .values = {0, 1, 2, 2, 255, 0}};
  std::vector<Colour> palette(256);
  palette[1] = {10, 20, 30};
  palette[255] = {255, 254, 253};
  const auto file = encode_values(values, palette);
  const auto again = decode_values(file, "f.png");
  EXPECT_EQ(again.width, 3);
  EXPECT_EQ(again.height, 2);
  EXPECT_EQ(again.values, values.values);
  const auto picture = decode(file, "f.png");
  EXPECT_EQ(std::vector<std::uint8_t>(picture.pixels.begin() + 3, picture.pixels.begin() + 6),
            (std::vector<std::uint8_t>{10, 20, 30}));
  EXPECT_EQ(picture.pixels[12], 255);
  EXPECT_EQ(picture.pixels[14], 253);
  const auto error = [&](Values wrong, std::size_t colours) {
    return error_of(
        [&] { (void)encode_values(wrong, std::span<const Colour>(palette).first(colours)); });
  };
  EXPECT_EQ(error(values, 2), "a value must be below the 2 colours of its palette, got 2");
  EXPECT_EQ(error(values, 0), "a palette must have 1..256 colours, got 0");
  EXPECT_EQ(error({.width = 3, .height = 3, .values = values.values}, 256),
            "values must be as many as their sides say, got 6 for 3x3");
}

}  // namespace files_test
}  // namespace clew::image
