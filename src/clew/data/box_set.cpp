// SPDX-License-Identifier: Apache-2.0
#include "clew/data/box_set.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <optional>
#include <set>
#include <system_error>
#include <unordered_map>
#include <unordered_set>
#include <utility>

#include "clew/core/error.h"
#include "clew/core/files.h"
#include "clew/core/text.h"
#include "clew/data/box_layout.h"

namespace clew::data {
namespace {

namespace fs = std::filesystem;

std::string source_name(const BoxLayout& layout, const fs::path& path) {
  return path.lexically_relative(layout.root).generic_string();
}

/// A picture in the lists of two splits: clew::Error.
void check_lists_apart(const BoxLayout& layout) {
  std::map<std::string, std::string> seen;  // real path or name -> split
  for (const auto& [split, path] : layout.sources()) {
    for (const auto& name : box_picture_names(layout, path)) {
      const auto [other, is_new] = seen.emplace(name, split);
      CLEW_CHECK(is_new || other->second == split, "a picture must be in one split, got '",
                 excerpt(name), "' in ", other->second, " and in ", split, " of '",
                 layout.root.string(), "'");
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

}  // namespace

BoxFormat box_format(const fs::path& folder) { return find_box_layout(folder).format; }

BoxSet read_box_set(const fs::path& folder, Split split, const BoxSetOptions& options) {
  const BoxLayout layout = find_box_layout(folder);
  const SplitPaths paths = layout.splits();
  if (layout.is_divided) check_lists_apart(layout);
  const SplitFolder where = paths.folder(split, options.shares);
  BoxSource source = read_box_source(layout, where.path);
  BoxSet set{.classes = options.classes, .pictures = {}};
  if (set.classes.empty()) {
    set.classes =
        where.path == paths.train ? source.classes : read_box_source(layout, paths.train).classes;
  }
  CLEW_CHECK(!set.classes.empty(), "'", folder.string(), "', ", source_name(layout, paths.train),
             ": must have a class, got none");
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
    if (where.is_shared && split_of_path(source.names[i], where) != split) continue;
    for (auto& object : source.pictures[i].objects) {
      const auto own = static_cast<std::size_t>(object.label);
      CLEW_CHECK(label_of[own], "class '", excerpt(source.classes[own]), "' of '",
                 source.at[i].string(), "' is not ",
                 options.classes.empty()
                     ? concat("in the training data, ", source_name(layout, paths.train))
                     : "one of the given classes",
                 ", which has ", excerpt(clew::join(set.classes)));
      object.label = *label_of[own];
    }
    set.pictures.push_back(std::move(source.pictures[i]));
  }
  CLEW_CHECK(!set.pictures.empty(), "'", folder.string(), "' must have pictures in its split '",
             name_of(split), "', got none of ", source.pictures.size());
  check_pictures_exist(set);
  return set;
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
