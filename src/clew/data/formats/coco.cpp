// SPDX-License-Identifier: Apache-2.0
#include "clew/data/formats/coco.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdlib>
#include <deque>
#include <fstream>
#include <functional>
#include <iterator>
#include <nlohmann/json.hpp>
#include <system_error>
#include <unordered_map>
#include <unordered_set>
#include <utility>

#include "clew/core/error.h"
#include "clew/core/files.h"
#include "clew/core/text.h"
#include "clew/data/formats/json_stream-inl.h"

namespace clew::data {
namespace {

using CocoJson = nlohmann::json;

constexpr std::uint64_t kMaxCocoBytes = std::uint64_t{4} << 30;
constexpr std::size_t kCocoBuffer = 1 << 20;
constexpr std::int64_t kMaxCocoSide = 65535;
constexpr double kMaxCocoEdge = 1e5;  // of coordinates, which may be slightly outside
constexpr std::int64_t kMaxCocoPixels = std::int64_t{1} << 28;

std::string quoted_coco(const CocoJson& value) {
  if (value.is_structured()) return value.is_array() ? "a list" : "an object";
  const std::string text = value.dump(-1, ' ', true, CocoJson::error_handler_t::replace);
  const auto start = first_characters(text, 40);
  return concat(start, start.size() < text.size() ? "..." : "");
}

/// A value of the file with its JSON path, "annotations[17].bbox", which is built lazily for
/// errors. References its parent.
class CocoValue {
 public:
  /// Element `index` of the file's list `key`.
  CocoValue(const CocoJson& element, const std::string& name, const char* key, std::size_t index)
      : value_(element), name_(name), key_(key), index_(index) {}

  const CocoJson& json() const { return value_; }
  std::string where() const { return concat(name_, ": ", place()); }
  bool has(const char* key) const { return value_.contains(key) && !value_[key].is_null(); }
  CocoValue at(const char* key) const {
    CLEW_CHECK(has(key), where(), " must have '", key, "'");
    return {*this, value_[key], key, 0};
  }
  CocoValue at(std::size_t i) const { return {*this, value_[i], nullptr, i}; }
  std::size_t list_size() const {
    CLEW_CHECK(value_.is_array(), where(), " must be a list, got ", quoted_coco(value_));
    return value_.size();
  }
  std::int64_t whole(std::int64_t low, std::int64_t high) const {
    // Integers above 2^63 - 1 are unsigned and would wrap.
    const bool fits = value_.is_number_integer() &&
                      (!value_.is_number_unsigned() ||
                       value_.get<std::uint64_t>() <= static_cast<std::uint64_t>(INT64_MAX));
    const std::int64_t value = fits ? value_.get<std::int64_t>() : 0;
    CLEW_CHECK(fits && value >= low && value <= high, where(), " must be a whole number in ", low,
               "..", high, ", got ", quoted_coco(value_));
    return value;
  }
  std::int64_t id() const { return whole(INT64_MIN, INT64_MAX); }
  double number(double low, double high) const {
    CLEW_CHECK(value_.is_number() && value_.get<double>() >= low && value_.get<double>() <= high,
               where(), " must be a number in ", low, "..", high, ", got ", quoted_coco(value_));
    return value_.get<double>();
  }
  std::string text() const {
    CLEW_CHECK(value_.is_string() && !value_.get_ref<const std::string&>().empty(), where(),
               " must be a text, got ", quoted_coco(value_));
    return value_.get<std::string>();
  }

 private:
  CocoValue(const CocoValue& parent, const CocoJson& value, const char* key, std::size_t index)
      : value_(value), name_(parent.name_), parent_(&parent), key_(key), index_(index) {}

  std::string place() const {
    if (parent_ == nullptr) return concat(key_, "[", index_, "]");
    const std::string before = parent_->place();
    if (key_ == nullptr) return concat(before, "[", index_, "]");
    return concat(before, ".", key_);
  }

