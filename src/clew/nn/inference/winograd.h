// SPDX-License-Identifier: Apache-2.0
// Convolutions of 3x3 by Winograd's algorithm F(4x4, 3x3) (Lavin and Gray 2016, section 4.3): a quarter of the
// multiplications. A tile of 4x4 outputs is the transform of 36 products, each of one matrix of weights with all tiles;
// the products are oneDNN's convolutions of 1x1. Dilated ones take every d-th row and column. Private to the module.
#pragma once

#include <torch/types.h>

#include <cstdint>

#include "clew/nn/backbones/layer_graph.h"

namespace clew::nn {

inline constexpr std::int64_t kWinogradParts = 36;

/// A convolution of stride 1 whose output has the size of its input, in oneDNN's format of `block` channels (8 or 16).
struct WinogradShape {
  std::int64_t images = 1, in = 0, out = 0, height = 0, width = 0, dilation = 1, block = 8;

  /// Tiles of one of the dilation^2 grids of an image.
  std::int64_t tile_rows() const { return tiles_along(height); }
  std::int64_t tile_columns() const { return tiles_along(width); }
  std::int64_t tiles() const { return images * dilation * dilation * tile_rows() * tile_columns(); }
  /// Tiles that are computed at once, which fit a cache.
  std::int64_t strip() const;
  /// Floats between the parts of a strip with that many channels: not a multiple of large powers of 2, at which caches have
  /// few places.
  std::int64_t part_stride(std::int64_t channels) const { return channels * strip() + 16; }

 private:
  std::int64_t tiles_along(std::int64_t side) const {
    const auto own = (side + dilation - 1) / dilation;
    return (own + 3) / 4;
  }
};

/// Estimate from operations and memory traffic, the same on every machine; `direct_gflops` of the other kernel, a thread.
bool winograd_pays(const WinogradShape& shape, int threads, double direct_gflops);

/// weight [out,in,3,3] f32 -> [36,out,in] f32.
torch::Tensor winograd_weight(const torch::Tensor& weight);

/// Transforms tiles [first,first + strip) of map [images,in/block,height,width,block] -> parts
/// [36,in/block,strip,block], part_stride(in) floats each; tiles beyond the last give zeros. Blocks.
void winograd_input(const WinogradShape& shape, const float* map, std::int64_t first, float* parts);

/// End of a convolution: min(high, max(low, y + bias + addend)).
struct WinogradEnd {
  const float* bias;  // [out]
  bool has_addend;    // the map's former values
  float low, high;
};
/// The reverse of winograd_input on products [36,out/block,strip,block], part_stride(out) floats each -> their pixels of map
/// [images,out/block,height,width,block]. Blocks.
void winograd_output(const WinogradShape& shape, const float* parts, std::int64_t first,
                     const WinogradEnd& end, float* map);

}  // namespace clew::nn
