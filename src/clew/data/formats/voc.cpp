// SPDX-License-Identifier: Apache-2.0
#include "clew/data/formats/voc.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <optional>
#include <pugixml.hpp>
#include <sstream>

#include "clew/core/error.h"
#include "clew/core/files.h"
#include "clew/core/text.h"

namespace clew::data {
namespace {

constexpr std::uint64_t kMaxVocBytes = 64 << 20;
constexpr double kMaxVocSide = 65535;
constexpr std::array<const char*, 4> kVocEdges = {"xmin", "ymin", "xmax", "ymax"};

std::string voc_number(double value) {
  char text[32];
  const auto end = std::to_chars(text, text + sizeof text, value).ptr;
  return {text, end};
}

std::string quoted_voc(std::string_view text) { return concat("'", excerpt(text), "'"); }

/// Trimmed text of an element.
std::string_view voc_text(const pugi::xml_node& node) {
  std::string_view text = node.child_value();
  constexpr std::string_view kBlanks = " \t\r\n";
  text.remove_prefix(std::min(text.find_first_not_of(kBlanks), text.size()));
  while (!text.empty() && kBlanks.find(text.back()) != std::string_view::npos)
    text.remove_suffix(1);
  return text;
}

std::optional<double> voc_value(std::string_view text) {
  double value = 0;
  const auto [end, fault] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (fault != std::errc() || end != text.data() + text.size()) return {};
  return value;
}

/// Reader of one annotation file.
class VocReader {
 public:
  VocReader(std::string_view xml, const std::string& name, VocBoxes boxes)
      : xml_(xml), name_(name), is_raw_(boxes == VocBoxes::kRaw) {
    const auto result = document_.load_buffer(xml.data(), xml.size());
    CLEW_CHECK(result, where(result.offset), ": is not XML: ", result.description());
    root_ = document_.child("annotation");
    CLEW_CHECK(root_, name, ": an annotation of Pascal VOC must have a root <annotation>, got ",
               document_.first_child() ? quoted_voc(document_.first_child().name()) : "nothing");
  }

  VocAnnotation read() const {
    VocAnnotation annotation{.file = std::string(voc_text(root_.child("filename"))), .objects = {}};
    CLEW_CHECK(!annotation.file.empty() && is_utf8(annotation.file), where(root_),
               ": an annotation must have the <filename> of its picture");
    if (const auto size = root_.child("size")) {
      annotation.width = side(size, "width");
      annotation.height = side(size, "height");
      if (size.child("depth")) annotation.channels = side(size, "depth");
    }
    annotation.has_masks = is_set(root_, "segmented");
    for (const auto& object : root_.children("object"))
      annotation.objects.push_back(read_object(object, annotation));
    return annotation;
  }

 private:
  std::string where(std::ptrdiff_t offset) const {
    if (offset < 0 || static_cast<std::size_t>(offset) > xml_.size()) return name_;
    return concat(name_, ":", 1 + std::count(xml_.begin(), xml_.begin() + offset, '\n'));
  }
  std::string where(const pugi::xml_node& node) const { return where(node.offset_debug()); }

  int side(const pugi::xml_node& size, const char* child) const {
    const auto text = voc_text(size.child(child));
    const auto value = voc_value(text);
    if (is_raw_ && value == 0) return 0;
    CLEW_CHECK(value && *value >= 1 && *value <= kMaxVocSide && std::floor(*value) == *value,
               where(size), ": <", child, "> of <size> must be a whole number in 1..65535, got ",
               quoted_voc(text));
    return static_cast<int>(*value);
  }
  bool is_set(const pugi::xml_node& node, const char* child) const {
    const auto text = voc_text(node.child(child));
    CLEW_CHECK(text.empty() || text == "0" || text == "1" || text == "Unspecified", where(node),
               ": <", child, "> must be 0 or 1, got ", quoted_voc(text));
    return text == "1";
  }
  VocObject read_object(const pugi::xml_node& node, const VocAnnotation& annotation) const {
    VocObject object{.name = std::string(voc_text(node.child("name")))};
    CLEW_CHECK(!object.name.empty() && is_utf8(object.name), where(node),
               ": an <object> must have a <name>");
    if (const auto pose = voc_text(node.child("pose")); !pose.empty()) object.pose = pose;
    object.is_truncated = is_set(node, "truncated");
    object.is_occluded = is_set(node, "occluded");
    object.is_difficult = is_set(node, "difficult");
    const auto box = node.child("bndbox");
    const std::array<double, 4> most = {
        annotation.width > 0 ? annotation.width : kMaxVocSide,
        annotation.height > 0 ? annotation.height : kMaxVocSide,
    };
    auto& edges = object.box_xyxy_px;
    for (std::size_t i = 0; i < 4; ++i) {
      const auto text = voc_text(box.child(kVocEdges[i]));
      const auto value = voc_value(text);
      CLEW_CHECK(value && (is_raw_ || std::isfinite(*value)), where(node), ": <", kVocEdges[i],
                 "> of ", quoted_voc(object.name), " must be a number, got ", quoted_voc(text));
      edges[i] = *value - (i < 2 ? 1 : 0);
      if (is_raw_) continue;
      CLEW_CHECK(edges[i] >= -1 && edges[i] <= most[i % 2] + 1, where(node), ": <", kVocEdges[i],
                 "> of ", quoted_voc(object.name), " must lie in the picture, in 1..", most[i % 2],
                 ", got ", quoted_voc(text));
      edges[i] = std::clamp(edges[i], 0.0, most[i % 2]);
    }
    CLEW_CHECK(is_raw_ || (edges[0] < edges[2] && edges[1] < edges[3]), where(node),
               ": the box of ", quoted_voc(object.name),
               " must not be empty, got xmin, ymin, xmax, ymax = ", edges[0] + 1, ", ",
               edges[1] + 1, ", ", edges[2], ", ", edges[3]);
    return object;
  }

