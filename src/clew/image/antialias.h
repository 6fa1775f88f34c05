// SPDX-License-Identifier: Apache-2.0
// Antialiased resizing by a kernel that grows with the reduction, as Pillow's and torchvision's: what
// networks with published weights expect of their pictures.
#pragma once

#include <cstdint>

#include "clew/image/image.h"

namespace clew::image {

enum class Kernel : std::uint8_t {
  kBilinear,  // a triangle
  kBicubic,   // Keys 1981 with a = -1/2
};

/// picture [H,W,C] u8 -> [height,width,C] u8; each value within one of Pillow's Image.resize. Sides
/// below 1: clew::Error.
[[nodiscard]] Image resize_antialiased(const Image& picture, int width, int height,
                                       Kernel kernel = Kernel::kBilinear);

/// The same to a short side of `side`, the long one in proportion (rounded down), then the square of `crop`
/// in the middle: the preparation of pictures for most published weights. A crop larger than `side`:
/// clew::Error.
[[nodiscard]] Image resize_and_crop(const Image& picture, int side, int crop,
                                    Kernel kernel = Kernel::kBilinear);

}  // namespace clew::image
