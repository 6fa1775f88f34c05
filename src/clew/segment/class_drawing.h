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

constexpr int kLeastTileWidth = 96;  // of pictures with a label, pixels

/// True where class 0 is a background, which overlays leave as it is.
bool has_background(const std::vector<std::string>& classes);
/// Colour of a class: VOC's colour map, in which class 0 is black; light blue where that is no background.
image::Colour class_colour(std::size_t number, bool has_background);

/// classes [H,W] u8 -> their colours; data::kVoid is nearly white.
image::Image draw_classes(const torch::Tensor& classes, bool has_background);
/// Colours mixed into the picture, RGB of the map's size, else clew::Error.
image::Image overlay(image::Image picture, const torch::Tensor& classes, bool has_background);
/// probabilities [C,H,W] f32 -> a tile a class, black at 0 and white at 1, with the class's mean.
image::Image draw_probabilities(const torch::Tensor& probabilities,
                                const std::vector<std::string>& classes);
/// Pixels [H,W] u8: white where the prediction is wrong, black where it is right, grey where nothing is counted.
image::Image draw_wrong(const torch::Tensor& truth, const torch::Tensor& predicted);
/// Numbers of all classes, for with_legend.
std::vector<std::int64_t> all_classes(const std::vector<std::string>& classes);
/// `picture` above a row of squares with the names of classes `shown`, by number.
image::Image with_legend(const image::Image& picture, std::span<const std::int64_t> shown,
                         const std::vector<std::string>& classes);

}  // namespace clew::segment
