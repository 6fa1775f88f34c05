// SPDX-License-Identifier: Apache-2.0
#include "clew/image/files.h"

#include <algorithm>
#include <cctype>
#include <opencv2/imgcodecs.hpp>
#include <opencv2/imgproc.hpp>

#include "clew/core/error.h"
#include "clew/core/files.h"
#include "clew/image/headers.h"
#include "clew/image/jpeg.h"
#include "clew/image/mat.h"
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

cv::Mat imdecode(std::span<const std::uint8_t> file, int flags, const std::string& name) {
  cv::Mat picture;
  try {
    const cv::Mat bytes(1, static_cast<int>(file.size()), CV_8UC1,
                        const_cast<std::uint8_t*>(file.data()));
    picture = cv::imdecode(bytes, flags);
  } catch (const cv::Exception& error) {
    throw Error(concat(name, ": cannot decode the image: ", error.err));
  }
  CLEW_CHECK(!picture.empty(), name,
             ": the image is damaged, or of a form that this OpenCV does not read");
  return picture;
}

/// `picture` as BGRA, u8, where it has transparent parts; else empty.
cv::Mat with_alpha(const cv::Mat& picture, const PlainPng& png, FileKind kind) {
  cv::Mat bgra;
  if (picture.channels() == 4 && picture.depth() == CV_16U) {
    picture.convertTo(bgra, CV_8U, 1.0 / 257);
  } else if (picture.channels() == 4 && picture.depth() == CV_8U) {
    bgra = picture;
  } else if (picture.channels() == 1 && png.clear_grey) {
    const int scale = png.depth < 8 ? 255 / ((1 << png.depth) - 1) : 1;  // as OpenCV spreads greys
    cv::Mat grey, opaque = picture != *png.clear_grey * scale;
    picture.convertTo(grey, CV_8U, picture.depth() == CV_16U ? 1.0 / 257 : 1.0);
    cv::merge(std::vector<cv::Mat>{grey, grey, grey, opaque}, bgra);
  } else {
    return {};
  }
  // A BMP whose fourth byte is 0 everywhere does not use it.
  cv::Mat alpha;
  cv::extractChannel(bgra, alpha, 3);
  const bool is_unused = kind == FileKind::kBmp && cv::countNonZero(alpha) == 0;
  return is_unused ? cv::Mat() : bgra;
}

/// BGRA, u8, on its background -> RGB. TIFF's readers give colours times their opacity.
Image composited(const cv::Mat& bgra, Background background, bool is_multiplied) {
  constexpr int kOpaque = 255;
  Image picture = blank(bgra.cols, bgra.rows);
  if (background == Background::kAuto) {
    std::uint64_t light = 0, opacity = 0;  // light in thousandths
    for (auto at = bgra.begin<cv::Vec4b>(); at != bgra.end<cv::Vec4b>(); ++at) {
      const cv::Vec4b& p = *at;
      const std::uint64_t grey = 114U * p[0] + 587U * p[1] + 299U * p[2];
      light += is_multiplied ? grey * kOpaque : grey * p[3];
      opacity += p[3];
    }
    const bool is_dark = 2 * light < 1000 * kOpaque * opacity || opacity == 0;
    background = is_dark ? Background::kWhite : Background::kBlack;
  }
  const int ground = background == Background::kWhite ? kOpaque : 0;
  auto* to = picture.pixels.data();
  for (auto at = bgra.begin<cv::Vec4b>(); at != bgra.end<cv::Vec4b>(); ++at) {
    const cv::Vec4b& p = *at;
    for (int c = 2; c >= 0; --c) {
      const int own = is_multiplied ? p[c] * kOpaque : p[c] * p[3];
      const int sum = (own + ground * (kOpaque - p[3]) + kOpaque / 2) / kOpaque;
      *to++ = static_cast<std::uint8_t>(std::min(sum, kOpaque));
    }
  }
  return picture;
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

bool has_picture_ending(const std::filesystem::path& path) {
  constexpr const char* kEndings[] = {".png", ".jpg", ".jpeg", ".jpe", ".jfif", ".pgm",
                                      ".ppm", ".pnm", ".bmp",  ".tif", ".tiff", ".webp"};
  return std::ranges::count(kEndings, ending(path)) != 0;
}

Background background_of(const std::string& name) {
  const auto found = std::ranges::find(kBackgrounds, name);
  CLEW_CHECK(found != kBackgrounds.end(), "a background must be auto, white or black, got '", name,
             "'");
  return static_cast<Background>(found - kBackgrounds.begin());
}

Image decode(std::span<const std::uint8_t> file, const std::string& name, Background background) {
  const FileKind kind = kind_of(file);
  CLEW_CHECK(kind != FileKind::kOther, name,
             ": must be a PNG, JPEG, PGM, PPM, BMP, TIFF or WebP file, got ",
             file.empty() ? "an empty file" : "something else");
  if (kind == FileKind::kPnm) return to_rgb(parse_pgm(file, name));
  PlainPng png;
  std::vector<std::uint8_t> completed;
  bool may_have_alpha = kind != FileKind::kJpeg;
  if (kind == FileKind::kPng) {
    png = check_png(file, name);
    file = png.file;
    may_have_alpha = png.has_alpha || png.clear_grey;
  } else if (kind == FileKind::kJpeg && !check_jpeg(file, name)) {
    completed.assign(file.begin(), file.end());
    completed.insert(completed.end(), {0xff, 0xd9});  // the end marker
    CLEW_CHECK(jpeg_has_all_data(completed), name, ": the image is cut short (", file.size(),
               " bytes)");
    file = completed;
  } else if (kind == FileKind::kBmp) {
    check_bmp(file, name);
  } else if (kind == FileKind::kTiff) {
    check_tiff(file, name);
  } else if (kind == FileKind::kWebp) {
    check_webp(file, name);
  }
  if (may_have_alpha) {
    const auto clear = with_alpha(imdecode(file, cv::IMREAD_UNCHANGED, name), png, kind);
    if (!clear.empty()) return composited(clear, background, kind == FileKind::kTiff);
  }
  const cv::Mat bgr = imdecode(file, cv::IMREAD_COLOR, name);
  Image picture = blank(bgr.cols, bgr.rows);
  cv::Mat rgb = view(picture);
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

Image read(const std::filesystem::path& path, Background background) {
  const std::string bytes = read_file(path, kLongestFile);
  return decode({reinterpret_cast<const std::uint8_t*>(bytes.data()), bytes.size()}, path.string(),
                background);
}

}  // namespace clew::image
