// SPDX-License-Identifier: Apache-2.0
// Pictures of class maps: colours, overlays with a legend.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "clew/image/image.h"
#include "clew/ops/tensor.h"

namespace clew::segment {

/// Colour of a class: VOC's colour map.
image::Colour class_colour(std::size_t number);

/// classes [H,W] u8 -> their colours; data::kVoid is nearly white.
image::Image draw_classes(const torch::Tensor& classes);
/// Colours mixed into the picture, RGB of the map's size, else clew::Error. Class 0, mostly a background, is left as it
/// is where `has_background`.
image::Image overlay(image::Image picture, const torch::Tensor& classes, bool has_background);
/// Pixels [H,W] u8: white where the prediction is wrong, black where it is right, grey where nothing is counted.
image::Image draw_wrong(const torch::Tensor& truth, const torch::Tensor& predicted);
/// `picture` above a row of squares with the names of classes `shown`, by number.
image::Image with_legend(const image::Image& picture, std::span<const std::int64_t> shown,
                         const std::vector<std::string>& classes);

}  // namespace clew::segment
