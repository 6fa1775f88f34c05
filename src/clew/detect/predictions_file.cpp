// SPDX-License-Identifier: Apache-2.0
#include "clew/detect/predictions_file.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <fstream>
#include <functional>
#include <map>
#include <nlohmann/json.hpp>
#include <set>
#include <span>
#include <system_error>
#include <unordered_map>
#include <utility>

#include "clew/core/error.h"
#include "clew/core/log.h"
#include "clew/core/text.h"
#include "clew/data/box_set.h"
#include "clew/data/formats/coco.h"
#include "clew/data/formats/json_stream-inl.h"

namespace clew::detect {
namespace {

namespace fs = std::filesystem;
using ResultsJson = nlohmann::json;

constexpr double kLargestEdge = 1e6;

std::string shown(const ResultsJson& value) {
  if (value.is_structured()) return value.is_array() ? "a list" : "an object";
  return excerpt(value.dump(-1, ' ', true, ResultsJson::error_handler_t::replace));
}

/// Elements of a JSON list, one after another, without holding the list.
class ListReader : public data::JsonStream {
 public:
  using OnElement = std::function<void(std::size_t number, const ResultsJson& element)>;
  ListReader(const std::string& name, OnElement on_element)
      : JsonStream(name), on_element_(std::move(on_element)) {}

 private:
  void check_list(bool is_list) const {
    CLEW_CHECK(depth_ > 0 || is_list, name_, ": must be a list of detections");
  }
  bool add(ResultsJson value) override {
    check_list(false);
    if (open_.empty()) {
      on_element_(next_++, value);
    } else {
      place(std::move(value));
    }
    return true;
  }
  bool start(ResultsJson value) override {
    check_list(value.is_array());
    CLEW_CHECK(depth_ < kDeepest, name_, ": holds values nested more than ", kDeepest, " deep");
    if (depth_++ == 0) return true;
    if (open_.empty()) {
      element_ = std::move(value);
      open_.push_back(&element_);
    } else {
      open_.push_back(&place(std::move(value)));
    }
    return true;
  }
  bool end() override {
    --depth_;
    if (open_.empty()) return true;
    open_.pop_back();
    if (open_.empty()) on_element_(next_++, element_);
    return true;
  }

  OnElement on_element_;
  int depth_ = 0;
  std::size_t next_ = 0;
};

/// A detection's numbers; `where`: file and element.
double number_in(const ResultsJson& value, double low, double high, const std::string& where) {
  CLEW_CHECK(value.is_number() && std::isfinite(value.get<double>()) &&
                 value.get<double>() >= low && value.get<double>() <= high,
             where, " must be a number in ", low, "..", high, ", got ", shown(value));
  return value.get<double>();
}

std::array<double, 4> four_numbers(const ResultsJson& object, const char* key,
                                   const std::string& where) {
  const auto at = concat(where, ".", key);
  CLEW_CHECK(object.contains(key) && object[key].is_array() && object[key].size() == 4, at,
             " must be a list of 4 numbers, got ",
             object.contains(key) ? shown(object[key]) : "none");
  std::array<double, 4> numbers{};
  for (std::size_t i = 0; i < 4; ++i)
    numbers.at(i) = number_in(object[key][i], -kLargestEdge, kLargestEdge, concat(at, "[", i, "]"));
  return numbers;
}

const ResultsJson& member(const ResultsJson& object, const char* key, const std::string& where) {
  CLEW_CHECK(object.is_object() && object.contains(key), where, " must have '", key, "'");
  return object[key];
}

std::int64_t whole(const ResultsJson& object, const char* key, const std::string& where) {
  const auto& value = member(object, key, where);
  CLEW_CHECK(value.is_number_integer(), where, ".", key, " must be a whole number, got ",
             shown(value));
  return value.get<std::int64_t>();
}

std::string text_in(const ResultsJson& object, const char* key, const std::string& where) {
  const auto& value = member(object, key, where);
  CLEW_CHECK(value.is_string(), where, ".", key, " must be a text, got ", shown(value));
  return value.get<std::string>();
}

/// The smallest box around a mask: x, y, width, height; 0 without a pixel.
BoxXywh box_of(const data::CocoRuns& runs) {
  const auto height = static_cast<std::uint64_t>(runs.height);
  std::uint64_t at = 0, left = UINT64_MAX, top = UINT64_MAX, right = 0, bottom = 0;
  for (std::size_t i = 0; i < runs.counts.size(); ++i) {
    const auto end = at + runs.counts[i];
    if (i % 2 == 1 && end > at) {
      left = std::min(left, at / height);
      right = std::max(right, (end - 1) / height + 1);
      const bool is_one_column = at / height == (end - 1) / height;
      top = is_one_column ? std::min(top, at % height) : 0;
      bottom = is_one_column ? std::max(bottom, (end - 1) % height + 1) : height;
    }
    at = end;
  }
  if (right == 0) return {};
  return {static_cast<double>(left), static_cast<double>(top), static_cast<double>(right - left),
          static_cast<double>(bottom - top)};
}

/// Mask of an object as its file has it.
struct TruthMask {
  std::vector<std::vector<double>> polygons;
  data::CocoRuns runs;
  int width = 0, height = 0;  // of the picture

