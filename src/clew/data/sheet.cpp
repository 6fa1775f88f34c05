// SPDX-License-Identifier: Apache-2.0
#include "clew/data/sheet.h"

#include <torch/types.h>
#include <torch/utils.h>

#include <algorithm>
#include <numeric>

#include "clew/core/error.h"
#include "clew/data/draws.h"
#include "clew/data/image_tensor.h"
#include "clew/image/draw.h"

namespace clew::data {

image::Image picture_of(const torch::Tensor& input) {
  const bool is_pair = input.defined() && input.dim() == 3 && input.size(0) == 2;
  return to_image(is_pair ? torch::cat({input.slice(0, 0, 1), input.slice(0, 1, 2)}, 2) : input);
}

namespace {

constexpr image::Colour kOutline = {86, 180, 233};

/// Draws the outlines of masks [N,H,W].
void draw_outlines(image::Image& picture, const torch::Tensor& masks) {
  picture = image::to_rgb(picture);
  const auto padded = torch::constant_pad_nd(masks.ne(0), {1, 1, 1, 1});
  const auto at = [&](int dx, int dy) {
    return padded.slice(1, 1 + dy, 1 + dy + picture.height)
        .slice(2, 1 + dx, 1 + dx + picture.width);
  };
  const auto inner = at(-1, 0) & at(1, 0) & at(0, -1) & at(0, 1);
  const auto edge = (at(0, 0) & ~inner).any(0).contiguous();
  const bool* const is_edge = edge.data_ptr<bool>();
  for (std::int64_t i = 0; i < edge.numel(); ++i) {
    if (!is_edge[i]) continue;
    auto* const pixel = picture.pixels.data() + 3 * i;
    pixel[0] = kOutline.r, pixel[1] = kOutline.g, pixel[2] = kOutline.b;
  }
}

image::Tile tile_of(const Example& example, const std::vector<std::string>& names) {
  image::Tile tile{.picture = picture_of(example["image"])};
  if (example.has("label")) {
    const auto number = example["label"].item<std::int64_t>();
    const bool has_name = number >= 0 && number < static_cast<std::int64_t>(names.size());
    tile.label = has_name ? names[static_cast<std::size_t>(number)] : std::to_string(number);
  }
  if (example.has("masks")) draw_outlines(tile.picture, example["masks"]);
  for (const char* const column : {"box", "boxes"}) {
    if (!example.has(column)) continue;
    tile.picture = image::to_rgb(tile.picture);
    const auto edges = example[column].reshape({-1, 4}).contiguous();
    for (const float* box = edges.data_ptr<float>(); box < edges.data_ptr<float>() + edges.numel();
         box += 4) {
      // Box edges: the last pixel inside is one less.
      image::draw_rectangle(tile.picture, box[0], box[1], box[2] - 1, box[3] - 1,
                            {.colour = {255, 160, 0}});
    }
  }
  return tile;
}

}  // namespace

image::Image sample_sheet(const Dataset& dataset, SheetOptions options) {
  CLEW_CHECK(options.first >= 0 && options.first < dataset.size() && options.count >= 1,
             "a sheet needs examples in 0..", dataset.size() - 1, ", got ", options.count, " from ",
             options.first);
  CLEW_CHECK(options.before == nullptr || options.before->size() == dataset.size(),
             "the sets before and after views must have as many examples, got ",
             options.before == nullptr ? 0 : options.before->size(), " and ", dataset.size());
  const auto names = dataset.class_names();
  std::vector<image::Tile> tiles;
  const std::int64_t end = std::min(dataset.size(), options.first + options.count);
  std::vector<std::int64_t> order(static_cast<std::size_t>(dataset.size()));
  std::iota(order.begin(), order.end(), 0);
  if (options.is_mixed) shuffle(order, Stream(fold_in(options.key, 0, UINT64_MAX)));
  for (std::int64_t at = options.first; at < end; ++at) {
    const std::int64_t i = order[static_cast<std::size_t>(at)];
    const Key key = fold_in(options.key, 0, static_cast<std::uint64_t>(i));
    if (options.before != nullptr) tiles.push_back(tile_of(options.before->get(i, key), names));
    tiles.push_back(tile_of(dataset.get(i, key), names));
  }
  return image::grid(tiles, {.columns = options.columns, .scale = options.scale});
}

}  // namespace clew::data
