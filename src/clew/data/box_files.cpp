// SPDX-License-Identifier: Apache-2.0
#include "clew/data/box_files.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <map>
#include <optional>
#include <set>
#include <system_error>
#include <utility>

#include "clew/core/error.h"
#include "clew/core/files.h"
#include "clew/core/text.h"
#include "clew/data/box_layout.h"
#include "clew/data/formats/coco.h"
#include "clew/data/formats/voc.h"
#include "clew/data/formats/yolo.h"
#include "clew/data/staging.h"
#include "clew/image/files.h"

namespace clew::data {
namespace {

namespace fs = std::filesystem;

constexpr std::uint64_t kMaxCopiedBytes = 1ULL << 30;

/// Existing top-level files and folders of a format: clew::Error.
void refuse_box_files(const fs::path& folder, BoxFormat format,
                      const std::vector<std::string>& splits) {
  std::vector<std::string> roots = {"annotations"};
  roots.insert(roots.end(), splits.begin(), splits.end());
  if (format == BoxFormat::kVoc) roots = {"JPEGImages", "Annotations", "ImageSets"};
  if (format == BoxFormat::kYolo) roots = {"images", "labels", "data.yaml"};
  for (const auto& name : roots) {
    std::error_code ignored;
    CLEW_CHECK(!fs::exists(fs::symlink_status(folder / name, ignored)), "'", folder.string(),
               "' already holds ", name);
  }
}

/// Names of written pictures without folders, and of one stem each: of the set (VOC) or of their
/// split.
std::vector<std::vector<std::string>> written_names(const std::vector<BoxSplit>& splits,
                                                    bool is_of_set) {
  std::vector<std::vector<std::string>> all;
  std::set<std::string> stems;
  for (const auto& split : splits) {
    if (!is_of_set) stems.clear();
    auto& names = all.emplace_back();
    for (const auto& given : split.names) {
      std::string flat = given;
      std::ranges::replace(flat, '/', '_');
      const std::string ending = fs::path(flat).extension().string(),
                        stem = flat.substr(0, flat.size() - ending.size());
      std::string name = stem;
      for (int i = 1; !stems.insert(name).second; ++i)
        name = i == 1 ? concat(split.name, "_", stem) : concat(split.name, "_", stem, "_", i);
      names.push_back(name + ending);
    }
  }
  return all;
}

std::string stem_of(const std::string& name) { return fs::path(name).stem().string(); }

VocAnnotation voc_of(const BoxPicture& picture, const std::string& name,
                     const std::vector<std::string>& classes) {
  VocAnnotation annotation{
      .file = name, .width = picture.width, .height = picture.height, .objects = {}};
  for (const auto& one : picture.objects)
    annotation.objects.push_back({.name = classes[static_cast<std::size_t>(one.label)],
                                  .box_xyxy_px = one.box_xyxy_px,
                                  .is_truncated = one.is_truncated,
                                  .is_occluded = one.is_occluded,
                                  .is_difficult = one.is_difficult});
  return annotation;
}

/// A point of a picture as it is stored -> of the upright one.
std::array<double, 2> upright_point(double x, double y, const BoxPicture& picture,
                                    int orientation) {
  const double width = picture.width, height = picture.height;
  switch (orientation) {
    case 5:
      return {y, x};
    case 6:
      return {height - y, x};
    case 7:
      return {height - y, width - x};
    default:
      return {y, width - x};
  }
}

/// True if the polygon is the object's mask, and its bounds are the box.
bool is_yolo_polygon(const BoxObject& object) {
  if (object.polygons.size() != 1 || !object.runs.counts.empty()) return false;
  constexpr double kNear = 1e-6;  // pixels
  const auto& points = object.polygons[0];
  std::array<double, 4> bounds = {points[0], points[1], points[0], points[1]};
  for (std::size_t i = 0; i < points.size(); ++i) {
    bounds[i % 2] = std::min(bounds[i % 2], points[i]);
    bounds[2 + i % 2] = std::max(bounds[2 + i % 2], points[i]);
  }
  for (std::size_t e = 0; e < 4; ++e)
    if (std::abs(bounds[e] - object.box_xyxy_px[e]) > kNear) return false;
  return true;
}

/// YOLO's coordinates are those of the upright picture.
std::vector<YoloObject> yolo_of(const BoxPicture& picture) {
  const auto sides = image::read_sides(picture.file);
  const bool is_turned = sides.width != picture.width && sides.width == picture.height &&
                         sides.height == picture.width && sides.orientation > 4;
  const double width = is_turned ? picture.height : picture.width,
               height = is_turned ? picture.width : picture.height;
  const auto moved = [&](double x, double y) -> std::array<double, 2> {
    const auto [right, down] =
        is_turned ? upright_point(x, y, picture, sides.orientation) : std::array<double, 2>{x, y};
    return {right / width, down / height};
  };
  std::vector<YoloObject> objects;
  for (const auto& one : picture.objects) {
    const auto& box = one.box_xyxy_px;
    const auto [x0, y0] = moved(box[0], box[1]);
    const auto [x1, y1] = moved(box[2], box[3]);
    YoloObject object{
        .label = one.label,
        .box_xyxy = {std::min(x0, x1), std::min(y0, y1), std::max(x0, x1), std::max(y0, y1)}};
    if (is_yolo_polygon(one)) {
      const auto& points = one.polygons[0];
      for (std::size_t i = 0; i + 1 < points.size(); i += 2) {
        const auto [x, y] = moved(points[i], points[i + 1]);
        object.polygon.insert(object.polygon.end(), {x, y});
      }
    }
    objects.push_back(std::move(object));
  }
  return objects;
}

void write_coco(const StagingFolder& files, const std::vector<std::string>& classes,
                const BoxSplit& split, const std::vector<std::string>& names) {
  CocoSet set;
  for (std::size_t i = 0; i < classes.size(); ++i)
    set.categories.push_back(
        {.id = static_cast<std::int64_t>(i) + 1, .name = classes[i], .group = ""});
  std::set<std::int64_t> ids;
  const bool has_ids = std::ranges::all_of(
      split.pictures, [&](const BoxPicture& picture) { return ids.insert(picture.id).second; });
  for (std::size_t i = 0; i < split.pictures.size(); ++i) {
    const auto& picture = split.pictures[i];
    const std::int64_t id = has_ids ? picture.id : static_cast<std::int64_t>(i) + 1;
    set.images.push_back(
        {.id = id, .file = names[i], .width = picture.width, .height = picture.height});
    for (const auto& one : picture.objects)
      set.annotations.push_back({.id = std::ssize(set.annotations) + 1,
                                 .image = id,
                                 .category = one.label + 1,
                                 .box_xyxy_px = one.box_xyxy_px,
                                 .area_px = one.area_px,
                                 .is_crowd = one.is_crowd,
                                 .polygons = one.polygons,
                                 .runs = one.runs});
  }
  files.write(coco_annotations(split.name), format_coco(set));
}

fs::path picture_path(BoxFormat format, const std::string& split, const std::string& name) {
  return format == BoxFormat::kVoc    ? fs::path("JPEGImages") / name
         : format == BoxFormat::kYolo ? fs::path("images") / split / name
                                      : fs::path(split) / name;
}

}  // namespace

void write_box_files(const fs::path& folder, const std::vector<std::string>& classes,
                     const std::vector<BoxSplit>& splits, const BoxFilesOptions& options) {
  std::vector<std::string> split_names;
  for (const auto& split : splits) split_names.push_back(split.name);
  const auto refuse = [&] { refuse_box_files(folder, options.format, split_names); };
  refuse();
  std::int64_t done = 0, total = 0;
  for (const auto& split : splits) total += std::ssize(split.pictures);
  const StagingFolder files(folder, refuse);
  const auto names = written_names(splits, options.format == BoxFormat::kVoc);
  for (std::size_t k = 0; k < splits.size(); ++k) {
    const auto& split = splits[k];
    std::string ids;
    if (options.format == BoxFormat::kYolo) make_folders(files.path() / "labels" / split.name);
    for (std::size_t i = 0; i < split.pictures.size(); ++i) {
      const auto& picture = split.pictures[i];
      const std::string &name = names[k][i], stem = stem_of(name);
      files.write(picture_path(options.format, split.name, name),
                  read_file(picture.file, kMaxCopiedBytes));
      if (options.format == BoxFormat::kVoc) {
        files.write(voc_annotation(stem), format_voc(voc_of(picture, name, classes)));
        ids += stem + '\n';
      } else if (options.format == BoxFormat::kYolo) {
        files.write(fs::path("labels") / split.name / (stem + ".txt"),
                    format_yolo(yolo_of(picture)));
      }
      ++done;
      if (options.progress) options.progress(done, total);
      CLEW_CHECK(!options.should_stop || !options.should_stop(), "stopped with ", done, " of ",
                 total, " pictures; nothing is written");
    }
    if (options.format == BoxFormat::kVoc) files.write(voc_split(split.name), ids);
    if (options.format == BoxFormat::kCoco) write_coco(files, classes, split, names[k]);
  }
  if (options.format == BoxFormat::kYolo)
    files.write("data.yaml", format_yolo_yaml(classes, split_names));
  files.deliver();
}

std::vector<std::string> lost_in(BoxFormat format, const std::vector<BoxSplit>& splits) {
  std::int64_t crowds = 0, difficult = 0, truncated = 0, masks = 0;
  for (const auto& split : splits) {
    for (const auto& picture : split.pictures) {
      for (const auto& one : picture.objects) {
        crowds += one.is_crowd;
        difficult += one.is_difficult;
        truncated += one.is_truncated || one.is_occluded;
        const bool has_mask = !one.polygons.empty() || !one.runs.counts.empty();
        masks += has_mask && !(format == BoxFormat::kYolo && is_yolo_polygon(one));
      }
    }
  }
  const std::string form = format == BoxFormat::kVoc    ? "Pascal VOC"
                           : format == BoxFormat::kYolo ? "YOLO"
                                                        : "COCO";
  std::vector<std::string> lost;
  const auto say = [&](std::int64_t count, const char* what, const char* one, const char* many) {
    if (count > 0)
      lost.push_back(
          concat(form, " cannot hold ", what, ", which ", count, " ", count == 1 ? one : many));
  };
  if (format != BoxFormat::kCoco) say(crowds, "marks of crowds", "box has", "boxes have");
  if (format != BoxFormat::kVoc)
    say(difficult, "marks of difficult boxes", "box has", "boxes have");
  if (format != BoxFormat::kVoc)
    say(truncated, "marks of truncated or occluded objects", "box has", "boxes have");
  if (format != BoxFormat::kCoco)
    say(masks, format == BoxFormat::kVoc ? "masks" : "masks other than one polygon with its box",
        "object has", "objects have");
  return lost;
}

Converted convert_box_set(const fs::path& from, const fs::path& to, const ConvertOptions& options) {
  const BoxLayout layout = find_box_layout(from);
  std::vector<std::string> split_names = {"train", "val", "test"};
  if (layout.is_divided) {
    split_names.clear();
    for (const auto& [name, path] : layout.sources()) split_names.push_back(name);
  }
  refuse_box_files(to, options.files.format, split_names);  // before anything is read
  const BoxSetOptions read{.shares = options.shares};
  Converted converted;
  std::vector<BoxSplit> splits;
  std::vector<std::string> classes;
  const auto add = [&](std::string name, BoxSet set, std::vector<std::string> names) {
    auto dropped = drop_degenerate(set);
    if (converted.dropped.count == 0) converted.dropped.first = std::move(dropped.first);
    converted.dropped.count += dropped.count;
    converted.pictures += std::ssize(set.pictures);
    for (const auto& picture : set.pictures) converted.objects += std::ssize(picture.objects);
    classes = std::move(set.classes);
    splits.push_back({std::move(name), std::move(set.pictures), std::move(names)});
  };
  if (layout.is_divided) {
    for (const auto& [name, path] : layout.sources()) {
      std::vector<std::string> names;
      auto set = read_stored_split(layout, path, read, &names);
      add(name, std::move(set), std::move(names));
    }
  } else {
    for (const Split split : {Split::kTrain, Split::kValidation, Split::kTest}) {
      std::vector<std::string> names;
      auto set = read_split(layout, split, read, &names);
      add(std::string(name_of(split)), std::move(set), std::move(names));
    }
  }
  CLEW_CHECK(options.drops_degenerate || converted.dropped.count == 0, "'", from.string(),
             "': ", converted.dropped.count,
             converted.dropped.count == 1 ? " box has" : " boxes have",
             " no area in the picture, the first is in ", converted.dropped.first);
  converted.lost = lost_in(options.files.format, splits);
  write_box_files(to, classes, splits, options.files);
  return converted;
}

}  // namespace clew::data
