// SPDX-License-Identifier: Apache-2.0
// Vectorised transforms of nn/inference/winograd.h. Not installed.
#pragma once

#include <cstddef>
#include <cstdint>

namespace clew::ops {

/// The algorithm interpolates polynomials at 0, these points and their negatives, and infinity. The usual ones, 1 and 2,
/// give four times the error (Barabasz et al. 2020, "Error analysis and improving the accuracy of Winograd convolution for
/// deep neural networks", on their choice). All factors are exact in fp32.
inline constexpr float kNearPoint = 0.75F, kFarPoint = 1.5F;

/// Place of a tile: image, row and column of its output (0, 0), and the distance of neighbours.
struct WinogradTile {
  std::int64_t image = 0, y = 0, x = 0, step = 1;
};

/// One block of channels of an image, [height,width,block].
struct WinogradPlane {
  std::int64_t height, width, block;
};

/// Writes the 36 transforms of a tile's input, `stride` floats apart.
void winograd_input_tile(const WinogradPlane& plane, const float* map, const WinogradTile& tile,
                         std::int64_t stride, float* parts);
/// Writes a tile's pixels; bias [block].
void winograd_output_tile(const WinogradPlane& plane, const float* parts, std::int64_t stride,
                          const float* bias, bool has_addend, float low, float high,
                          const WinogradTile& tile, float* map);

}  // namespace clew::ops
