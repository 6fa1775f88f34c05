// SPDX-License-Identifier: Apache-2.0
#include "clew/image/files.h"

#include <algorithm>
#include <cctype>
#include <opencv2/imgcodecs.hpp>
#include <opencv2/imgproc.hpp>

#include "clew/core/error.h"
#include "clew/core/files.h"
#include "clew/image/headers.h"
#include "clew/image/pgm.h"

namespace clew::image {
namespace {

constexpr std::uint64_t kLongestFile = std::uint64_t{1} << 30;

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
  CLEW_CHECK(is_png(file) || is_jpeg(file), name, ": must be a PNG, JPEG or PGM file, got ",
             file.empty() ? "an empty file" : "something else");
  is_png(file) ? check_png(file, name) : check_jpeg(file, name);
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
