// SPDX-License-Identifier: Apache-2.0
// Pictures as cv::Mat. Private to the module: installed headers do not need OpenCV.
#pragma once

#include <opencv2/core.hpp>
#include <type_traits>

#include "clew/image/image.h"

namespace clew::image {

template <class T>
int mat_type(int channels) {
  return CV_MAKETYPE((std::is_same_v<T, float> ? CV_32F : CV_8U), channels);
}

/// View of the picture's pixels, not a copy.
template <class T>
cv::Mat view(BasicImage<T>& picture) {
  return {picture.height, picture.width, mat_type<T>(picture.channels), picture.pixels.data()};
}
/// The same for reading; OpenCV has no const matrices.
template <class T>
cv::Mat view(const BasicImage<T>& picture) {
  return view(const_cast<BasicImage<T>&>(picture));
}

/// Picture with uninitialised pixels.
template <class T>
BasicImage<T> same_kind(const BasicImage<T>& picture, int width, int height) {
  BasicImage<T> out{.width = width, .height = height, .channels = picture.channels, .pixels = {}};
  out.pixels.resize(static_cast<std::size_t>(width) * static_cast<std::size_t>(height) *
                    static_cast<std::size_t>(picture.channels));
  return out;
}

}  // namespace clew::image
