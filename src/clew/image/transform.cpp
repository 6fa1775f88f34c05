// SPDX-License-Identifier: Apache-2.0
#include "clew/image/transform.h"

#include <algorithm>
#include <cmath>
#include <numbers>
#include <opencv2/imgproc.hpp>
#include <type_traits>

#include "clew/core/error.h"
#include "clew/image/mat.h"

namespace clew::image {
namespace {

void check_size(int width, int height, const char* where) {
  CLEW_CHECK(width >= 1 && width <= kMaxSide && height >= 1 && height <= kMaxSide,
             "the result must be 1..", kMaxSide, " pixels wide and high, got ", width, "x", height,
             " (", where, ")");
}

int code_of(Interpolation how) {
  switch (how) {
    case Interpolation::kNearest:
      return cv::INTER_NEAREST;
    case Interpolation::kBilinear:
      return cv::INTER_LINEAR;
    case Interpolation::kArea:
      return cv::INTER_AREA;
  }
  return cv::INTER_LINEAR;
}

template <class T>
BasicImage<T> resize_any(const BasicImage<T>& picture, int width, int height, Interpolation how) {
  check(picture, "resize");
  check_size(width, height, "resize");
  if (width == picture.width && height == picture.height) return picture;
  auto out = same_kind(picture, width, height);
  cv::Mat to = view(out);
  // OpenCV's INTER_AREA is nearest-neighbour along an upscaled side.
  const bool grows = width > picture.width || height > picture.height;
  cv::resize(view(picture), to, to.size(), 0, 0,
             grows && how == Interpolation::kArea ? cv::INTER_LINEAR : code_of(how));
  return out;
}

template <class T>
BasicImage<T> crop_any(const BasicImage<T>& picture, Box box) {
  check(picture, "crop");
  CLEW_CHECK(box.width >= 1 && box.height >= 1 && box.x >= 0 && box.y >= 0 &&
                 box.width <= picture.width - box.x && box.height <= picture.height - box.y,
             "a crop must lie in its picture of ", picture.width, "x", picture.height, ", got ",
             box.width, "x", box.height, " at ", box.x, ",", box.y);
  auto out = same_kind(picture, box.width, box.height);
  view(picture)(cv::Rect(box.x, box.y, box.width, box.height)).copyTo(view(out));
  return out;
}

template <class T>
BasicImage<T> fit_any(const BasicImage<T>& picture, int width, int height, Fit fit, Colour bars) {
  check(picture, "resize");
  check_size(width, height, "resize");
  if (fit == Fit::kStretch) return resize_any(picture, width, height, Interpolation::kArea);
  if (fit == Fit::kCrop) {
    const auto box = centre_box(picture.width, picture.height,
                                static_cast<double>(width) / static_cast<double>(height));
    return resize_any(crop_any(picture, box), width, height, Interpolation::kArea);
  }
  const double factor = std::min(static_cast<double>(width) / picture.width,
                                 static_cast<double>(height) / picture.height);
  const auto side = [factor](int length, int most) {
    return std::clamp(static_cast<int>(std::lround(length * factor)), 1, most);
  };
  auto inside = resize_any(picture, side(picture.width, width), side(picture.height, height),
                           Interpolation::kArea);
  if (fit == Fit::kInside) return inside;
  auto out = same_kind(picture, width, height);
  constexpr double scale = std::is_same_v<T, float> ? 1.0 / 255 : 1;
  cv::Mat all = view(out);
  all.setTo(cv::Scalar(bars.r * scale, bars.g * scale, bars.b * scale));
  view(inside).copyTo(all(cv::Rect((width - inside.width) / 2, (height - inside.height) / 2,
                                   inside.width, inside.height)));
  return out;
}

template <class T>
BasicImage<T> flip_any(const BasicImage<T>& picture, int code, const char* where) {
  check(picture, where);
  auto out = same_kind(picture, picture.width, picture.height);
  cv::Mat to = view(out);
  cv::flip(view(picture), to, code);
  return out;
}

template <class T>
BasicImage<T> affine_any(const BasicImage<T>& picture, const std::array<double, 6>& map,
                         AffineOptions options) {
  check(picture, "affine");
  const int width = options.width == 0 ? picture.width : options.width;
  const int height = options.height == 0 ? picture.height : options.height;
  check_size(width, height, "affine");
  CLEW_CHECK(options.how != Interpolation::kArea,
             "an affine map interpolates by kNearest or kBilinear, got kArea");
  CLEW_CHECK(std::all_of(map.begin(), map.end(), [](double v) { return std::isfinite(v); }),
             "an affine map must be six finite numbers");
  CLEW_CHECK(std::max({picture.width, picture.height, width, height}) < 32767,
             "an affine map takes pictures below 32767 pixels a side");  // OpenCV's limit
  auto out = same_kind(picture, width, height);
  cv::Mat to = view(out);
  const double unit = std::is_same_v<T, float> ? 255 : 1;
  const cv::Scalar fill(options.fill.r / unit, options.fill.g / unit, options.fill.b / unit);
  const cv::Mat matrix(2, 3, CV_64F, const_cast<double*>(map.data()));
  cv::warpAffine(view(picture), to, matrix, to.size(), code_of(options.how) | cv::WARP_INVERSE_MAP,
                 cv::BORDER_CONSTANT, fill);
  return out;
}

}  // namespace

Image resize(const Image& picture, int width, int height, Interpolation how) {
  return resize_any(picture, width, height, how);
}
FloatImage resize(const FloatImage& picture, int width, int height, Interpolation how) {
  return resize_any(picture, width, height, how);
}

Image resize(const Image& picture, int width, int height, Fit fit, Colour bars) {
  return fit_any(picture, width, height, fit, bars);
}
FloatImage resize(const FloatImage& picture, int width, int height, Fit fit, Colour bars) {
  return fit_any(picture, width, height, fit, bars);
}

Image crop(const Image& picture, Box box) { return crop_any(picture, box); }
FloatImage crop(const FloatImage& picture, Box box) { return crop_any(picture, box); }

Box centre_box(int width, int height, double width_to_height) {
  check_size(width, height, "centre_box");
  CLEW_CHECK(width_to_height > 0 && std::isfinite(width_to_height),
             "a crop's width_to_height must be above 0, got ", width_to_height);
  const auto fit = [](double side, int most) {
    return static_cast<int>(std::clamp(std::round(side), 1., static_cast<double>(most)));
  };
  const int w = fit(height * width_to_height, width), h = fit(width / width_to_height, height);
  return {(width - w) / 2, (height - h) / 2, w, h};
}

Image flip_x(const Image& picture) { return flip_any(picture, 1, "flip_x"); }
FloatImage flip_x(const FloatImage& picture) { return flip_any(picture, 1, "flip_x"); }
Image flip_y(const Image& picture) { return flip_any(picture, 0, "flip_y"); }
FloatImage flip_y(const FloatImage& picture) { return flip_any(picture, 0, "flip_y"); }

Image affine(const Image& picture, const std::array<double, 6>& map, AffineOptions options) {
  return affine_any(picture, map, options);
}
FloatImage affine(const FloatImage& picture, const std::array<double, 6>& map,
                  AffineOptions options) {
  return affine_any(picture, map, options);
}

std::array<double, 6> turn_map(int width, int height, double degrees, double scale) {
  CLEW_CHECK(scale > 0 && std::isfinite(scale) && std::isfinite(degrees),
             "a turn needs a scale above 0 and a finite angle, got ", scale, " and ", degrees);
  const double c = std::cos(degrees * std::numbers::pi / 180) / scale;
  const double s = std::sin(degrees * std::numbers::pi / 180) / scale;
  const double mx = (width - 1) / 2., my = (height - 1) / 2.;
  return {c, -s, mx - c * mx + s * my, s, c, my - s * mx - c * my};
}

}  // namespace clew::image