  const CocoJson& value_;
  const std::string& name_;
  const CocoValue* parent_ = nullptr;
  const char* key_ = nullptr;
  std::size_t index_ = 0;
};

/// Six bits per character, differences from the fourth run on.
std::vector<std::uint32_t> counts_of(std::string_view text, const std::string& where) {
  std::vector<std::uint32_t> counts;
  for (std::size_t i = 0; i < text.size();) {
    std::int64_t value = 0;
    for (int shift = 0;; shift += 5) {
      const int bits = i < text.size() ? text[i++] - 48 : -1;
      CLEW_CHECK(bits >= 0 && bits < 64 && shift <= 35, where,
                 " must be run lengths in COCO's compressed form");
      value |= static_cast<std::int64_t>(bits & 31) << shift;
      if ((bits & 32) != 0) continue;
      if ((bits & 16) != 0) value |= -(std::int64_t{1} << (shift + 5));
      break;
    }
    if (counts.size() > 2) value += counts[counts.size() - 2];
    CLEW_CHECK(value >= 0 && value <= UINT32_MAX, where,
               " must be run lengths, and has a negative or endless one");
    counts.push_back(static_cast<std::uint32_t>(value));
  }
  return counts;
}

void check_sum(const CocoRuns& runs, const std::string& where) {
  std::uint64_t sum = 0;
  for (const std::uint32_t count : runs.counts) sum += count;
  CLEW_CHECK(
      sum == static_cast<std::uint64_t>(runs.width) * static_cast<std::uint64_t>(runs.height),
      where, " must add up to ", runs.width, "x", runs.height, " pixels, got ", sum);
}

CocoRuns read_runs(const CocoValue& value) {
  const auto size = value.at("size");
  CLEW_CHECK(size.list_size() == 2, size.where(), " must be height and width");
  CocoRuns runs{.width = static_cast<int>(size.at(std::size_t{1}).whole(1, kMaxCocoSide)),
                .height = static_cast<int>(size.at(std::size_t{0}).whole(1, kMaxCocoSide)),
                .counts = {}};
  const auto counts = value.at("counts");
  if (counts.json().is_string()) {
    runs.counts = counts_of(counts.text(), counts.where());
  } else {
    for (std::size_t i = 0; i < counts.list_size(); ++i)
      runs.counts.push_back(static_cast<std::uint32_t>(counts.at(i).whole(0, UINT32_MAX)));
  }
  check_sum(runs, counts.where());
  return runs;
}

CocoAnnotation read_annotation(const CocoValue& value) {
  CocoAnnotation one{.id = value.at("id").id(),
                     .image = value.at("image_id").id(),
                     .category = value.at("category_id").id()};
  const auto box = value.at("bbox");
  CLEW_CHECK(box.list_size() == 4, box.where(), " must be x, y, width and height, got ",
             box.list_size(), " numbers");
  for (std::size_t i = 0; i < 4; ++i)
    one.box_xyxy_px[i] = box.at(i).number(i < 2 ? -kMaxCocoEdge : 0, kMaxCocoEdge);
  one.box_xyxy_px[2] += one.box_xyxy_px[0];
  one.box_xyxy_px[3] += one.box_xyxy_px[1];
  one.area_px = value.has("area") ? value.at("area").number(0, 1e10)
                                  : (one.box_xyxy_px[2] - one.box_xyxy_px[0]) *
                                        (one.box_xyxy_px[3] - one.box_xyxy_px[1]);
  one.is_crowd = value.has("iscrowd") && value.at("iscrowd").whole(0, 1) == 1;
  if (!value.has("segmentation")) return one;
  const auto mask = value.at("segmentation");
  if (mask.json().is_object()) {
    one.runs = read_runs(mask);
    return one;
  }
  for (std::size_t i = 0; i < mask.list_size(); ++i) {
    const auto points = mask.at(i);
    CLEW_CHECK(points.list_size() >= 6 && points.list_size() % 2 == 0, points.where(),
               " must be x and y of three or more points, got ", points.list_size(), " numbers");
    auto& polygon = one.polygons.emplace_back();
    for (std::size_t j = 0; j < points.list_size(); ++j)
      polygon.push_back(points.at(j).number(-kMaxCocoEdge, kMaxCocoEdge));
  }
  return one;
}

CocoPanoptic read_panoptic_annotation(const CocoValue& value) {
  constexpr std::int64_t kMaxColour = (1 << 24) - 1;
  CocoPanoptic one{
      .image = value.at("image_id").id(), .file = value.at("file_name").text(), .segments = {}};
  const auto segments = value.at("segments_info");
  for (std::size_t i = 0; i < segments.list_size(); ++i) {
    const auto segment = segments.at(i);
    one.segments.push_back(
        {.number = static_cast<std::uint32_t>(segment.at("id").whole(1, kMaxColour)),
         .category = segment.at("category_id").id()});
  }
  return one;
}

/// Transitions between outside and inside along the columns of a polygon, as in COCO's API: edges
/// upsampled five times, and the nearest pixel of each column's crossings.
std::vector<std::uint32_t> crossings_of(const std::vector<double>& polygon, int width, int height) {
  constexpr double kScale = 5;
  std::vector<std::pair<int, int>> points;
  for (std::size_t i = 0; i + 1 < polygon.size(); i += 2)
    points.emplace_back(static_cast<int>(kScale * polygon[i] + .5),
                        static_cast<int>(kScale * polygon[i + 1] + .5));
  points.push_back(points[0]);
  std::vector<std::uint32_t> crossings;
  bool has_last = false;
  int last_x = 0, last_y = 0;
  const auto visit = [&](int x, int y) {
    const bool is_step = has_last && x != last_x;
    const int before_x = last_x, before_y = last_y;
    has_last = true, last_x = x, last_y = y;
    if (!is_step) return;
    const double across = (std::min(x, before_x) + .5) / kScale - .5;
    if (std::floor(across) != across || across < 0 || across > width - 1) return;
    const double down =
        std::clamp((std::min(y, before_y) + .5) / kScale - .5, 0.0, static_cast<double>(height));
    crossings.push_back(static_cast<std::uint32_t>(across) * static_cast<std::uint32_t>(height) +
                        static_cast<std::uint32_t>(std::ceil(down)));
  };
  for (std::size_t i = 0; i + 1 < points.size(); ++i) {
    auto [x0, y0] = points[i];
    auto [x1, y1] = points[i + 1];
    const int dx = std::abs(x1 - x0), dy = std::abs(y1 - y0);
    const bool is_flat = dx >= dy;
    const bool is_reversed = is_flat ? x0 > x1 : y0 > y1;
    if (is_reversed) std::swap(x0, x1), std::swap(y0, y1);
    const int steps = std::max(dx, dy);
    const double slope = steps == 0 ? 0
                         : is_flat  ? static_cast<double>(y1 - y0) / dx
                                    : static_cast<double>(x1 - x0) / dy;
    for (int d = 0; d <= steps; ++d) {
      const int t = is_reversed ? steps - d : d;
      if (is_flat) {
        visit(x0 + t, static_cast<int>(y0 + slope * t + .5));
      } else {
        visit(static_cast<int>(x0 + slope * t + .5), y0 + t);
      }
    }
  }
  std::ranges::sort(crossings);
  return crossings;
}

CocoImage read_image(const CocoValue& value) {
  CocoImage one{.id = value.at("id").id(),
                .file = value.at("file_name").text(),
                .width = static_cast<int>(value.at("width").whole(1, kMaxCocoSide)),
                .height = static_cast<int>(value.at("height").whole(1, kMaxCocoSide))};
  CLEW_CHECK(std::int64_t{one.width} * one.height <= kMaxCocoPixels, value.where(),
             " must have at most ", kMaxCocoPixels, " pixels, got ", one.width, "x", one.height);
  return one;
}

CocoCategory read_category(const CocoValue& value) {
  return {.id = value.at("id").id(),
          .name = value.at("name").text(),
          .group = value.has("supercategory") && value.json()["supercategory"].is_string()
                       ? value.json()["supercategory"].get<std::string>()
                       : ""};
}

/// Reader of a stream of JSON. Holds one element of the file's lists at a time as a tree.
class CocoHandler : public JsonStream {
 public:
  CocoHandler(const std::string& name, CocoParts parts) : JsonStream(name), parts_(parts) {}

