// SPDX-License-Identifier: Apache-2.0
#include "clew/data/box_set.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <optional>
#include <system_error>
#include <unordered_map>
#include <utility>

#include "clew/core/error.h"
#include "clew/core/files.h"
#include "clew/core/text.h"
#include "clew/data/box_layout.h"

namespace clew::data {
namespace {

namespace fs = std::filesystem;

/// A picture in two splits, links followed: clew::Error.
void check_lists_apart(const BoxLayout& layout) {
  std::map<fs::path, fs::path> real_folders;          // cache of canonical paths
  std::unordered_map<std::string, std::string> seen;  // real path -> split
  for (const auto& [split, path] : layout.sources()) {
    for (const auto& file : box_picture_files(layout, path)) {
      std::error_code ignored;
      const auto [parent, is_first] = real_folders.try_emplace(file.parent_path());
      if (is_first) parent->second = fs::weakly_canonical(file.parent_path(), ignored);
      fs::path real = parent->second / file.filename();
      if (fs::is_symlink(file, ignored)) real = fs::weakly_canonical(file, ignored);
      const auto [other, is_new] = seen.emplace(real.string(), split);
      CLEW_CHECK(is_new || other->second == split, "a picture must be in one split, got '",
                 file.string(), "' in ", other->second, " and in ", split);
    }
  }
}

/// The first missing picture, and their number: clew::Error.
void check_pictures_exist(const BoxSet& set) {
  std::error_code ignored;
  std::int64_t missing = 0;
  fs::path first;
  for (const auto& picture : set.pictures) {
    if (fs::exists(picture.file, ignored)) continue;
    if (missing++ == 0) first = picture.file;
  }
  CLEW_CHECK(missing == 0, missing, missing == 1 ? " picture is" : " pictures are", " missing of ",
             set.pictures.size(), ", the first is '", first.string(), "'");
}

/// Pictures of `where` that are in `split` (nullopt: all), with labels by `options`' classes.
BoxSet read_part(const BoxLayout& layout, const SplitFolder& where, std::optional<Split> split,
                 const BoxSetOptions& options, std::vector<std::string>* names) {
  const fs::path& train = layout.stored.train;
  BoxSource source = read_box_source(layout, where.path);
  BoxSet set{.classes = options.classes, .pictures = {}};
  if (set.classes.empty())
    set.classes = where.path == train ? source.classes : read_box_source(layout, train).classes;
  CLEW_CHECK(!set.classes.empty(), "'", train.string(), "' must have a class, got none");
  std::map<std::string, int> labels;
  for (const auto& name : set.classes)
    CLEW_CHECK(labels.emplace(name, static_cast<int>(labels.size())).second,
               "each class must have a name of its own, got '", excerpt(name), "' twice");
  std::vector<std::optional<int>> label_of;
  for (const auto& name : source.classes) {
    const auto found = labels.find(name);
    label_of.push_back(found == labels.end() ? std::nullopt : std::optional(found->second));
  }
  for (std::size_t i = 0; i < source.pictures.size(); ++i) {
    if (split && where.is_shared && split_of_path(source.names[i], where) != *split) continue;
    for (auto& object : source.pictures[i].objects) {
      const auto own = static_cast<std::size_t>(object.label);
      CLEW_CHECK(label_of[own], "class '", excerpt(source.classes[own]), "' of '",
                 source.annotation(i).string(), "' is not ",
                 options.classes.empty() ? "in the training data, which has "
                                         : "one of the given classes, ",
                 excerpt(clew::join(set.classes)));
      object.label = *label_of[own];
    }
    set.pictures.push_back(std::move(source.pictures[i]));
    if (names != nullptr) names->push_back(std::move(source.names[i]));
  }
  CLEW_CHECK(!set.pictures.empty(), "'", layout.root.string(),
             "' must have pictures in its split '",
             split ? name_of(*split) : where.path.filename().string(), "', got none of ",
             source.pictures.size());
  check_pictures_exist(set);
  return set;
}

}  // namespace

BoxFormat box_format(const fs::path& folder) { return find_box_layout(folder, {}).format; }

BoxSet read_box_set(const fs::path& folder, Split split, const BoxSetOptions& options) {
  return read_split(find_box_layout(folder, options.classes), split, options);
}

BoxSet read_split(const BoxLayout& layout, Split split, const BoxSetOptions& options,
                  std::vector<std::string>* names) {
  const SplitPaths paths = layout.splits();
  if (layout.is_divided) check_lists_apart(layout);
  return read_part(layout, paths.folder(split, options.shares), split, options, names);
}

BoxSet read_stored_split(const BoxLayout& layout, const fs::path& path,
                         const BoxSetOptions& options, std::vector<std::string>* names) {
  return read_part(layout, {.path = path}, std::nullopt, options, names);
}

bool is_degenerate(const BoxObject& object, const BoxPicture& picture) {
  const auto& box = object.box_xyxy_px;
  if (!std::ranges::all_of(box, [](double edge) { return std::isfinite(edge); })) return true;
  const double width = std::min<double>(box[2], picture.width) - std::max(box[0], 0.0),
               height = std::min<double>(box[3], picture.height) - std::max(box[1], 0.0);
  return !(width > 0 && height > 0);
}

DegenerateBoxes drop_degenerate(BoxSet& set) {
  DegenerateBoxes dropped;
  for (auto& picture : set.pictures) {
    std::vector<BoxObject> kept;
    for (std::size_t i = 0; i < picture.objects.size(); ++i) {
      auto& object = picture.objects[i];
      auto& box = object.box_xyxy_px;
      if (is_degenerate(object, picture)) {
        if (dropped.count++ == 0)
          dropped.first = concat("'", picture.file.string(), "': box ", i + 1, ", ",
                                 excerpt(set.classes[static_cast<std::size_t>(object.label)]), " (",
                                 box[0], ", ", box[1], ", ", box[2], ", ", box[3], ")");
        continue;
      }
      const auto area = [&] { return (box[2] - box[0]) * (box[3] - box[1]); };
      const bool is_of_box = object.area_px == area();
      for (std::size_t e = 0; e < 4; ++e)
        box[e] = std::clamp<double>(box[e], 0, e % 2 == 0 ? picture.width : picture.height);
      if (is_of_box) object.area_px = area();
      kept.push_back(std::move(object));
    }
    picture.objects = std::move(kept);
  }
  return dropped;
}

}  // namespace clew::data
