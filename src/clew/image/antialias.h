// SPDX-License-Identifier: Apache-2.0
// Antialiased resizing as in Pillow and torchvision, as published weights expect.
#pragma once

#include <cstdint>

#include "clew/image/image.h"

namespace clew::image {

enum class Kernel : std::uint8_t {
  kBilinear,  // a triangle
  kBicubic,   // Keys 1981 with a = -1/2
};

/// picture [H,W,C] u8 -> [height,width,C] u8; within 1 of Pillow's Image.resize. Sides below 1:
/// clew::Error.
[[nodiscard]] Image resize_antialiased(const Image& picture, int width, int height,
                                       Kernel kernel = Kernel::kBilinear);

/// Resizes the short side to `side` (the long one in proportion, rounded down), then takes a centre
/// crop of `crop` x `crop`: the preprocessing of most published weights. A crop larger than `side`:
/// clew::Error.
[[nodiscard]] Image resize_and_crop(const Image& picture, int side, int crop,
                                    Kernel kernel = Kernel::kBilinear);

}  // namespace clew::image