  /// The set, after the last event.
  CocoSet finish() {
    CLEW_CHECK(is_there_[0], name_, ": the file must have 'images'");
    // A deque gives its memory back element by element; a growing vector would hold its content
    // three times.
    set_.annotations.reserve(annotations_.size());
    for (; !annotations_.empty(); annotations_.pop_front())
      set_.annotations.push_back(std::move(annotations_.front()));
    check_ids("images", set_.images);
    check_ids("categories", set_.categories);
    check_ids("annotations", set_.annotations);
    check_links();
    return std::move(set_);
  }

 private:
  static constexpr std::array<const char*, 3> kLists = {"images", "categories", "annotations"};

  /// Index of the list in kLists that the current key of the file names; 3: another key.
  std::size_t list_of_key() const {
    return static_cast<std::size_t>(std::ranges::find(kLists, key_) - kLists.begin());
  }
  void check_top(const CocoJson& value) const {
    CLEW_CHECK(depth_ > 0, name_, ": the file must have 'images'");
    if (depth_ != 1 || value.is_null()) return;
    CLEW_CHECK(list_of_key() == kLists.size() || value.is_array(), name_, ": ", key_,
               " must be a list, got ", quoted_coco(value));
  }
  bool add(CocoJson value) override {
    check_top(value);
    if (!open_.empty()) {
      place(std::move(value));
    } else if (is_in_list() && depth_ == 2) {
      read(value);
    }
    return true;
  }
  bool start(CocoJson value) override {
    if (depth_ > 0 || value.is_array()) check_top(value);
    CLEW_CHECK(depth_ < kDeepest, name_, ": holds values nested more than ", kDeepest, " deep");
    if (!open_.empty()) {
      open_.push_back(&place(std::move(value)));
    } else if (is_in_list() && depth_ == 2 && is_wanted()) {
      element_ = std::move(value);
      open_.push_back(&element_);
    } else if (depth_ == 1 && list_of_key() < kLists.size()) {
      list_ = list_of_key();
      CLEW_CHECK(!is_there_.at(list_), name_, ": ", key_, " must be there once");
      is_there_.at(list_) = true;
      next_ = 0;
    }
    ++depth_;
    return true;
  }
  bool end() override {
    --depth_;
    if (!open_.empty()) {
      open_.pop_back();
      if (open_.empty()) read(element_);
    } else if (depth_ == 1) {
      list_ = kLists.size();
    }
    return true;
  }
  bool is_in_list() const { return list_ < kLists.size(); }
  bool is_wanted() const { return list_ != 2 || parts_ != CocoParts::kWithoutAnnotations; }
  void read(const CocoJson& element) {
    if (!is_wanted()) return;
    const CocoValue value(element, name_, kLists.at(list_), next_++);
    if (list_ == 0) set_.images.push_back(read_image(value));
    if (list_ == 1) set_.categories.push_back(read_category(value));
    if (list_ != 2) return;
    if (parts_ == CocoParts::kPanoptic) {
      set_.panoptic.push_back(read_panoptic_annotation(value));
    } else {
      annotations_.push_back(read_annotation(value));
    }
  }

