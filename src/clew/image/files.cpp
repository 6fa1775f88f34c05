// SPDX-License-Identifier: Apache-2.0
#include "clew/image/files.h"

#include <algorithm>
#include <array>
#include <cctype>
#include <cstring>
#include <opencv2/imgcodecs.hpp>
#include <opencv2/imgproc.hpp>

#include "clew/core/error.h"
#include "clew/core/files.h"
#include "clew/image/pgm.h"

namespace clew::image {
namespace {

constexpr std::uint64_t kLongestFile = std::uint64_t{1} << 30;
constexpr std::int64_t kMaxPixels = std::int64_t{1}
                                    << 28;  // 800 MB of RGB: more is a damaged header

bool starts_with(std::span<const std::uint8_t> file, std::span<const std::uint8_t> magic) {
  return file.size() >= magic.size() && std::equal(magic.begin(), magic.end(), file.begin());
}

std::uint32_t big_endian(std::span<const std::uint8_t> file, std::size_t at) {
  return std::uint32_t{file[at]} << 24 | std::uint32_t{file[at + 1]} << 16 |
         std::uint32_t{file[at + 2]} << 8 | file[at + 3];
}

constexpr std::array<std::uint8_t, 8> kPng = {0x89, 'P', 'N', 'G', '\r', '\n', 0x1a, '\n'};
constexpr std::array<std::uint8_t, 3> kJpeg = {0xff, 0xd8, 0xff};

// libpng and libjpeg print to stderr when a file ends early; the library stays silent, so a file
// that is cut short is refused before they see it.
bool png_is_whole(std::span<const std::uint8_t> file) {
  std::size_t at = kPng.size();
  while (file.size() - at >= 12) {
    const std::size_t length = big_endian(file, at);
    if (file.size() - at - 12 < length) return false;
    if (std::memcmp(file.data() + at + 4, "IEND", 4) == 0) return true;
    at += 12 + length;
  }
  return false;
}

bool jpeg_is_whole(std::span<const std::uint8_t> file) {
  constexpr std::array<std::uint8_t, 2> kEnd = {0xff, 0xd9};
  return std::search(file.rbegin(), file.rend(), kEnd.rbegin(), kEnd.rend()) != file.rend();
}

std::string ending(const std::filesystem::path& path) {
  std::string text = path.extension().string();
  std::transform(text.begin(), text.end(), text.begin(),
                 [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  return text;
}

}  // namespace

std::vector<std::uint8_t> encode(const Image& picture, EncodeOptions options) {
  check(picture, "encode");
  if (options.format == Format::kPgm) return format_pgm(picture);
  CLEW_CHECK(options.quality >= 1 && options.quality <= 100, "JPEG quality must be in 1..100, got ",
             options.quality, " (encode)");
  // OpenCV wants a mutable pointer but only reads.
  const cv::Mat rgb(picture.height, picture.width, picture.channels == 3 ? CV_8UC3 : CV_8UC1,
                    const_cast<std::uint8_t*>(picture.pixels.data()));
  cv::Mat bgr;  // a picture of its own: converting in place would turn the caller's pixels
  if (picture.channels == 3) {
    cv::cvtColor(rgb, bgr, cv::COLOR_RGB2BGR);
  } else {
    bgr = rgb;
  }
  std::vector<std::uint8_t> file;
  const bool is_png = options.format == Format::kPng;
  const std::vector<int> parameters =
      is_png ? std::vector<int>{} : std::vector<int>{cv::IMWRITE_JPEG_QUALITY, options.quality};
  try {
    CLEW_CHECK(cv::imencode(is_png ? ".png" : ".jpg", bgr, file, parameters),
               "cannot encode an image of ", picture.width, "x", picture.height);
  } catch (const cv::Exception& error) {
    throw Error(
        concat("cannot encode an image of ", picture.width, "x", picture.height, ": ", error.err));
  }
  return file;
}

Image decode(std::span<const std::uint8_t> file, const std::string& name) {
  if (is_pgm(file)) return to_rgb(parse_pgm(file, name));
  const bool is_png = starts_with(file, kPng);
  CLEW_CHECK(is_png || starts_with(file, kJpeg), name, ": must be a PNG, JPEG or PGM file, got ",
             file.empty() ? "an empty file" : "something else");
  CLEW_CHECK(is_png ? png_is_whole(file) : jpeg_is_whole(file), name, ": the image is cut short (",
             file.size(), " bytes)");
  if (is_png) {
    CLEW_CHECK(file.size() >= 24 &&
                   std::int64_t{big_endian(file, 16)} * big_endian(file, 20) <= kMaxPixels,
               name, ": the image claims more than ", kMaxPixels, " pixels");
  }
  cv::Mat bgr;
  try {
    const cv::Mat bytes(1, static_cast<int>(file.size()), CV_8UC1,
                        const_cast<std::uint8_t*>(file.data()));
    bgr = cv::imdecode(bytes, cv::IMREAD_COLOR);
  } catch (const cv::Exception& error) {
    throw Error(concat(name, ": cannot decode the image: ", error.err));
  }
  CLEW_CHECK(!bgr.empty(), name, ": the image is damaged");
  Image picture{.width = bgr.cols, .height = bgr.rows, .channels = 3, .pixels = {}};
  picture.pixels.resize(static_cast<std::size_t>(bgr.rows) * static_cast<std::size_t>(bgr.cols) *
                        3);
  cv::Mat rgb(bgr.rows, bgr.cols, CV_8UC3, picture.pixels.data());
  cv::cvtColor(bgr, rgb, cv::COLOR_BGR2RGB);
  return picture;
}

void write(const std::filesystem::path& path, const Image& picture) {
  const std::string kind = ending(path);
  CLEW_CHECK(kind == ".png" || kind == ".jpg" || kind == ".jpeg" || kind == ".pgm", path.string(),
             ": an image file must end in .png, .jpg, .jpeg or .pgm");
  const auto bytes = encode(picture, {.format = kind == ".png"   ? Format::kPng
                                                : kind == ".pgm" ? Format::kPgm
                                                                 : Format::kJpeg});
  write_file_atomic(path, std::as_bytes(std::span(bytes)));
}

Image read(const std::filesystem::path& path) {
  const std::string bytes = read_file(path, kLongestFile);
  return decode({reinterpret_cast<const std::uint8_t*>(bytes.data()), bytes.size()}, path.string());
}

}  // namespace clew::image
