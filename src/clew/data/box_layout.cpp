// SPDX-License-Identifier: Apache-2.0
#include "clew/data/box_layout.h"

#include <algorithm>
#include <map>
#include <set>
#include <system_error>
#include <utility>

#include "clew/core/error.h"
#include "clew/core/files.h"
#include "clew/core/text.h"
#include "clew/data/formats/voc.h"

namespace clew::data {
namespace {

namespace fs = std::filesystem;

constexpr const char* kBoxLayouts =
    "Pascal VOC's Annotations, COCO's annotations/instances_SPLIT.json, or YOLO's images and "
    "labels";

bool is_box_folder(const fs::path& path) {
  std::error_code ignored;
  return fs::is_directory(path, ignored);
}

/// Entries of a folder, sorted; hidden ones are left out.
std::vector<fs::path> box_entries(const fs::path& folder) {
  std::vector<fs::path> paths;
  std::error_code code;
  for (fs::directory_iterator entry(folder, code), end; !code && entry != end;
       entry.increment(code))
    if (!entry->path().filename().string().starts_with('.')) paths.push_back(entry->path());
  CLEW_CHECK(!code, "cannot read '", folder.string(), "': ", code.message());
  std::ranges::sort(paths);
  return paths;
}

/// True for a relative path without "..".
bool is_inside(const fs::path& path) {
  return !path.empty() && path.is_relative() &&
         std::none_of(path.begin(), path.end(), [](const auto& part) { return part == ".."; });
}

double box_area(const std::array<double, 4>& box) { return (box[2] - box[0]) * (box[3] - box[1]); }

// Pascal VOC.

std::vector<std::string> voc_ids(const BoxLayout& layout, const fs::path& path) {
  std::vector<std::string> ids;
  if (layout.is_divided) {
    ids = read_voc_ids(path);
  } else {
    for (const auto& file : box_entries(path))
      if (file.extension() == ".xml") ids.push_back(file.stem().string());
  }
  std::set<std::string> seen;
  for (const auto& id : ids) {
    CLEW_CHECK(is_inside(id), path.string(), ": an ID must be a path below Annotations, got '",
               excerpt(id), "'");
    CLEW_CHECK(seen.insert(id).second, path.string(), ": an ID must be there once, got '",
               excerpt(id), "' again");
  }
  return ids;
}

/// ID.jpg where it exists; else the file that the annotation names, or ID with another ending.
fs::path find_voc_picture(const BoxLayout& layout, const std::string& id, const std::string& file) {
  const fs::path usual = layout.root / voc_picture(id), folder = usual.parent_path();
  std::error_code ignored;
  if (fs::exists(usual, ignored)) return usual;
  std::vector<fs::path> others = {folder / fs::path(file).filename()};
  for (const char* ending : {".jpeg", ".png", ".JPG", ".JPEG", ".PNG", ".bmp", ".webp", ".tif"})
    others.push_back(layout.root / "JPEGImages" / (id + ending));
  const auto found =
      std::ranges::find_if(others, [&](const fs::path& path) { return fs::exists(path, ignored); });
  return found == others.end() ? usual : *found;
}

BoxSource read_voc_source(const BoxLayout& layout, const fs::path& path, const OnBoxFault& fault) {
  BoxSource source;
  std::map<std::string, int> labels;  // in order of appearance, until all are known
  std::vector<std::string> names;
  for (const auto& id : voc_ids(layout, path)) {
    const fs::path file = layout.root / voc_annotation(id);
    VocAnnotation annotation;
    try {
      annotation = read_voc(file, VocBoxes::kRaw);
    } catch (const Error& error) {
      if (!fault) throw;
      fault(file, error.what());
      continue;
    }
    BoxPicture picture{.file = find_voc_picture(layout, id, annotation.file),
                       .id = static_cast<std::int64_t>(source.pictures.size()) + 1,
                       .width = annotation.width,
                       .height = annotation.height};
    for (const auto& one : annotation.objects) {
      const auto [label, is_new] = labels.emplace(one.name, static_cast<int>(labels.size()));
      if (is_new) names.push_back(one.name);
      picture.objects.push_back({.label = label->second,
                                 .box_xyxy_px = one.box_xyxy_px,
                                 .area_px = box_area(one.box_xyxy_px),
                                 .is_difficult = one.is_difficult});
    }
    source.names.push_back(
        picture.file.lexically_relative(layout.root / "JPEGImages").generic_string());
    source.pictures.push_back(std::move(picture));
    source.at.push_back(file);
  }
  std::vector<int> sorted(names.size());  // label in order of appearance -> sorted by name
  for (const auto& [name, label] : labels) {
    sorted[static_cast<std::size_t>(label)] = static_cast<int>(source.classes.size());
    source.class_ids.push_back(static_cast<std::int64_t>(source.classes.size()));
    source.classes.push_back(name);
  }
  for (auto& picture : source.pictures)
    for (auto& object : picture.objects)
      object.label = sorted[static_cast<std::size_t>(object.label)];
  return source;
}

BoxLayout voc_layout(const fs::path& folder) {
  BoxLayout layout{.format = BoxFormat::kVoc, .root = folder};
  if (!is_box_folder(folder / "ImageSets" / "Main")) {
    layout.is_divided = false;
    layout.stored.train = folder / "Annotations";
    return layout;
  }
  const auto list = [&](const char* split) {
    const fs::path path = folder / voc_split(split);
    return path_exists(path) ? path : fs::path();
  };
  layout.stored = {.train = list("train"), .validation = list("val"), .test = list("test")};
  if (layout.stored.train.empty()) {
    layout.stored.train = list("trainval");
    layout.stored.validation.clear();
  }
  CLEW_CHECK(!layout.stored.train.empty(), "'", folder.string(),
             "' must have ImageSets/Main/train.txt, got ImageSets/Main without it");
  return layout;
}

}  // namespace

SplitPaths BoxLayout::splits() const {
  SplitPaths paths = stored;
  if (paths.test.empty()) std::swap(paths.validation, paths.test);
  CLEW_CHECK(!is_divided || !paths.test.empty(), "'", root.string(), "' has ",
             paths.train.lexically_relative(root).generic_string(),
             " and must have val or test beside it");
  return paths;
}

std::vector<std::pair<std::string, fs::path>> BoxLayout::sources() const {
  if (!is_divided) return {{"all", stored.train}};
  std::vector<std::pair<std::string, fs::path>> all = {{"train", stored.train}};
  if (!stored.validation.empty()) all.emplace_back("val", stored.validation);
  if (!stored.test.empty()) all.emplace_back("test", stored.test);
  return all;
}

BoxLayout find_box_layout(const fs::path& folder) {
  CLEW_CHECK(is_box_folder(folder), "'", folder.string(),
             "' must be a folder of pictures with boxes");
  const bool is_voc = is_box_folder(folder / "Annotations");
  CLEW_CHECK(is_voc, "'", folder.string(), "' must hold ", kBoxLayouts, ", got none of these");
  return voc_layout(folder);
}

BoxSource read_box_source(const BoxLayout& layout, const fs::path& path,
                          const OnBoxFault& on_fault) {
  return read_voc_source(layout, path, on_fault);
}

std::vector<std::string> box_picture_names(const BoxLayout& layout, const fs::path& path) {
  return voc_ids(layout, path);
}

}  // namespace clew::data