  std::string_view xml_;
  const std::string& name_;
  bool is_raw_;
  pugi::xml_document document_;
  pugi::xml_node root_;
};

void add_voc(pugi::xml_node& parent, const char* name, const std::string& text) {
  parent.append_child(name).text().set(text.c_str());
}

}  // namespace

std::string format_voc(const VocAnnotation& annotation) {
  pugi::xml_document document;
  auto root = document.append_child("annotation");
  add_voc(root, "folder", "JPEGImages");
  add_voc(root, "filename", annotation.file);
  auto size = root.append_child("size");
  add_voc(size, "width", std::to_string(annotation.width));
  add_voc(size, "height", std::to_string(annotation.height));
  add_voc(size, "depth", std::to_string(annotation.channels));
  add_voc(root, "segmented", annotation.has_masks ? "1" : "0");
  for (const auto& one : annotation.objects) {
    auto object = root.append_child("object");
    add_voc(object, "name", one.name);
    add_voc(object, "pose", one.pose);
    add_voc(object, "truncated", one.is_truncated ? "1" : "0");
    add_voc(object, "occluded", one.is_occluded ? "1" : "0");
    add_voc(object, "difficult", one.is_difficult ? "1" : "0");
    auto box = object.append_child("bndbox");
    for (std::size_t i = 0; i < 4; ++i)
      add_voc(box, kVocEdges[i], voc_number(one.box_xyxy_px[i] + (i < 2 ? 1 : 0)));
  }
  std::ostringstream out;
  document.save(out, "\t", pugi::format_default | pugi::format_no_declaration);
  return out.str();
}

VocAnnotation parse_voc(std::string_view xml, const std::string& name, VocBoxes boxes) {
  return VocReader(xml, name, boxes).read();
}

VocAnnotation read_voc(const std::filesystem::path& path, VocBoxes boxes) {
  return parse_voc(read_file(path, kMaxVocBytes), path.string(), boxes);
}

std::vector<std::string> parse_voc_ids(std::string_view text, const std::string& name) {
  std::vector<std::string> ids;
  while (!text.empty()) {
    auto line = text.substr(0, text.find('\n'));
    text.remove_prefix(std::min(line.size() + 1, text.size()));
    line.remove_prefix(std::min(line.find_first_not_of(" \t\r"), line.size()));
    line = line.substr(0, line.find_first_of(" \t\r"));
    if (!line.empty()) ids.emplace_back(line);
  }
  CLEW_CHECK(!ids.empty(), name, ": must hold the ID of a picture in each line, got none");
  return ids;
}

std::vector<std::string> read_voc_ids(const std::filesystem::path& path) {
  return parse_voc_ids(read_text(path, kMaxVocBytes), path.string());
}

std::filesystem::path voc_picture(const std::string& id) {
  return std::filesystem::path("JPEGImages") / (id + ".jpg");
}
std::filesystem::path voc_annotation(const std::string& id) {
  return std::filesystem::path("Annotations") / (id + ".xml");
}
std::filesystem::path voc_split(const std::string& split) {
  return std::filesystem::path("ImageSets") / "Main" / (split + ".txt");
}

}  // namespace clew::data
