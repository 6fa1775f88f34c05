// SPDX-License-Identifier: Apache-2.0
#include "clew/nn/inference/winograd.h"

#include <ATen/Parallel.h>
#include <torch/types.h>
#include <torch/utils.h>

#include <algorithm>
#include <utility>
#include <vector>

#include "clew/core/error.h"
#include "clew/ops/winograd_fast.h"

namespace clew::nn {
namespace {

constexpr std::int64_t kStripFloats = 4 << 20, kLeastStrip = 192;
constexpr double kProductGflops = 70, kGbytes = 20;  // a thread; of the memory
constexpr double kLeastGain = 0.9;

ops::WinogradTile tile_at(const WinogradShape& shape, std::int64_t number) {
  const auto columns = shape.tile_columns(), rows = shape.tile_rows(), d = shape.dilation;
  const auto x = number % columns, y = number / columns % rows;
  const auto grid = number / columns / rows;
  return {
      .image = grid / (d * d), .y = 4 * y * d + grid / d % d, .x = 4 * x * d + grid % d, .step = d};
}

/// Calls work(block of channels, tile, its place in the strip) for all of a strip.
template <class Work>
void for_tiles(const WinogradShape& shape, std::int64_t channels, std::int64_t first,
               const Work& work) {
  constexpr std::int64_t kTilesAtOnce = 32;
  const auto blocks = channels / shape.block, strip = shape.strip();
  const auto runs = (strip + kTilesAtOnce - 1) / kTilesAtOnce;
  at::parallel_for(0, blocks * runs, 1, [&](std::int64_t begin, std::int64_t end) {
    for (auto k = begin; k < end; ++k) {
      const auto block = k / runs, from = k % runs * kTilesAtOnce;
      for (auto place = from; place < std::min(from + kTilesAtOnce, strip); ++place)
        work(block, first + place, place);
    }
  });
}

}  // namespace

std::int64_t WinogradShape::strip() const {
  const auto all = tiles(),
             fitting = std::max(kLeastStrip, kStripFloats / (kWinogradParts * (in + out)));
  const auto strips = (all + fitting - 1) / fitting;
  return (all + strips - 1) / strips;
}

bool winograd_pays(const WinogradShape& shape, int threads, double direct_gflops) {
  const auto of = [](std::int64_t count) { return static_cast<double>(count); };
  const double weights = of(shape.in) * of(shape.out), tiles = of(shape.tiles());
  const double direct =
      18 * weights * of(shape.images * shape.height * shape.width) / (direct_gflops * threads);
  const double moved = 4.0 * kWinogradParts * (weights + 2 * tiles * of(shape.in + shape.out));
  const double own =
      2.0 * kWinogradParts * weights * tiles / (kProductGflops * threads) + moved / kGbytes;
  return own < kLeastGain * direct;
}

torch::Tensor winograd_weight(const torch::Tensor& weight) {
  CLEW_CHECK(weight.dim() == 4 && weight.size(2) == 3 && weight.size(3) == 3,
             "weights must be [out,in,3,3], got ", weight.sizes());
  const torch::NoGradGuard no_grad;
  constexpr double kNear = ops::kNearPoint, kFar = ops::kFarPoint, kNear2 = kNear * kNear,
                   kFar2 = kFar * kFar;
  constexpr double kNearFactor = 1 / (2 * kNear2 * (kNear2 - kFar2)),
                   kFarFactor = 1 / (2 * kFar2 * (kFar2 - kNear2));
  std::vector<double> lines = {1 / (kNear2 * kFar2), 0, 0};
  for (const auto& [point, factor] : {std::pair(kNear, kNearFactor), std::pair(-kNear, kNearFactor),
                                      std::pair(kFar, kFarFactor), std::pair(-kFar, kFarFactor)})
    for (const double power : {1.0, point, point * point}) lines.push_back(factor * power);
  lines.insert(lines.end(), {0, 0, 1});
  const auto g = torch::tensor(lines, torch::kFloat64).view({6, 3});
  return torch::matmul(torch::matmul(g, weight.to(torch::kFloat64)), g.t())
      .to(torch::kFloat32)
      .permute({2, 3, 0, 1})
      .reshape({kWinogradParts, weight.size(0), weight.size(1)})
      .contiguous();
}

void winograd_input(const WinogradShape& shape, const float* map, std::int64_t first,
                    float* parts) {
  const ops::WinogradPlane plane{shape.height, shape.width, shape.block};
  const auto blocks = shape.in / shape.block, strip = shape.strip(), tiles = shape.tiles(),
             stride = shape.part_stride(shape.in);
  for_tiles(
      shape, shape.in, first, [&](std::int64_t block, std::int64_t number, std::int64_t place) {
        float* const to = parts + (block * strip + place) * shape.block;
        if (number >= tiles) {
          for (std::int64_t k = 0; k < kWinogradParts; ++k)
            std::fill_n(to + k * stride, shape.block, 0.0F);
          return;
        }
        const auto tile = tile_at(shape, number);
        ops::winograd_input_tile(
            plane, map + (tile.image * blocks + block) * shape.height * shape.width * shape.block,
            tile, stride, to);
      });
}

void winograd_output(const WinogradShape& shape, const float* parts, std::int64_t first,
                     const WinogradEnd& end, float* map) {
  const ops::WinogradPlane plane{shape.height, shape.width, shape.block};
  const auto blocks = shape.out / shape.block, strip = shape.strip(), tiles = shape.tiles(),
             stride = shape.part_stride(shape.out);
  for_tiles(shape, shape.out, first,
            [&](std::int64_t block, std::int64_t number, std::int64_t place) {
              if (number >= tiles) return;
              const auto tile = tile_at(shape, number);
              ops::winograd_output_tile(
                  plane, parts + (block * strip + place) * shape.block, stride,
                  end.bias + block * shape.block, end.has_addend, end.low, end.high, tile,
                  map + (tile.image * blocks + block) * shape.height * shape.width * shape.block);
            });
}

}  // namespace clew::nn
