// SPDX-License-Identifier: Apache-2.0
#include "clew/warp/pictures.h"

#include <torch/types.h>
#include <torch/utils.h>

#include <algorithm>
#include <cmath>

#include "clew/core/error.h"
#include "clew/image/draw.h"
#include "clew/image/transform.h"
#include "clew/nn/layers.h"

namespace clew::warp {
namespace {

constexpr int kScale = 3, kColumns = 12;
constexpr int kLines = 4;  // intervals between grid lines
// Colour-blind safe palette (Okabe and Ito 2008).
constexpr image::Colour kTransformerColours[] = {{230, 159, 0},  {86, 180, 233},  {0, 158, 115},
                                                 {240, 228, 66}, {204, 121, 167}, {213, 94, 0},
                                                 {0, 114, 178},  {160, 160, 160}};
constexpr image::Colour kRight = {150, 220, 150}, kWrong = {255, 120, 100};

std::uint8_t byte(float value) {
  return static_cast<std::uint8_t>(std::lround(255 * std::clamp(value, 0.0F, 1.0F)));
}

/// Draws border and lines of grid [h,w,2] f32 on a picture of an image with `side` pixels per side.
void draw_grid(image::Image& picture, const torch::Tensor& grid, image::Colour colour) {
  const auto at = grid.accessor<float, 3>();
  const auto height = grid.size(0), width = grid.size(1);
  const auto x = [&](std::int64_t i, std::int64_t j) {
    return std::clamp((at[i][j][0] + 1) / 2, -9.0F, 9.0F) * static_cast<float>(picture.width);
  };
  const auto y = [&](std::int64_t i, std::int64_t j) {
    return std::clamp((at[i][j][1] + 1) / 2, -9.0F, 9.0F) * static_cast<float>(picture.height);
  };
  for (int line = 0; line <= kLines; ++line) {
    const bool is_border = line == 0 || line == kLines;
    const image::Pen pen{.colour = colour, .width = is_border ? 2 : 1};
    const std::int64_t row = line * (height - 1) / kLines, column = line * (width - 1) / kLines;
    for (std::int64_t j = 0; j + 1 < width; ++j)
      image::draw_line(picture, x(row, j), y(row, j), x(row, j + 1), y(row, j + 1), pen);
    for (std::int64_t i = 0; i + 1 < height; ++i)
      image::draw_line(picture, x(i, column), y(i, column), x(i + 1, column), y(i + 1, column),
                       pen);
  }
}

}  // namespace

image::Image digit_picture(const torch::Tensor& image, int scale) {
  CLEW_CHECK(image.dim() == 3 && (image.size(0) == 1 || image.size(0) == 2),
             "image must be [1,S,S] or [2,S,S], got ", image.sizes(), " (digit_picture)");
  const auto pixels = image.to(torch::kFloat32).contiguous();
  const auto count = static_cast<std::size_t>(image.size(1) * image.size(2));
  const float* first = pixels.data_ptr<float>();
  const float* second = first + (image.size(0) - 1) * image.size(1) * image.size(2);
  image::Image picture{.width = static_cast<int>(image.size(2)),
                       .height = static_cast<int>(image.size(1)),
                       .pixels = std::vector<std::uint8_t>(3 * count)};
  for (std::size_t i = 0; i < count; ++i) {
    picture.pixels[3 * i] = byte(second[i]);
    picture.pixels[3 * i + 1] = byte((first[i] + second[i]) / 2);
    picture.pixels[3 * i + 2] = byte(first[i]);
  }
  return image::resize(picture, picture.width * scale, picture.height * scale,
                       image::Interpolation::kNearest);
}

image::Image draw_warps(DigitNetworkImpl& network, const data::Dataset& set,
                        std::span<const std::int64_t> indices) {
  const torch::NoGradGuard no_grad;
  network.eval();
  const std::vector<std::int64_t> chosen(indices.begin(), indices.end());
  const auto batch = data::batch_of(set, chosen, data::keys_of(chosen, Key{}));
  const auto classes = set.class_names();
  const auto images = batch["image"].to(nn::device_of(network));
  const auto warped = network.warp(images).cpu();
  const auto read = network.forward(images).argmax(1).cpu();
  std::vector<torch::Tensor> grids;
  for (const auto& transformer : network.transformers())
    grids.push_back(transformer->last_grid().to(torch::kCPU, torch::kFloat32).contiguous());
  const auto channels = batch["image"].size(1), side = batch["image"].size(2);
  std::vector<image::Tile> tiles;
  for (std::int64_t i = 0; i < batch["image"].size(0); ++i) {
    auto input = digit_picture(batch["image"][i], kScale);
    for (std::size_t t = 0; t < grids.size(); ++t)
      draw_grid(input, grids[t][i], kTransformerColours[t % std::size(kTransformerColours)]);
    const auto target = batch["label"][i].item<std::int64_t>(), got = read[i].item<std::int64_t>();
    tiles.push_back({.picture = std::move(input),
                     .label = concat(classes.at(static_cast<std::size_t>(target)), " read as ",
                                     classes.at(static_cast<std::size_t>(got))),
                     .colour = target == got ? kRight : kWrong});
    for (std::size_t t = 0; t < grids.size(); ++t) {
      const auto part = warped[i].narrow(0, static_cast<std::int64_t>(t) * channels, channels);
      auto output = digit_picture(part, 1);
      const int wanted = static_cast<int>(side) * kScale;
      output = image::resize(output, wanted, wanted, image::Interpolation::kNearest);
      const auto colour = kTransformerColours[t % std::size(kTransformerColours)];
      image::draw_rectangle(output, 0, 0, static_cast<float>(wanted - 1),
                            static_cast<float>(wanted - 1), {.colour = colour, .width = 2});
      tiles.push_back({.picture = std::move(output)});
    }
  }
  const int each = 1 + static_cast<int>(grids.size());
  return image::grid(tiles, {.columns = std::max(1, kColumns / each) * each});
}

}  // namespace clew::warp
