// SPDX-License-Identifier: Apache-2.0
#include "clew/data/panoptic.h"

#include <algorithm>
#include <system_error>
#include <unordered_map>
#include <utility>

#include "clew/core/error.h"
#include "clew/core/files.h"
#include "clew/core/text.h"
#include "clew/data/formats/coco.h"
#include "clew/data/views.h"

namespace clew::data {
namespace {

namespace fs = std::filesystem;

/// panoptic_SPLIT*.json in a folder.
std::vector<fs::path> panoptic_files(const fs::path& folder, const std::string& split) {
  std::vector<fs::path> files;
  std::error_code code;
  for (fs::directory_iterator entry(folder, code), end; !code && entry != end;
       entry.increment(code)) {
    const auto name = entry->path().filename().string();
    if (name.starts_with("panoptic_" + split) && name.ends_with(".json"))
      files.push_back(entry->path());
  }
  std::ranges::sort(files);
  return files;
}

/// The first of two folders that is there, else clew::Error.
fs::path existing(const fs::path& first, const fs::path& second, const fs::path& json,
                  const char* what) {
  std::error_code ignored;
  if (fs::is_directory(first, ignored)) return first;
  CLEW_CHECK(fs::is_directory(second, ignored), "'", json.string(), "' must have a folder of ",
             what, " '", first.string(), "', got none");
  return second;
}

/// Categories by identifier.
std::vector<CocoCategory> sorted_categories(CocoSet& set, const fs::path& json) {
  std::ranges::sort(set.categories, {}, &CocoCategory::id);
  CLEW_CHECK(set.categories.size() <= 255, json.string(), ": categories must be at most 255, got ",
             set.categories.size());
  return std::move(set.categories);
}

std::vector<std::string> names_of(const std::vector<CocoCategory>& categories) {
  std::vector<std::string> names;
  for (const auto& one : categories) names.push_back(one.name);
  return names;
}

}  // namespace

std::optional<PanopticSplit> find_panoptic(const fs::path& folder, Split split) {
  const std::string name(name_of(split));
  for (const auto& own : {folder / "annotations", folder}) {
    const auto files = panoptic_files(own, name);
    if (files.empty()) continue;
    CLEW_CHECK(files.size() == 1, "'", own.string(), "' must have one panoptic file of the split ",
               name, ", got '", files[0].filename().string(), "' and '",
               files[1].filename().string(), "'");
    const auto stem = files[0].stem().string(), set = stem.substr(stem.find('_') + 1);
    return PanopticSplit{
        .json = files[0],
        .masks = existing(own / stem, folder / stem, files[0], "masks"),
        .pictures = existing(folder / set, folder / "images" / set, files[0], "pictures")};
  }
  return {};
}

std::vector<std::string> panoptic_classes(const PanopticSplit& split) {
  auto set = read_coco(split.json, CocoParts::kWithoutAnnotations);
  return names_of(sorted_categories(set, split.json));
}

std::vector<MaskPair> panoptic_pairs(const PanopticSplit& split) {
  auto set = read_coco(split.json, CocoParts::kPanoptic);
  const auto categories = sorted_categories(set, split.json);
  const auto classes = std::make_shared<const std::vector<std::string>>(names_of(categories));
  std::unordered_map<std::int64_t, std::uint8_t> numbers;
  for (std::size_t i = 0; i < categories.size(); ++i)
    numbers.emplace(categories[i].id, static_cast<std::uint8_t>(i));
  std::unordered_map<std::int64_t, const CocoPanoptic*> masks;
  for (const auto& one : set.panoptic) masks.emplace(one.image, &one);
  std::vector<MaskPair> pairs;
  for (const auto& image : set.images) {
    const auto found = masks.find(image.id);
    CLEW_CHECK(found != masks.end(), split.json.string(), ": image ", image.id,
               " must have an annotation, got none");
    const auto& mask = *found->second;
    MaskPair pair{.picture = split.pictures / image.file, .mask = split.masks / mask.file};
    auto panoptic = std::make_shared<PanopticMask>();
    panoptic->classes = classes;
    for (const auto& segment : mask.segments)
      panoptic->segments.emplace_back(segment.number, numbers.at(segment.category));
    std::ranges::sort(panoptic->segments);
    pair.panoptic = std::move(panoptic);
    for (const auto& file : {pair.picture, pair.mask})
      CLEW_CHECK(path_exists(file), split.json.string(), ": image ", image.id,
                 " must have a file '", file.string(), "', got none");
    pairs.push_back(std::move(pair));
  }
  return pairs;
}

image::Values read_panoptic(const MaskPair& pair) {
  const auto picture = image::read(pair.mask);
  CLEW_CHECK(picture.channels == 3, "'", pair.mask.string(),
             "' must have the numbers of segments as colours, got a mask of grey");
  image::Values values{.width = picture.width, .height = picture.height};
  values.values.reserve(picture.pixels.size() / 3);
  std::uint32_t last = 0;
  std::uint16_t last_class = kVoid;
  for (std::size_t i = 0; i < picture.pixels.size(); i += 3) {
    const auto number = picture.pixels[i] + (std::uint32_t{picture.pixels[i + 1]} << 8) +
                        (std::uint32_t{picture.pixels[i + 2]} << 16);
    if (number != last) {
      last = number;
      last_class = kVoid;
      const auto& segments = pair.panoptic->segments;
      const auto at =
          std::ranges::lower_bound(segments, number, {}, [](const auto& one) { return one.first; });
      const bool is_there = at != segments.end() && at->first == number;
      CLEW_CHECK(number == 0 || is_there, "'", pair.mask.string(), "': pixel ",
                 i / 3 % static_cast<std::size_t>(picture.width), ", ",
                 i / 3 / static_cast<std::size_t>(picture.width), " must be of a segment, got ",
                 number);
      if (is_there) last_class = at->second;
    }
    values.values.push_back(last_class);
  }
  return values;
}

}  // namespace clew::data
