// SPDX-License-Identifier: Apache-2.0
#include "clew/image/files.h"

#include <algorithm>
#include <cctype>
#include <fstream>
#include <opencv2/imgcodecs.hpp>
#include <opencv2/imgproc.hpp>
#include <utility>

#include "clew/core/error.h"
#include "clew/core/files.h"
#include "clew/image/headers.h"
#include "clew/image/jpeg.h"
#include "clew/image/mat.h"
#include "clew/image/pgm.h"
#include "clew/image/png.h"

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

/// `picture` as BGRA u8 if it has transparent pixels; else empty.
cv::Mat with_alpha(const cv::Mat& picture, FileKind kind) {
  cv::Mat bgra;
  if (picture.channels() == 4 && picture.depth() == CV_16U) {
    picture.convertTo(bgra, CV_8U, 1.0 / 257);
  } else if (picture.channels() == 4 && picture.depth() == CV_8U) {
    bgra = picture;
  } else {
    return {};
  }
  // A BMP with all fourth bytes 0 has no alpha.
  cv::Mat alpha;
  cv::extractChannel(bgra, alpha, 3);
  const bool is_unused = kind == FileKind::kBmp && cv::countNonZero(alpha) == 0;
  return is_unused ? cv::Mat() : bgra;
}

/// BGRA u8 on its background -> RGB. TIFF has premultiplied alpha.
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
  // OpenCV takes a mutable pointer but only reads.
  const cv::Mat rgb(picture.height, picture.width, picture.channels == 3 ? CV_8UC3 : CV_8UC1,
                    const_cast<std::uint8_t*>(picture.pixels.data()));
  cv::Mat bgr;  // a copy: converting in place would change the caller's pixels
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

namespace {

/// Applies EXIF's `orientation`.
cv::Mat upright(const cv::Mat& picture, int orientation) {
  cv::Mat turned = picture.clone();
  if (orientation == 5 || orientation == 7) cv::transpose(picture, turned);
  if (orientation == 6) cv::rotate(picture, turned, cv::ROTATE_90_CLOCKWISE);
  if (orientation == 8) cv::rotate(picture, turned, cv::ROTATE_90_COUNTERCLOCKWISE);
  if (orientation == 3) cv::rotate(picture, turned, cv::ROTATE_180);
  if (orientation == 7) cv::rotate(turned.clone(), turned, cv::ROTATE_180);
  if (orientation == 2) cv::flip(picture, turned, 1);
  if (orientation == 4) cv::flip(picture, turned, 0);
  return turned;
}

/// A PNG on its background.
Image decode_png(const PlainPng& png, const std::string& name, Background background) {
  auto rgba = decode_png_rgba(png.file, name);
  cv::Mat pixels(rgba.height, rgba.width, CV_8UC4, rgba.pixels.data());
  if (png.orientation != 1) pixels = upright(pixels, png.orientation);
  if (png.has_alpha) {
    cv::Mat bgra;
    cv::cvtColor(pixels, bgra, cv::COLOR_RGBA2BGRA);
    return composited(bgra, background, false);
  }
  Image picture = blank(pixels.cols, pixels.rows);
  cv::Mat rgb = view(picture);
  cv::cvtColor(pixels, rgb, cv::COLOR_RGBA2RGB);
  return picture;
}

/// A truncated file: clew::Error. For a JPEG that lacks only its end marker, `completed` becomes
/// the file with one.
void check_whole(FileKind kind, std::span<const std::uint8_t> file, const std::string& name,
                 std::vector<std::uint8_t>& completed) {
  if (kind == FileKind::kJpeg && !check_jpeg(file, name)) {
    completed.assign(file.begin(), file.end());
    completed.insert(completed.end(), {0xff, 0xd9});  // the end marker
    CLEW_CHECK(jpeg_has_all_data(completed), name, ": the image is cut short (", file.size(),
               " bytes)");
  } else if (kind == FileKind::kBmp) {
    check_bmp(file, name);
  } else if (kind == FileKind::kTiff) {
    check_tiff(file, name);
  } else if (kind == FileKind::kWebp) {
    check_webp(file, name);
  }
}

FileKind known_kind(std::span<const std::uint8_t> file, const std::string& name) {
  const FileKind kind = kind_of(file);
  CLEW_CHECK(kind != FileKind::kOther, name,
             ": must be a PNG, JPEG, PGM, PPM, BMP, TIFF or WebP file, got ",
             file.empty() ? "an empty file" : "something else");
  return kind;
}

}  // namespace