  template <class T>
  void check_ids(const char* list, const std::vector<T>& all) const {
    std::vector<std::pair<std::int64_t, std::size_t>> ids;  // with index
    ids.reserve(all.size());
    for (std::size_t i = 0; i < all.size(); ++i) ids.emplace_back(all[i].id, i);
    std::ranges::sort(ids);
    const auto twin = std::ranges::adjacent_find(
        ids, [](const auto& a, const auto& b) { return a.first == b.first; });
    CLEW_CHECK(twin == ids.end(), name_, ": ", list, "[", std::next(twin)->second,
               "].id must be there once, got ", twin->first, " again");
  }
  void check_links() const {
    std::unordered_map<std::int64_t, const CocoImage*> images;
    std::unordered_set<std::int64_t> categories;
    for (const auto& one : set_.images) images.emplace(one.id, &one);
    for (const auto& one : set_.categories) categories.insert(one.id);
    const auto image_of = [&](std::int64_t id, std::size_t i) -> const CocoImage& {
      const auto image = images.find(id);
      CLEW_CHECK(image != images.end(), name_, ": annotations[", i,
                 "].image_id must name an image, got ", id);
      return *image->second;
    };
    for (std::size_t i = 0; i < set_.annotations.size(); ++i) {
      const auto& one = set_.annotations[i];
      const auto& [id, file, width, height] = image_of(one.image, i);
      CLEW_CHECK(categories.contains(one.category), name_, ": annotations[", i,
                 "].category_id must name a category, got ", one.category);
      CLEW_CHECK(one.runs.counts.empty() || (one.runs.width == width && one.runs.height == height),
                 name_, ": annotations[", i, "].segmentation must have the size of its image, ",
                 width, "x", height, ", got ", one.runs.width, "x", one.runs.height);
    }
    for (std::size_t i = 0; i < set_.panoptic.size(); ++i) {
      const auto& one = set_.panoptic[i];
      (void)image_of(one.image, i);
      for (std::size_t j = 0; j < one.segments.size(); ++j)
        CLEW_CHECK(categories.contains(one.segments[j].category), name_, ": annotations[", i,
                   "].segments_info[", j, "].category_id must name a category, got ",
                   one.segments[j].category);
    }
  }

