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
#include <system_error>
#include <unordered_map>
#include <utility>

#include "clew/core/error.h"
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
    return std::move(boxes_);
  }

 private:
  void add_coco(const fs::path& truth) {
    const auto set = data::read_coco(truth);
    for (const auto& category : set.categories) {
      categories_[category.id] = static_cast<int>(std::ssize(boxes_.classes));
      boxes_.classes.push_back(category.name);
    }
    for (const auto& image : set.images) {
      ids_.insert(image.id);
      add_name(image.file, image.id);
    }
    boxes_.pictures = std::ssize(set.images);
    for (const auto& one : set.annotations) {
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
      for (const auto& one : set.pictures[i].objects) {
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
    boxes_.detections.push_back(
        {.image = image,
         .category = own->second,
         .box = four_numbers(element, "bbox", where),
         .score = number_in(member(element, "score", where), -1e9, 1e9, where + ".score")});
  }

  fs::path predictions_, truth_;
  JudgedBoxes boxes_;
  bool has_ids_ = false;
  std::unordered_map<std::int64_t, int> categories_;  // by COCO's identifiers
  std::set<std::int64_t> ids_, answered_;
  std::multimap<std::string, std::int64_t> names_;  // of picture files
};

}  // namespace

JudgedBoxes read_judged_boxes(const fs::path& predictions, const fs::path& truth) {
  return Judge(predictions, truth).read();
}

}  // namespace clew::detect