  bool is_empty() const { return polygons.empty() && runs.counts.empty(); }
  data::CocoRuns as_runs() const {
    if (!runs.counts.empty()) return runs;
    return data::runs_of(data::mask_of(data::CocoAnnotation{.polygons = polygons}, width, height),
                         width, height);
  }
};

/// Truth, and the ways to name its pictures and classes.
class Judge {
 public:
  Judge(fs::path predictions, const fs::path& truth)
      : predictions_(std::move(predictions)), truth_(truth) {
    std::error_code ignored;
    if (fs::is_directory(truth, ignored)) {
      add_folder(truth);
    } else {
      add_coco(truth);
    }
  }

  JudgedBoxes read() {
    std::error_code ignored;
    std::ifstream file(predictions_, std::ios::binary);
    CLEW_CHECK(file && !fs::is_directory(predictions_, ignored), "cannot read '",
               predictions_.string(), "'");
    ListReader reader(predictions_.string(),
                      [this](std::size_t number, const ResultsJson& element) {
                        add(concat(predictions_.string(), ": [", number, "]"), element);
                      });
    (void)ResultsJson::sax_parse(file, &reader);
    CLEW_CHECK(answered_.empty() || std::ssize(answered_) == boxes_.pictures, predictions_.string(),
               ": has no answer for ", boxes_.pictures - std::ssize(answered_), " of ",
               boxes_.pictures, " pictures of ", truth_.string());
    if (boxes_.detection_masks.empty()) return std::move(boxes_);
    if (const auto count = std::ranges::count_if(masks_, &TruthMask::is_empty); count > 0) {
      log(LogLevel::kWarning,
          concat("masks are not judged: ", count, " objects of ", truth_.string(), " have none"));
      boxes_.detection_masks.clear();
      return std::move(boxes_);
    }
    for (const auto& mask : masks_) boxes_.truth_masks.push_back(mask.as_runs());
    return std::move(boxes_);
  }

 private:
  void add_coco(const fs::path& truth) {
    auto set = data::read_coco(truth);
    for (const auto& category : set.categories) {
      categories_[category.id] = static_cast<int>(std::ssize(boxes_.classes));
      boxes_.classes.push_back(category.name);
    }
    for (const auto& image : set.images) {
      ids_.insert(image.id);
      add_name(image.file, image.id);
      sizes_[image.id] = {image.width, image.height};
    }
    boxes_.pictures = std::ssize(set.images);
    for (auto& one : set.annotations) {
      const auto [width, height] = sizes_.at(one.image);
      masks_.push_back({std::move(one.polygons), std::move(one.runs), width, height});
      const auto& box = one.box_xyxy_px;
      boxes_.truths.push_back({.image = one.image,
                               .category = categories_.at(one.category),
                               .box = {box[0], box[1], box[2] - box[0], box[3] - box[1]},
                               .area_px = one.area_px,
                               .is_crowd = one.is_crowd});
    }
    has_ids_ = true;
  }

  void add_folder(const fs::path& truth) {
    auto set = data::read_box_set(truth, data::Split::kTest);
    (void)data::drop_degenerate(set);
    boxes_.classes = set.classes;
    boxes_.pictures = std::ssize(set.pictures);
    for (std::size_t i = 0; i < set.pictures.size(); ++i) {
      const auto image = static_cast<std::int64_t>(i);
      add_name(set.pictures[i].file, image);
      sizes_[image] = {set.pictures[i].width, set.pictures[i].height};
      for (auto& one : set.pictures[i].objects) {
        masks_.push_back({std::move(one.polygons), std::move(one.runs), set.pictures[i].width,
                          set.pictures[i].height});
        const auto& box = one.box_xyxy_px;
        boxes_.truths.push_back({.image = image,
                                 .category = one.label,
                                 .box = {box[0], box[1], box[2] - box[0], box[3] - box[1]},
                                 .area_px = one.area_px,
                                 .is_crowd = one.is_crowd,
                                 .is_difficult = one.is_difficult});
      }
    }
  }

  /// Adds the mask of the detection that comes next; all have one, or none.
  void add_mask(const ResultsJson& element, const char* key, std::int64_t image,
                const std::string& where) {
    const bool has_masks = element.contains(key) && element[key].is_object();
    CLEW_CHECK(boxes_.detections.empty() || has_masks == !boxes_.detection_masks.empty(), where,
               has_masks ? " must not have '" : " must have '", key,
               "', for all detections have masks or none, and those before it ",
               has_masks ? "have none" : "have one");
    if (!has_masks) return;
    const auto at = concat(where, ".", key);
    const auto& mask = element[key];
    const auto [width, height] = sizes_.at(image);
    const auto& size = member(mask, "size", at);
    CLEW_CHECK(size.is_array() && size.size() == 2 && size[0] == height && size[1] == width, at,
               ".size must be [", height, ", ", width, "], the picture's, got ",
               excerpt(size.dump(-1, ' ', true, ResultsJson::error_handler_t::replace)));
    boxes_.detection_masks.push_back(
        data::decompressed(text_in(mask, "counts", at), width, height, at + ".counts"));
  }