Image decode(std::span<const std::uint8_t> file, const std::string& name, Background background,
             Orientation orientation) {
  const FileKind kind = known_kind(file, name);
  if (kind == FileKind::kPnm) return to_rgb(parse_pgm(file, name));
  if (kind == FileKind::kPng) {
    auto png = check_png(file, name);
    if (orientation == Orientation::kStored) png.orientation = 1;
    return decode_png(png, name, background);
  }
  std::vector<std::uint8_t> completed;
  check_whole(kind, file, name, completed);
  if (!completed.empty()) file = completed;
  if (kind != FileKind::kJpeg) {
    const auto clear = with_alpha(imdecode(file, cv::IMREAD_UNCHANGED, name), kind);
    if (!clear.empty()) return composited(clear, background, kind == FileKind::kTiff);
  }
  const int flags =
      cv::IMREAD_COLOR | (orientation == Orientation::kStored ? cv::IMREAD_IGNORE_ORIENTATION : 0);
  const cv::Mat bgr = imdecode(file, flags, name);
  Image picture = blank(bgr.cols, bgr.rows);
  cv::Mat rgb = view(picture);
  cv::cvtColor(bgr, rgb, cv::COLOR_BGR2RGB);
  return picture;
}

Values decode_values(std::span<const std::uint8_t> file, const std::string& name) {
  const FileKind kind = known_kind(file, name);
  const auto check_channels = [&](int channels) {
    CLEW_CHECK(
        channels == 1, name, ": must have one value a pixel, a palette's index or a grey, got ",
        channels,
        " channels; a mask of colours is to be saved with a palette that has each class at its "
        "number");
  };
  if (kind == FileKind::kPng) {
    auto samples = decode_png_stored(check_png(file, name).file, name);
    check_channels(samples.channels);
    return {.width = samples.width, .height = samples.height, .values = std::move(samples.values)};
  }
  CLEW_CHECK(kind == FileKind::kBmp || kind == FileKind::kTiff, name,
             ": values of pixels must be in a PNG, BMP or TIFF file, which keep them");
  std::vector<std::uint8_t> unused;
  check_whole(kind, file, name, unused);
  const cv::Mat picture = imdecode(file, cv::IMREAD_UNCHANGED, name);
  check_channels(picture.channels());
  CLEW_CHECK(picture.depth() == CV_8U || picture.depth() == CV_16U, name,
             ": values of pixels must be of 8 or 16 bits");
  cv::Mat wide;
  picture.convertTo(wide, CV_16U);
  Values values{.width = wide.cols, .height = wide.rows};
  for (int y = 0; y < wide.rows; ++y) {
    const auto* row = wide.ptr<std::uint16_t>(y);
    values.values.insert(values.values.end(), row, row + wide.cols);
  }
  return values;
}

Values read_values(const std::filesystem::path& path) {
  const std::string bytes = read_file(path, kLongestFile);
  return decode_values({reinterpret_cast<const std::uint8_t*>(bytes.data()), bytes.size()},
                       path.string());
}

std::vector<std::uint8_t> encode_values(const Values& values, std::span<const Colour> palette) {
  CLEW_CHECK(values.width >= 1 && values.width <= kMaxSide && values.height >= 1 &&
                 values.height <= kMaxSide &&
                 values.values.size() == static_cast<std::size_t>(values.width) *
                                             static_cast<std::size_t>(values.height),
             "values must be as many as their sides say, got ", values.values.size(), " for ",
             values.width, "x", values.height);
  CLEW_CHECK(!palette.empty() && palette.size() <= 256, "a palette must have 1..256 colours, got ",
             palette.size());
  std::vector<std::uint8_t> indices(values.values.size());
  for (std::size_t i = 0; i < indices.size(); ++i) {
    CLEW_CHECK(values.values[i] < palette.size(), "a value must be below the ", palette.size(),
               " colours of its palette, got ", values.values[i]);
    indices[i] = static_cast<std::uint8_t>(values.values[i]);
  }
  return encode_png_palette(values.width, values.height, indices, palette);
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

Image read(const std::filesystem::path& path, Background background, Orientation orientation) {
  const std::string bytes = read_file(path, kLongestFile);
  return decode({reinterpret_cast<const std::uint8_t*>(bytes.data()), bytes.size()}, path.string(),
                background, orientation);
}

Sides read_sides(const std::filesystem::path& path) {
  constexpr std::size_t kStart = 1 << 18;
  std::vector<char> start(kStart);
  std::ifstream file(path, std::ios::binary);
  file.read(start.data(), static_cast<std::streamsize>(start.size()));
  start.resize(static_cast<std::size_t>(file.gcount()));
  const auto size_of = [](const auto& bytes) {
    return header_size({reinterpret_cast<const std::uint8_t*>(bytes.data()), bytes.size()});
  };
  auto size = size_of(start);
  if (!size && start.size() == kStart) size = size_of(read_file(path, kLongestFile));
  if (!size) {
    const Image picture = read(path);
    return {.width = picture.width, .height = picture.height};
  }
  const bool is_turned = size->orientation > 4;
  return {.width = is_turned ? size->height : size->width,
          .height = is_turned ? size->width : size->height,
          .orientation = size->orientation};
}

}  // namespace clew::image