  CocoParts parts_;
  CocoSet set_;
  std::deque<CocoAnnotation> annotations_;
  std::array<bool, kLists.size()> is_there_ = {};
  int depth_ = 0;
  std::size_t list_ = kLists.size(), next_ = 0;  // kLists.size(): in none
};

void add_elements(std::string& text, const char* list, std::size_t count,
                  const std::function<CocoJson(std::size_t)>& element) {
  text += concat(text.empty() ? "{" : ",\n", "\"", list, "\":[");
  for (std::size_t i = 0; i < count; ++i) {
    text += i == 0 ? "\n" : ",\n";
    text += element(i).dump(-1, ' ', true, CocoJson::error_handler_t::replace);
  }
  text += "]";
}

}  // namespace

std::string format_coco(const CocoSet& set) {
  std::string text;
  add_elements(text, "images", set.images.size(), [&](std::size_t i) -> CocoJson {
    const auto& one = set.images[i];
    return {{"id", one.id}, {"file_name", one.file}, {"width", one.width}, {"height", one.height}};
  });
  add_elements(text, "categories", set.categories.size(), [&](std::size_t i) -> CocoJson {
    const auto& one = set.categories[i];
    return {{"id", one.id}, {"name", one.name}, {"supercategory", one.group}};
  });
  add_elements(text, "annotations", set.annotations.size(), [&](std::size_t i) {
    const auto& one = set.annotations[i];
    const auto& box = one.box_xyxy_px;
    CocoJson json = {{"id", one.id},
                     {"image_id", one.image},
                     {"category_id", one.category},
                     {"bbox", {box[0], box[1], box[2] - box[0], box[3] - box[1]}},
                     {"area", one.area_px},
                     {"iscrowd", one.is_crowd ? 1 : 0}};
    if (!one.runs.counts.empty()) {
      json["segmentation"] = {{"size", {one.runs.height, one.runs.width}},
                              {"counts", one.runs.counts}};
    } else if (!one.polygons.empty()) {
      json["segmentation"] = one.polygons;
    }
    return json;
  });
  return text + "}\n";
}

CocoSet parse_coco(std::string_view json, const std::string& name, CocoParts parts) {
  CocoHandler handler(name, parts);
  json = without_bom(json);
  CocoJson::sax_parse(json.begin(), json.end(), &handler);
  return handler.finish();
}

CocoSet read_coco(const std::filesystem::path& path, CocoParts parts) {
  std::error_code ignored;
  const auto bytes = std::filesystem::file_size(path, ignored);
  std::vector<char> buffer(kCocoBuffer);
  std::ifstream file;
  file.rdbuf()->pubsetbuf(buffer.data(), static_cast<std::streamsize>(buffer.size()));
  if (!ignored && bytes <= kMaxCocoBytes) file.open(path, std::ios::binary);
  if (!file.is_open()) return parse_coco(read_file(path, kMaxCocoBytes), path.string(), parts);
  const std::string name = path.string();
  CocoHandler handler(name, parts);
  CocoJson::sax_parse(file, &handler);
  return handler.finish();
}

CocoRuns runs_of(std::span<const std::uint8_t> mask, int width, int height) {
  CLEW_CHECK(width >= 1 && height >= 1 &&
                 mask.size() == static_cast<std::size_t>(width) * static_cast<std::size_t>(height),
             "a mask must have ", width, "x", height, " pixels, got ", mask.size());
  CocoRuns runs{.width = width, .height = height, .counts = {0}};
  bool is_inside = false;
  for (int x = 0; x < width; ++x) {
    for (int y = 0; y < height; ++y) {
      const bool is_set = mask[static_cast<std::size_t>(y) * static_cast<std::size_t>(width) +
                               static_cast<std::size_t>(x)] != 0;
      if (is_set != is_inside) runs.counts.push_back(0);
      is_inside = is_set;
      ++runs.counts.back();
    }
  }
  return runs;
}

std::vector<std::uint8_t> mask_of(const CocoRuns& runs) {
  const auto width = static_cast<std::uint64_t>(runs.width),
             height = static_cast<std::uint64_t>(runs.height), area = width * height;
  std::vector<std::uint8_t> mask(area);
  std::uint64_t at = 0;
  for (std::size_t i = 0; i < runs.counts.size(); ++i) {
    const std::uint64_t end = at + runs.counts[i];
    CLEW_CHECK(end <= area, "run lengths must add up to ", runs.width, "x", runs.height,
               " pixels, got more");
    for (; at < end; ++at)
      if (i % 2 == 1) mask[at % height * width + at / height] = 1;
  }
  CLEW_CHECK(at == area, "run lengths must add up to ", runs.width, "x", runs.height,
             " pixels, got ", at);
  return mask;
}

std::string compressed(const CocoRuns& runs) {
  std::string text;
  for (std::size_t i = 0; i < runs.counts.size(); ++i) {
    std::int64_t value = runs.counts[i];
    if (i > 2) value -= runs.counts[i - 2];
    for (bool has_more = true; has_more;) {
      const auto bits = static_cast<int>(value & 31);
      value >>= 5;
      has_more = (bits & 16) != 0 ? value != -1 : value != 0;
      text += static_cast<char>(48 + bits + (has_more ? 32 : 0));
    }
  }
  return text;
}

CocoRuns decompressed(std::string_view counts, int width, int height, const std::string& where) {
  CocoRuns runs{.width = width, .height = height, .counts = counts_of(counts, where)};
  check_sum(runs, where);
  return runs;
}

std::uint64_t area_of(const CocoRuns& runs) {
  std::uint64_t pixels = 0;
  for (std::size_t i = 1; i < runs.counts.size(); i += 2) pixels += runs.counts[i];
  return pixels;
}

std::uint64_t intersection_of(const CocoRuns& a, const CocoRuns& b) {
  CLEW_CHECK(a.width == b.width && a.height == b.height, "masks must have one size, got ", a.width,
             "x", a.height, " and ", b.width, "x", b.height);
  std::uint64_t pixels = 0, at = 0, end_a = 0, end_b = 0;
  for (std::size_t i = 0, j = 0;;) {
    while (end_a <= at && i < a.counts.size()) end_a += a.counts[i++];
    while (end_b <= at && j < b.counts.size()) end_b += b.counts[j++];
    const auto next = std::min(end_a, end_b);
    if (next <= at) return pixels;
    if (i % 2 == 0 && j % 2 == 0) pixels += next - at;  // both are in a run of ones
    at = next;
  }
}

std::vector<std::uint8_t> mask_of(const CocoAnnotation& annotation, int width, int height) {
  if (!annotation.runs.counts.empty()) return mask_of(annotation.runs);
  if (annotation.polygons.empty()) return {};
  std::vector<std::uint8_t> mask(static_cast<std::size_t>(width) *
                                 static_cast<std::size_t>(height));
  const auto rows = static_cast<std::size_t>(height), columns = static_cast<std::size_t>(width);
  for (const auto& polygon : annotation.polygons) {
    const auto crossings = crossings_of(polygon, width, height);
    for (std::size_t i = 0; i < crossings.size(); i += 2) {
      const std::size_t end = i + 1 < crossings.size() ? crossings[i + 1] : mask.size();
      for (std::size_t at = crossings[i]; at < end; ++at) mask[at % rows * columns + at / rows] = 1;
    }
  }
  return mask;
}

std::filesystem::path coco_annotations(const std::string& split) {
  return std::filesystem::path("annotations") / ("instances_" + split + ".json");
}

}  // namespace clew::data
