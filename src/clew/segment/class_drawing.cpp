// SPDX-License-Identifier: Apache-2.0
#include "clew/segment/class_drawing.h"

#include <torch/types.h>

#include <algorithm>
#include <cmath>
#include <numeric>

#include "clew/core/error.h"
#include "clew/core/text.h"
#include "clew/data/formats/masks.h"
#include "clew/data/image_tensor.h"
#include "clew/data/views.h"
#include "clew/image/draw.h"

namespace clew::segment {
namespace {

constexpr int kLegendText = 9, kLegendGap = 4;  // pixels
constexpr image::Colour kLegendGround = {24, 24, 24}, kLegendInk = {230, 230, 230},
                        kFirstClass = {90, 170, 250};
constexpr std::uint8_t kWrongPixel = 255, kRightPixel = 0, kUncounted = 110;

image::Image blank_of(const torch::Tensor& map, int channels) {
  CLEW_CHECK(map.dim() == 2 && map.scalar_type() == torch::kUInt8,
             "a map of classes must be [H,W] of Byte, got ", map.sizes(), " of ",
             map.scalar_type());
  return image::blank(static_cast<int>(map.size(1)), static_cast<int>(map.size(0)), channels);
}

}  // namespace

bool has_background(const std::vector<std::string>& classes) {
  return classes.at(0) == "background";
}

image::Colour class_colour(std::size_t number, bool has_background) {
  static const auto kPalette = data::voc_palette();
  return number == 0 && !has_background ? kFirstClass : kPalette.at(number);
}

image::Image draw_classes(const torch::Tensor& classes, bool has_background) {
  auto picture = blank_of(classes, 3);
  const auto map = classes.contiguous();
  const auto* numbers = map.data_ptr<std::uint8_t>();
  for (std::size_t i = 0; i < static_cast<std::size_t>(map.numel()); ++i) {
    const auto [r, g, b] = class_colour(numbers[i], has_background);
    picture.pixels[3 * i] = r;
    picture.pixels[3 * i + 1] = g;
    picture.pixels[3 * i + 2] = b;
  }
  return picture;
}

image::Image overlay(image::Image picture, const torch::Tensor& classes, bool has_background) {
  const auto colours = draw_classes(classes, has_background);
  CLEW_CHECK(
      picture.channels == 3 && picture.width == colours.width && picture.height == colours.height,
      "a map of classes must have the size of its picture, ", picture.width, "x", picture.height,
      ", got ", colours.width, "x", colours.height);
  const auto map = classes.contiguous();
  const auto* numbers = map.data_ptr<std::uint8_t>();
  for (std::size_t i = 0; i < picture.pixels.size(); ++i) {
    if (has_background && numbers[i / 3] == 0) continue;
    picture.pixels[i] = static_cast<std::uint8_t>((picture.pixels[i] + colours.pixels[i] + 1) / 2);
  }
  return picture;
}

image::Image draw_wrong(const torch::Tensor& truth, const torch::Tensor& predicted) {
  auto picture = blank_of(truth, 1);
  CLEW_CHECK(predicted.sizes() == truth.sizes(), "maps must have one size, got ", truth.sizes(),
             " and ", predicted.sizes());
  const auto wanted = truth.contiguous(), got = predicted.to(torch::kUInt8).contiguous();
  const auto *a = wanted.data_ptr<std::uint8_t>(), *b = got.data_ptr<std::uint8_t>();
  for (std::size_t i = 0; i < picture.pixels.size(); ++i)
    picture.pixels[i] = a[i] == data::kVoid ? kUncounted : a[i] == b[i] ? kRightPixel : kWrongPixel;
  return image::to_rgb(picture);
}

image::Image draw_probabilities(const torch::Tensor& probabilities,
                                const std::vector<std::string>& classes) {
  CLEW_CHECK(probabilities.dim() == 3 && probabilities.size(0) == std::ssize(classes),
             "probabilities must be [", classes.size(), ",H,W], got ", probabilities.sizes());
  std::vector<image::Tile> tiles;
  for (std::int64_t i = 0; i < probabilities.size(0); ++i)
    tiles.push_back({.picture = data::to_image(probabilities[i].unsqueeze(0)),
                     .label = concat(classes[static_cast<std::size_t>(i)], " ",
                                     percent(probabilities[i].mean().item<double>()))});
  const auto width = std::max(tiles[0].picture.width, kLeastTileWidth);
  const auto columns = std::ceil(std::sqrt(static_cast<double>(tiles.size())));
  return image::grid(tiles, {.columns = static_cast<int>(columns), .width = width});
}

std::vector<std::int64_t> all_classes(const std::vector<std::string>& classes) {
  std::vector<std::int64_t> numbers(classes.size());
  std::iota(numbers.begin(), numbers.end(), 0);
  return numbers;
}

image::Image with_legend(const image::Image& picture, std::span<const std::int64_t> shown,
                         const std::vector<std::string>& classes) {
  struct Entry {
    std::int64_t number;
    int x, y;
  };
  const image::TextStyle style{.colour = kLegendInk, .height = kLegendText};
  const auto line = image::text_size("Ag", style).height + kLegendGap;
  std::vector<Entry> entries;
  int x = kLegendGap, y = kLegendGap;
  for (const auto number : shown) {
    const auto& name = classes.at(static_cast<std::size_t>(number));
    const int width = kLegendText + image::text_size(name, style).width + 3 * kLegendGap;
    if (x > kLegendGap && x + width > picture.width) {
      x = kLegendGap;
      y += line;
    }
    entries.push_back({number, x, y});
    x += width;
  }
  auto result = image::blank(picture.width, picture.height + y + line, 3, kLegendGround);
  std::ranges::copy(image::to_rgb(picture).pixels, result.pixels.begin());
  for (const auto& entry : entries) {
    const int top = picture.height + entry.y;
    image::fill_rectangle(
        result, entry.x, top, entry.x + kLegendText, top + kLegendText,
        class_colour(static_cast<std::size_t>(entry.number), has_background(classes)));
    image::draw_text(result, classes[static_cast<std::size_t>(entry.number)],
                     entry.x + kLegendText + kLegendGap, top, style);
  }
  return result;
}

}  // namespace clew::segment
