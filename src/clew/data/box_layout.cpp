// SPDX-License-Identifier: Apache-2.0
#include "clew/data/box_layout.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <map>
#include <optional>
#include <set>
#include <string_view>
#include <system_error>
#include <unordered_map>
#include <utility>

#include "clew/core/error.h"
#include "clew/core/files.h"
#include "clew/core/text.h"
#include "clew/data/formats/coco.h"
#include "clew/data/formats/voc.h"
#include "clew/data/formats/yolo.h"
#include "clew/image/files.h"

namespace clew::data {
namespace {

namespace fs = std::filesystem;

constexpr const char* kBoxLayouts =
    "Pascal VOC's Annotations, COCO's annotations/instances_SPLIT.json, and YOLO's images and "
    "labels";
constexpr std::string_view kVocLayout = "Pascal VOC's Annotations",
                           kYoloLayout = "YOLO's images and labels";
constexpr std::string_view kCocoHead = "instances_";
constexpr std::uint64_t kMaxYoloBytes = 64 << 20;

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

double polygon_area(const std::vector<double>& points) {
  double twice = 0;
  for (std::size_t i = 0; i + 1 < points.size(); i += 2) {
    const std::size_t next = i + 2 < points.size() ? i + 2 : 0;
    twice += points[i] * points[next + 1] - points[next] * points[i + 1];
  }
  return std::abs(twice) / 2;
}

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
    BoxPicture picture;
    const fs::path* at = &file;
    try {
      annotation = read_voc(file, VocBoxes::kRaw);
      picture = {.file = find_voc_picture(layout, id, annotation.file),
                 .id = static_cast<std::int64_t>(source.pictures.size()) + 1,
                 .width = annotation.width,
                 .height = annotation.height};
      std::error_code ignored;
      if ((picture.width == 0 || picture.height == 0) && fs::exists(picture.file, ignored)) {
        at = &picture.file;
        const auto sides = image::read_sides(picture.file);
        picture.width = sides.width;
        picture.height = sides.height;
      }
    } catch (const Error& error) {
      if (!fault) throw;
      fault(*at, error.what());
      continue;
    }
    for (auto& one : annotation.objects) {
      // A single pixel is a box that was never drawn out: without area.
      auto& box = one.box_xyxy_px;
      if (box[2] - box[0] == 1 && box[3] - box[1] == 1) box = {box[0], box[1], box[0], box[1]};
      const auto [label, is_new] = labels.emplace(one.name, static_cast<int>(labels.size()));
      if (is_new) names.push_back(one.name);
      picture.objects.push_back({.label = label->second,
                                 .box_xyxy_px = one.box_xyxy_px,
                                 .area_px = box_area(one.box_xyxy_px),
                                 .is_difficult = one.is_difficult,
                                 .is_truncated = one.is_truncated,
                                 .is_occluded = one.is_occluded});
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

// COCO.

/// Split of "instances_train2017.json".
std::optional<Split> coco_split(const fs::path& file) {
  std::string name = file.stem().string().substr(kCocoHead.size());
  while (!name.empty() && name.back() >= '0' && name.back() <= '9') name.pop_back();
  return split_of_name(name);
}

std::vector<fs::path> coco_files(const fs::path& folder) {
  std::vector<fs::path> files;
  if (!is_box_folder(folder / "annotations")) return files;
  for (const auto& file : box_entries(folder / "annotations"))
    if (file.extension() == ".json" && file.filename().string().starts_with(kCocoHead))
      files.push_back(file);
  return files;
}

BoxLayout coco_layout(const fs::path& folder) {
  BoxLayout layout{.format = BoxFormat::kCoco, .root = folder};
  const auto files = coco_files(folder);
  for (const auto& file : files) {
    const auto split = coco_split(file);
    if (!split) continue;
    fs::path& stored = layout.stored.of(*split);
    CLEW_CHECK(stored.empty(), "'", folder.string(), "' has two files for one split, ",
               stored.filename().string(), " and ", file.filename().string());
    stored = file;
  }
  if (layout.stored.train.empty() && files.size() == 1 && !coco_split(files[0])) {
    layout.is_divided = false;
    layout.stored.train = files[0];
  }
  CLEW_CHECK(!layout.stored.train.empty(), "'", folder.string(),
             "' must have annotations/instances_train.json, got ", files[0].filename().string());
  return layout;
}

/// Folder of the pictures of a JSON file: the first of the usual ones that has most of some.
fs::path coco_pictures(const BoxLayout& layout, const fs::path& file, const CocoSet& set) {
  constexpr std::size_t kMostTried = 32;
  const std::string name = file.stem().string().substr(kCocoHead.size());
  std::vector<fs::path> folders = {layout.root / name, layout.root / "images" / name};
  if (const auto split = coco_split(file)) {
    const std::string plain(name_of(*split));
    folders.push_back(layout.root / plain);
    folders.push_back(layout.root / "images" / plain);
  }
  folders.push_back(layout.root / "images");
  folders.push_back(layout.root);
  const auto tried = std::min(set.images.size(), kMostTried);
  fs::path best = folders[0];
  std::size_t most = 0;
  for (const auto& folder : folders) {
    if (!is_box_folder(folder)) continue;
    std::error_code ignored;
    const auto count = static_cast<std::size_t>(std::count_if(
        set.images.begin(), set.images.begin() + static_cast<std::ptrdiff_t>(tried),
        [&](const CocoImage& one) { return fs::exists(folder / one.file, ignored); }));
    if (count > most) {
      most = count;
      best = folder;
    }
  }
  return best;
}

BoxSource read_coco_source(const BoxLayout& layout, const fs::path& path, const OnBoxFault& fault) {
  CocoSet set;
  try {
    set = read_coco(path);
  } catch (const Error& error) {
    if (!fault) throw;
    fault(path, error.what());
    return {};
  }
  BoxSource source;
  source.at = {path};
  std::ranges::sort(set.categories, {}, &CocoCategory::id);
  std::unordered_map<std::int64_t, int> labels;
  for (const auto& one : set.categories) {
    CLEW_CHECK(std::ranges::count(source.classes, one.name) == 0, path.string(),
               ": each category must have a name of its own, got '", excerpt(one.name), "' twice");
    labels.emplace(one.id, static_cast<int>(source.classes.size()));
    source.class_ids.push_back(one.id);
    source.classes.push_back(one.name);
  }
  const fs::path folder = coco_pictures(layout, path, set);
  std::unordered_map<std::int64_t, std::size_t> places;
  source.pictures.reserve(set.images.size());
  for (auto& one : set.images) {
    CLEW_CHECK(is_inside(one.file), path.string(),
               ": a file_name must be a path below the pictures' folder, got '", excerpt(one.file),
               "'");
    places.emplace(one.id, source.pictures.size());
    source.pictures.push_back(
        {.file = folder / one.file, .id = one.id, .width = one.width, .height = one.height});
    source.names.push_back(std::move(one.file));
  }
  std::vector<std::size_t> counts(source.pictures.size());
  for (const auto& one : set.annotations) ++counts[places[one.image]];
  for (std::size_t i = 0; i < counts.size(); ++i) source.pictures[i].objects.reserve(counts[i]);
  for (auto& one : set.annotations)
    source.pictures[places[one.image]].objects.push_back({.label = labels[one.category],
                                                          .box_xyxy_px = one.box_xyxy_px,
                                                          .area_px = one.area_px,
                                                          .is_crowd = one.is_crowd,
                                                          .polygons = std::move(one.polygons),
                                                          .runs = std::move(one.runs)});
  return source;
}

// YOLO.

/// Folder of the labels of a folder of pictures: "images" of its path becomes "labels".
fs::path yolo_labels(const BoxLayout& layout, const fs::path& pictures) {
  fs::path labels = layout.root;
  for (const auto& part : pictures.lexically_relative(layout.root))
    labels /= part == "images" ? fs::path("labels") : part;
  return labels;
}

/// Folders of pictures with labels beside them, by split.
SplitPaths yolo_folders(const fs::path& folder) {
  SplitPaths found;
  const auto add = [&](const fs::path& pictures, const fs::path& labels, const std::string& name) {
    const auto split = split_of_name(name);
    if (!split || !is_box_folder(pictures) || !is_box_folder(labels)) return;
    fs::path& stored = found.of(*split);
    CLEW_CHECK(stored.empty(), "'", folder.string(), "' has two folders for one split, '",
               stored.string(), "' and '", pictures.string(), "'");
    stored = pictures;
  };
  if (is_box_folder(folder / "images"))
    for (const auto& path : box_entries(folder / "images"))
      add(path, folder / "labels" / path.filename(), path.filename().string());
  for (const auto& path : box_entries(folder))
    add(path / "images", path / "labels", path.filename().string());
  return found;
}

bool is_undivided_yolo(const fs::path& folder) {
  return is_box_folder(folder / "images") && is_box_folder(folder / "labels");
}

std::vector<YoloClass> yolo_classes(const fs::path& folder, const std::vector<std::string>& given) {
  for (const char* name : {"data.yaml", "data.yml", "dataset.yaml"}) {
    const fs::path path = folder / name;
    if (path_exists(path)) return parse_yolo_yaml(read_text(path, kMaxYoloBytes), path.string());
  }
  for (const char* name : {"classes.txt", "labels/classes.txt", "obj.names"}) {
    const fs::path path = folder / name;
    if (path_exists(path)) return parse_yolo_classes(read_text(path, kMaxYoloBytes), path.string());
  }
  CLEW_CHECK(!given.empty(), "'", folder.string(),
             "' must have the names of its classes in data.yaml or classes.txt, got neither");
  std::vector<YoloClass> classes;
  for (const auto& name : given)
    classes.push_back({static_cast<std::int64_t>(classes.size()), name});
  return classes;
}

BoxLayout yolo_layout(const fs::path& folder, const std::vector<std::string>& classes) {
  BoxLayout layout{.format = BoxFormat::kYolo, .root = folder, .stored = yolo_folders(folder)};
  if (layout.stored.train.empty()) {
    CLEW_CHECK(layout.stored.validation.empty() && layout.stored.test.empty(), "'", folder.string(),
               "' must have images/train and labels/train, got other splits alone");
    layout.is_divided = false;
    layout.stored.train = folder / "images";
  }
  for (auto& one : yolo_classes(folder, classes)) {
    layout.class_ids.push_back(one.id);
    layout.classes.push_back(std::move(one.name));
  }
  return layout;
}

/// Files below a folder for which `is_wanted`, relative to it, sorted.
std::vector<std::string> yolo_files(const fs::path& folder,
                                    const std::function<bool(const fs::path&)>& is_wanted) {
  std::vector<std::string> files;
  std::error_code code;
  for (fs::recursive_directory_iterator entry(folder, code), end; !code && entry != end;
       entry.increment(code)) {
    std::error_code ignored;
    if (entry->path().filename().string().starts_with('.')) {
      entry.disable_recursion_pending();
    } else if (!entry->is_directory(ignored) && is_wanted(entry->path())) {
      files.push_back(entry->path().lexically_relative(folder).generic_string());
    }
  }
  CLEW_CHECK(!code, "cannot read '", folder.string(), "': ", code.message());
  std::ranges::sort(files);
  return files;
}

/// Pictures of a folder, and those of label files without one, as .jpg.
std::vector<std::string> yolo_pictures(const BoxLayout& layout, const fs::path& path) {
  auto names = yolo_files(path, image::has_picture_ending);
  std::set<std::string> stems;
  for (const auto& name : names) stems.insert(fs::path(name).replace_extension().generic_string());
  const auto labels = yolo_files(yolo_labels(layout, path), [](const fs::path& file) {
    return file.extension() == ".txt" && file.filename() != "classes.txt";
  });
  for (const auto& name : labels) {
    const auto stem = fs::path(name).replace_extension().generic_string();
    if (!stems.contains(stem)) names.push_back(stem + ".jpg");
  }
  return names;
}

BoxObject box_object(const YoloObject& one, const BoxPicture& picture) {
  const std::array<double, 2> sides = {static_cast<double>(picture.width),
                                       static_cast<double>(picture.height)};
  BoxObject object;
  for (std::size_t e = 0; e < 4; ++e) object.box_xyxy_px[e] = one.box_xyxy[e] * sides[e % 2];
  object.area_px = box_area(object.box_xyxy_px);
  if (one.polygon.empty()) return object;
  auto& polygon = object.polygons.emplace_back(one.polygon);
  for (std::size_t i = 0; i < polygon.size(); ++i) polygon[i] *= sides[i % 2];
  object.area_px = polygon_area(polygon);
  return object;
}

BoxSource read_yolo_source(const BoxLayout& layout, const fs::path& path, const OnBoxFault& fault) {
  BoxSource source{.classes = layout.classes, .class_ids = layout.class_ids};
  std::map<std::int64_t, int> label_of;
  for (const std::int64_t id : layout.class_ids)
    label_of.emplace(id, static_cast<int>(label_of.size()));
  const fs::path labels = yolo_labels(layout, path);
  for (const auto& name : yolo_pictures(layout, path)) {
    BoxPicture picture{.file = path / name,
                       .id = static_cast<std::int64_t>(source.pictures.size()) + 1};
    const fs::path file = labels / fs::path(name).replace_extension(".txt");
    std::error_code ignored;
    const bool is_there = fs::exists(picture.file, ignored);
    const fs::path* at = &picture.file;
    try {
      if (is_there) {
        const auto sides = image::read_sides(picture.file);
        picture.width = sides.width;
        picture.height = sides.height;
      }
      at = &file;
      if (is_there && path_exists(file)) {
        for (const auto& one : parse_yolo(read_text(file, kMaxYoloBytes), file.string())) {
          const auto label = label_of.find(one.label);
          CLEW_CHECK(label != label_of.end(), file.string(), ": class ", one.label,
                     " has no name, there are ", layout.classes.size(), ": ",
                     excerpt(clew::join(layout.classes)));
          picture.objects.push_back(box_object(one, picture));
          picture.objects.back().label = label->second;
        }
      }
    } catch (const Error& error) {
      if (!fault) throw;
      fault(*at, error.what());
      continue;
    }
    source.names.push_back(name);
    source.pictures.push_back(std::move(picture));
    source.at.push_back(file);
  }
  return source;
}

/// Layouts whose files are there.
std::vector<std::string> box_layouts(const fs::path& folder) {
  std::vector<std::string> found;
  if (is_box_folder(folder / "Annotations")) found.emplace_back(kVocLayout);
  if (const auto files = coco_files(folder); !files.empty())
    found.push_back("COCO's annotations/" + files[0].filename().string());
  const SplitPaths yolo = yolo_folders(folder);
  if (is_undivided_yolo(folder) || !yolo.train.empty() || !yolo.validation.empty() ||
      !yolo.test.empty())
    found.emplace_back(kYoloLayout);
  return found;
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

bool has_box_layout(const fs::path& folder) {
  return is_box_folder(folder) && !box_layouts(folder).empty();
}

BoxLayout find_box_layout(const fs::path& folder, const std::vector<std::string>& classes) {
  CLEW_CHECK(is_box_folder(folder), "'", folder.string(),
             "' must be a folder of pictures with boxes, there is no such folder");
  const auto found = box_layouts(folder);
  CLEW_CHECK(found.size() == 1, "'", folder.string(), "' must hold one of ", kBoxLayouts, ", got ",
             found.empty() ? "none" : clew::join(found, " and "));
  return found[0] == kVocLayout    ? voc_layout(folder)
         : found[0] == kYoloLayout ? yolo_layout(folder, classes)
                                   : coco_layout(folder);
}

BoxSource read_box_source(const BoxLayout& layout, const fs::path& path,
                          const OnBoxFault& on_fault) {
  if (layout.format == BoxFormat::kCoco) return read_coco_source(layout, path, on_fault);
  if (layout.format == BoxFormat::kYolo) return read_yolo_source(layout, path, on_fault);
  return read_voc_source(layout, path, on_fault);
}

std::vector<fs::path> box_picture_files(const BoxLayout& layout, const fs::path& path) {
  std::vector<fs::path> files;
  if (layout.format == BoxFormat::kVoc) {
    for (const auto& id : voc_ids(layout, path)) files.push_back(layout.root / voc_picture(id));
  } else if (layout.format == BoxFormat::kYolo) {
    for (const auto& name : yolo_pictures(layout, path)) files.push_back(path / name);
  } else {
    const CocoSet set = read_coco(path, CocoParts::kWithoutAnnotations);
    const fs::path folder = coco_pictures(layout, path, set);
    for (const auto& one : set.images) files.push_back(folder / one.file);
  }
  return files;
}

}  // namespace clew::data
