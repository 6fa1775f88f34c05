// SPDX-License-Identifier: Apache-2.0
#include "clew/data/mask_pictures.h"

#include <torch/types.h>

#include <algorithm>
#include <functional>
#include <system_error>
#include <utility>

#include "clew/core/error.h"
#include "clew/core/files.h"
#include "clew/core/text.h"
#include "clew/data/formats/masks.h"
#include "clew/data/formats/voc.h"
#include "clew/data/image_tensor.h"
#include "clew/data/panoptic.h"
#include "clew/data/views.h"

namespace clew::data {
namespace {

namespace fs = std::filesystem;

constexpr std::uint64_t kLongestMaskPicture = 1ULL << 30;
constexpr std::array kMaskSplits = {Split::kTrain, Split::kValidation, Split::kTest};

using MaskPairs = std::vector<MaskPair>;

bool is_set_folder(const fs::path& path) {
  std::error_code ignored;
  return fs::is_directory(path, ignored);
}

MaskPairs paired(const fs::path& pictures, const fs::path& masks) {
  const auto all = files_by_stem(pictures);
  auto others = files_by_stem(masks);
  MaskPairs pairs;
  for (const auto& [stem, file] : all) {
    const auto mask = others.extract(stem);
    CLEW_CHECK(!mask.empty(), "'", file.string(), "' must have a mask of its name in '",
               masks.string(), "', got none");
    pairs.push_back({file, mask.mapped()});
  }
  CLEW_CHECK(others.empty(), "mask '", others.begin()->second.string(),
             "' must have a picture of its name in '", pictures.string(), "', got none");
  return pairs;
}

/// Functions that list the splits that a folder has, in the order of kMaskSplits; empty ones of those that it has not.
using SplitPairs = std::array<std::function<MaskPairs()>, kMaskSplits.size()>;

MaskPairs voc_list(const fs::path& folder, const fs::path& list) {
  MaskPairs pairs;
  for (const auto& id : read_voc_ids(list)) {
    pairs.push_back({folder / voc_picture(id), folder / class_mask(id)});
    for (const auto& file : {pairs.back().picture, pairs.back().mask})
      CLEW_CHECK(path_exists(file), list.string(), ": '", excerpt(id), "' must have a file '",
                 file.string(), "', got none");
  }
  return pairs;
}

SplitPairs voc_pairs(const fs::path& folder) {
  SplitPairs splits;
  for (std::size_t k = 0; k < splits.size(); ++k) {
    const auto list = folder / mask_split(std::string(name_of(kMaskSplits.at(k))));
    if (path_exists(list)) splits.at(k) = [folder, list] { return voc_list(folder, list); };
  }
  CLEW_CHECK(splits[0], "'", folder.string(), "' must have a list ", mask_split("train").string());
  return splits;
}

SplitPairs pairs_of(const fs::path& folder) {
  CLEW_CHECK(is_set_folder(folder), "'", folder.string(),
             "' must be a folder of pictures and masks");
  if (is_set_folder(folder / "SegmentationClass")) return voc_pairs(folder);
  SplitPairs splits;
  if (is_set_folder(folder / "images") && is_set_folder(folder / "masks")) {
    splits[0] = [folder] { return paired(folder / "images", folder / "masks"); };
    return splits;
  }
  for (std::size_t k = 0; k < splits.size(); ++k) {
    const std::string name(name_of(kMaskSplits.at(k)));
    const auto own = folder / name;
    if (is_set_folder(own / "images") && is_set_folder(own / "masks")) {
      splits.at(k) = [own] { return paired(own / "images", own / "masks"); };
    } else if (const auto masks = folder / (name + "annot");
               is_set_folder(own) && is_set_folder(masks)) {
      splits.at(k) = [own, masks] { return paired(own, masks); };
    } else if (const auto panoptic = find_panoptic(folder, kMaskSplits.at(k))) {
      splits.at(k) = [panoptic] { return panoptic_pairs(*panoptic); };
    }
  }
  CLEW_CHECK(splits[0], "'", folder.string(),
             "' must have SegmentationClass, as Pascal VOC's, train and trainannot, as CamVid's, "
             "panoptic_train*.json, as COCO's, or images and masks");
  return splits;
}

SceneOptions with_mask(SceneOptions options) {
  options.frames = 1;
  options.has_objects = false;
  options.has_mask = true;
  return options;
}

}  // namespace

Columns mask_columns() {
  return {{.name = "image",
           .shape = {3, -1, -1},
           .type = torch::kFloat32,
           .meaning = "RGB in [0,1]",
           .is_listed = true},
          {.name = "mask",
           .shape = {-1, -1},
           .type = torch::kUInt8,
           .meaning = "class of each pixel; 255: not counted",
           .is_listed = true}};
}

std::vector<std::string> counted_classes(const std::vector<std::string>& classes,
                                         const std::vector<std::string>& ignored,
                                         const std::string& table) {
  for (const auto& name : classes)
    if (std::ranges::count(classes, name) > 1)
      throw UsageError(concat(table, "classes must name each class once, got '", name, "' again"));
  for (const auto& name : ignored)
    if (std::ranges::find(classes, name) == classes.end())
      throw UsageError(concat(table, "ignored must be of ", table, "classes (", clew::join(classes),
                              "), got '", name, "'", did_you_mean(name, classes)));
  std::vector<std::string> counted;
  for (const auto& name : classes)
    if (std::ranges::find(ignored, name) == ignored.end()) counted.push_back(name);
  if (counted.size() < 2 || classes.size() > 255)
    throw UsageError(concat("masks must have 2 to 255 classes that are counted, got ",
                            counted.size(), " of ", classes.size(), " in ", table, "classes"));
  return counted;
}

std::map<std::string, fs::path> files_by_stem(const fs::path& folder) {
  std::map<std::string, fs::path> files;
  std::error_code code;
  for (fs::directory_iterator entry(folder, code), end; !code && entry != end;
       entry.increment(code)) {
    const auto& path = entry->path();
    if (!image::has_picture_ending(path) || path.filename().string().starts_with('.')) continue;
    const auto [other, is_new] = files.emplace(path.stem().string(), path);
    CLEW_CHECK(is_new, "pictures and masks are paired by name, got '",
               std::min(path, other->second).string(), "' and '",
               std::max(path, other->second).filename().string(), "'");
  }
  CLEW_CHECK(!code, "cannot read '", folder.string(), "': ", code.message());
  return files;
}

bool has_masks(const fs::path& folder) {
  const auto has = [&](const char* name) { return is_set_folder(folder / name); };
  return has("SegmentationClass") || (has("images") && has("masks")) ||
         (has("train") && has("trainannot")) || (has("train/images") && has("train/masks")) ||
         find_panoptic(folder, Split::kTrain).has_value();
}

image::Values read_mask(const MaskPair& pair, std::int64_t classes) {
  return pair.panoptic == nullptr ? read_class_mask(pair.mask, classes) : read_panoptic(pair);
}

std::vector<std::string> mask_class_names(const fs::path& folder) {
  if (const auto labels = folder / kLabelsFile; path_exists(labels)) return read_labels(labels);
  if (const auto panoptic = find_panoptic(folder, Split::kTrain))
    return panoptic_classes(*panoptic);
  return {};
}

MaskPairs list_masks(const fs::path& folder, Split split, const SplitShares& shares) {
  auto [train, validation, test] = pairs_of(folder);
  if (!test) std::swap(test, validation);
  auto& own = split == Split::kTrain ? train : split == Split::kTest ? test : validation;
  MaskPairs pairs;
  if (split != Split::kTrain && own) {
    pairs = own();
  } else {
    const SplitFolder where{.path = folder,
                            .is_shared = !validation || !test,
                            .test_share = test ? 0 : shares.test,
                            .validation_share = validation ? 0 : shares.validation};
    for (auto& pair : train())
      if (!where.is_shared || split_of_path(pair.picture.stem().string(), where) == split)
        pairs.push_back(std::move(pair));
  }
  CLEW_CHECK(!pairs.empty(), "'", folder.string(), "' must have pictures of the split ",
             name_of(split), ", got none");
  return pairs;
}

MaskPictures::MaskPictures(const MaskDataConfig& config, Split split)
    : classes_(config.classes), background_(config.background) {
  if (config.dir.empty()) throw UsageError("data.dir must name a folder of pictures and masks");
  pairs_ = list_masks(config.dir, split,
                      {.test = config.test_share, .validation = config.validation_share});
  if (classes_.empty()) classes_ = mask_class_names(config.dir);
  if (classes_.empty())
    throw UsageError(concat("data.classes must name the classes of the masks of '", config.dir,
                            "', which has no ", kLabelsFile));
  if (const auto& panoptic = pairs_[0].panoptic; panoptic && *panoptic->classes != classes_)
    throw UsageError(concat("data.classes must be those of the panoptic masks of the split ",
                            name_of(split), ", ", clew::join(*panoptic->classes), ", got ",
                            clew::join(classes_)));
  counted_ = counted_classes(classes_, config.ignored);
  numbers_.fill(kVoid);
  for (std::size_t i = 0; i < classes_.size(); ++i) {
    const auto at = std::ranges::find(counted_, classes_[i]);
    if (at != counted_.end()) numbers_.at(i) = static_cast<std::uint8_t>(at - counted_.begin());
  }
}

std::string MaskPictures::origin(std::int64_t index) const {
  check_index(*this, index);
  return pairs_[static_cast<std::size_t>(index)].picture.string();
}

Example MaskPictures::get(std::int64_t index, const Key& /*key*/) const {
  check_index(*this, index);
  const auto& pair = pairs_[static_cast<std::size_t>(index)];
  const auto values = read_mask(pair, std::ssize(classes_));
  auto picture = image::read(pair.picture, background_);
  const auto fits = [&] {
    return picture.width == values.width && picture.height == values.height;
  };
  // Masks have no orientation of their own.
  if (!fits() && picture.width == values.height && picture.height == values.width)
    picture = image::read(pair.picture, background_, image::Orientation::kStored);
  CLEW_CHECK(fits(), "mask '", pair.mask.string(), "' must have the size of its picture, ",
             picture.width, "x", picture.height, ", got ", values.width, "x", values.height);
  auto mask = torch::empty({values.height, values.width}, torch::kUInt8);
  std::ranges::transform(values.values, mask.data_ptr<std::uint8_t>(),
                         [&](std::uint16_t value) { return numbers_.at(value); });
  return {{"image", to_tensor(picture)}, {"mask", mask}};
}

std::uint64_t MaskPictures::content_hash() const {
  std::uint64_t hash = hash_text(concat("masks ", name_of(background_)));
  for (std::size_t i = 0; i < classes_.size(); ++i)
    hash = hash_text(concat(classes_[i], ' ', static_cast<int>(numbers_.at(i))), hash);
  for (const auto& pair : pairs_) {
    for (const auto& file : {pair.picture, pair.mask})
      hash = hash_text(read_file(file, kLongestMaskPicture), hash);
    if (pair.panoptic == nullptr) continue;
    for (const auto& [colour, number] : pair.panoptic->segments)
      hash = hash_text(concat(colour, ' ', static_cast<int>(number)), hash);
  }
  return hash;
}

SceneMasks::SceneMasks(SceneOptions options) : scenes_(with_mask(std::move(options))) {}

Example SceneMasks::get(std::int64_t index, const Key& key) const {
  const Example scene = scenes_.get(index, key);
  return {{"image", scene["image"]}, {"mask", scene["mask"].to(torch::kUInt8)}};
}

std::vector<std::string> SceneMasks::all_class_names() {
  auto names = Scenes::all_class_names();
  names.insert(names.begin(), "background");
  return names;
}

}  // namespace clew::data
