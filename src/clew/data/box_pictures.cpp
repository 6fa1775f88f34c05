// SPDX-License-Identifier: Apache-2.0
#include "clew/data/box_pictures.h"

#include <torch/types.h>

#include <algorithm>
#include <span>
#include <utility>

#include "clew/core/error.h"
#include "clew/core/files.h"
#include "clew/core/log.h"
#include "clew/data/image_tensor.h"

namespace clew::data {
namespace {

constexpr std::uint64_t kLongestBoxPicture = 1ULL << 30;

SceneOptions single_frame(SceneOptions options) {
  options.frames = 1;
  options.has_objects = true;
  options.has_mask = false;
  return options;
}

/// Mask of an object, [height,width] u8; empty without one.
std::vector<std::uint8_t> mask_of_object(const BoxObject& object, const BoxPicture& picture) {
  return mask_of(CocoAnnotation{.polygons = object.polygons, .runs = object.runs}, picture.width,
                 picture.height);
}

/// The picture in the orientation of its annotation.
image::Image read_box_picture(const BoxPicture& one, image::Background background) {
  auto picture = image::read(one.file, background);
  const auto fits = [&] { return picture.width == one.width && picture.height == one.height; };
  if (!fits() && picture.width == one.height && picture.height == one.width)
    picture = image::read(one.file, background, image::Orientation::kStored);
  CLEW_CHECK(fits(), "'", one.file.string(), "' must have the size of its annotation, ", one.width,
             "x", one.height, ", got ", picture.width, "x", picture.height);
  return picture;
}

}  // namespace

Columns box_columns(bool has_masks) {
  Columns columns = {
      {.name = "image",
       .shape = {3, -1, -1},
       .type = torch::kFloat32,
       .meaning = "RGB in [0,1]",
       .is_listed = true},
      {.name = "boxes",
       .shape = {-1, 4},
       .type = torch::kFloat32,
       .meaning = "left, top, right, bottom; pixels",
       .is_listed = true},
      {.name = "labels",
       .shape = {-1},
       .type = torch::kInt64,
       .meaning = "class of each object",
       .is_listed = true},
      {.name = "areas",
       .shape = {-1},
       .type = torch::kFloat32,
       .meaning = "area of each mask, or box without one; pixels",
       .is_listed = true},
      {.name = "crowd",
       .shape = {-1},
       .type = torch::kBool,
       .meaning = "regions of many objects",
       .is_listed = true},
      {.name = "difficult",
       .shape = {-1},
       .type = torch::kBool,
       .meaning = "objects that an evaluation ignores",
       .is_listed = true},
  };
  if (has_masks)
    columns.push_back({.name = "masks",
                       .shape = {-1, -1, -1},
                       .type = torch::kUInt8,
                       .meaning = "1 in each object, else 0",
                       .is_listed = true});
  return columns;
}

BoxPictures::BoxPictures(const BoxDataConfig& config, Split split, bool has_masks)
    : background_(config.background), has_masks_(has_masks) {
  if (config.dir.empty()) throw UsageError("data.dir must name a folder of pictures with boxes");
  set_ =
      read_box_set(config.dir, split,
                   {.classes = config.classes,
                    .shares = {.test = config.test_share, .validation = config.validation_share}});
  const auto dropped = drop_degenerate(set_);
  if (dropped.count > 0) {
    const auto text = concat("'", config.dir, "', split ", name_of(split), ": ", dropped.count,
                             dropped.count == 1 ? " box has" : " boxes have",
                             " no area in the picture, the first is in ", dropped.first);
    CLEW_CHECK(config.degenerate == Degenerate::kDrop, text, "; data.degenerate = \"drop\" leaves ",
               dropped.count == 1 ? "it" : "them", " out");
    log(LogLevel::kWarning, concat(text, "; left out"));
  }
  if (!has_masks) return;
  for (const auto& picture : set_.pictures)
    for (const auto& object : picture.objects)
      CLEW_CHECK(!object.polygons.empty() || !object.runs.counts.empty(), "'",
                 picture.file.string(), "': every object must have a mask, got '",
                 set_.classes[static_cast<std::size_t>(object.label)], "' without one");
}

std::string BoxPictures::origin(std::int64_t index) const {
  check_index(*this, index);
  return set_.pictures[static_cast<std::size_t>(index)].file.string();
}

Example BoxPictures::get(std::int64_t index, const Key& /*key*/) const {
  check_index(*this, index);
  const auto& one = set_.pictures[static_cast<std::size_t>(index)];
  const auto count = static_cast<std::int64_t>(one.objects.size());
  auto boxes = torch::empty({count, 4}), labels = torch::empty({count}, torch::kInt64),
       areas = torch::empty({count}), crowd = torch::empty({count}, torch::kBool),
       difficult = torch::empty({count}, torch::kBool);
  for (std::int64_t i = 0; i < count; ++i) {
    const auto& object = one.objects[static_cast<std::size_t>(i)];
    std::ranges::transform(object.box_xyxy_px, boxes.data_ptr<float>() + 4 * i,
                           [](double edge) { return static_cast<float>(edge); });
    labels.data_ptr<std::int64_t>()[i] = object.label;
    areas.data_ptr<float>()[i] = static_cast<float>(object.area_px);
    crowd.data_ptr<bool>()[i] = object.is_crowd;
    difficult.data_ptr<bool>()[i] = object.is_difficult;
  }
  Example example = {{"image", to_tensor(read_box_picture(one, background_))},
                     {"boxes", boxes},
                     {"labels", labels},
                     {"areas", areas},
                     {"crowd", crowd},
                     {"difficult", difficult}};
  if (!has_masks_) return example;
  auto masks = torch::empty({count, one.height, one.width}, torch::kUInt8);
  auto* to = masks.data_ptr<std::uint8_t>();
  for (const auto& object : one.objects)
    to = std::ranges::copy(mask_of_object(object, one), to).out;
  example.set("masks", masks);
  return example;
}

std::uint64_t BoxPictures::content_hash() const {
  std::uint64_t hash = hash_text(concat("boxes ", name_of(background_), has_masks_));
  for (const auto& name : set_.classes) hash = hash_text(name, hash);
  for (const auto& picture : set_.pictures) {
    hash = hash_text(read_file(picture.file, kLongestBoxPicture), hash);
    for (const auto& object : picture.objects) {
      const std::array numbers = {object.box_xyxy_px[0], object.box_xyxy_px[1],
                                  object.box_xyxy_px[2], object.box_xyxy_px[3],
                                  object.area_px,        static_cast<double>(object.label),
                                  object.is_crowd * 1.0, object.is_difficult * 1.0};
      hash = hash64(std::as_bytes(std::span(numbers)), hash);
      if (!has_masks_) continue;
      for (const auto& polygon : object.polygons)
        hash = hash64(std::as_bytes(std::span(polygon)), hash);
      hash = hash64(std::as_bytes(std::span(object.runs.counts)), hash);
    }
  }
  return hash;
}

SceneBoxes::SceneBoxes(SceneOptions options, bool has_masks)
    : scenes_(single_frame(std::move(options))), has_masks_(has_masks) {}

Example SceneBoxes::get(std::int64_t index, const Key& key) const {
  const Example scene = scenes_.get(index, key);
  const auto& masks = scene["masks"];
  const auto none = torch::zeros({masks.size(0)}, torch::kBool);
  Example example = {{"image", scene["image"]},
                     {"boxes", scene["boxes"]},
                     {"labels", scene["labels"]},
                     {"areas", masks.sum({1, 2}, false, torch::kInt64).to(torch::kFloat32)},
                     {"crowd", none},
                     {"difficult", none.clone()}};
  if (has_masks_) example.set("masks", masks);
  return example;
}

}  // namespace clew::data