  void add_name(const fs::path& file, std::int64_t image) {
    names_.emplace(file.filename().string(), image);
  }

  void add(const std::string& where, const ResultsJson& element) {
    CLEW_CHECK(element.is_object(), where, " must be an object, got ", shown(element));
    if (!element.contains("objects")) return add_result(where, element);
    const auto file = text_in(element, "image", where);
    const auto name = fs::path(file).filename().string();
    const auto count = names_.count(name);
    CLEW_CHECK(count == 1, where, ": '", excerpt(file), "' ",
               count == 0 ? "is no picture of " : "is the name of several pictures of ",
               truth_.string());
    const auto image = names_.find(name)->second;
    CLEW_CHECK(answered_.insert(image).second, where, ": '", excerpt(file), "' is there twice");
    const auto& objects = element["objects"];
    CLEW_CHECK(objects.is_array(), where, ".objects must be a list, got ", shown(objects));
    for (std::size_t i = 0; i < objects.size(); ++i) {
      const auto at = concat(where, ".objects[", i, "]");
      const auto own = text_in(objects[i], "class", at);
      const auto found = std::ranges::find(boxes_.classes, own);
      CLEW_CHECK(found != boxes_.classes.end(), at, ": '", excerpt(own), "' is no class of ",
                 truth_.string(), " (", excerpt(join(boxes_.classes)), ")");
      const auto [left, top, right, bottom] = four_numbers(objects[i], "box", at);
      add_mask(objects[i], "mask", image, at);
      boxes_.detections.push_back(
          {.image = image,
           .category = static_cast<int>(found - boxes_.classes.begin()),
           .box = {left, top, right - left, bottom - top},
           .score = number_in(member(objects[i], "score", at), -1e9, 1e9, at + ".score")});
    }
  }

  void add_result(const std::string& where, const ResultsJson& element) {
    CLEW_CHECK(has_ids_, where, " must have 'image' and 'objects', for truth = '", truth_.string(),
               "' is a folder; results by image_id need COCO's annotations, a .json file");
    const auto image = whole(element, "image_id", where),
               category = whole(element, "category_id", where);
    CLEW_CHECK(ids_.contains(image), where, ".image_id must name an image of ", truth_.string(),
               ", got ", image);
    const auto own = categories_.find(category);
    CLEW_CHECK(own != categories_.end(), where, ".category_id must name a category of ",
               truth_.string(), ", got ", category);
    add_mask(element, "segmentation", image, where);
    const bool has_box = element.contains("bbox") || boxes_.detection_masks.empty();
    boxes_.detections.push_back(
        {.image = image,
         .category = own->second,
         .box =
             has_box ? four_numbers(element, "bbox", where) : box_of(boxes_.detection_masks.back()),
         .score = number_in(member(element, "score", where), -1e9, 1e9, where + ".score")});
  }

  fs::path predictions_, truth_;
  JudgedBoxes boxes_;
  bool has_ids_ = false;
  std::unordered_map<std::int64_t, int> categories_;  // by COCO's identifiers
  std::set<std::int64_t> ids_, answered_;
  std::unordered_map<std::int64_t, std::pair<int, int>> sizes_;  // width and height of pictures
  std::vector<TruthMask> masks_;                                 // of truths
  std::multimap<std::string, std::int64_t> names_;               // of picture files
};

}  // namespace

JudgedBoxes read_judged_boxes(const fs::path& predictions, const fs::path& truth) {
  return Judge(predictions, truth).read();
}

CocoResult evaluate_masks(const JudgedBoxes& boxes, int threads) {
  std::vector<double> areas;
  for (const auto& mask : boxes.detection_masks)
    areas.push_back(static_cast<double>(data::area_of(mask)));
  const auto overlaps = [&](std::span<const std::size_t> detections,
                            std::span<const std::size_t> truths, double* out) {
    for (const auto d : detections) {
      for (const auto t : truths) {
        const auto both = static_cast<double>(
            data::intersection_of(boxes.detection_masks[d], boxes.truth_masks[t]));
        const auto whole =
            boxes.truths[t].is_crowd
                ? areas[d]
                : areas[d] + static_cast<double>(data::area_of(boxes.truth_masks[t])) - both;
        *out++ = whole > 0 ? both / whole : 0;
      }
    }
  };
  return evaluate_coco(boxes.truths, boxes.detections,
                       {.categories = static_cast<int>(std::ssize(boxes.classes)),
                        .threads = threads,
                        .overlaps = overlaps,
                        .detection_areas = areas});
}

}  // namespace clew::detect
