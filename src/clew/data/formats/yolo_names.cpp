// SPDX-License-Identifier: Apache-2.0
// Class names of YOLO's sets.
#include <yaml-cpp/yaml.h>

#include <algorithm>
#include <charconv>
#include <nlohmann/json.hpp>
#include <set>
#include <system_error>

#include "clew/core/error.h"
#include "clew/core/text.h"
#include "clew/data/formats/yolo.h"

namespace clew::data {
namespace {

constexpr std::size_t kMostYoloClasses = 100'000;

std::string yaml_place(const std::string& name, const YAML::Mark& mark) {
  return mark.is_null() ? name : concat(name, ":", mark.line + 1);
}

std::string yaml_text(const YAML::Node& node) {
  return node.IsScalar() ? concat("'", excerpt(node.Scalar()), "'")
         : node.IsNull() ? "nothing"
                         : "a list or a map";
}

std::string class_name(const YAML::Node& node, const std::string& name) {
  CLEW_CHECK(node.IsScalar() && !node.Scalar().empty() && is_utf8(node.Scalar()),
             yaml_place(name, node.Mark()), ": the name of a class must be a text, got ",
             yaml_text(node));
  return node.Scalar();
}

std::int64_t class_id(const YAML::Node& node, const std::string& name) {
  std::int64_t id = -1;
  const std::string text = node.IsScalar() ? node.Scalar() : "";
  const auto [end, fault] = std::from_chars(text.data(), text.data() + text.size(), id);
  CLEW_CHECK(fault == std::errc() && end == text.data() + text.size() && id >= 0 &&
                 id < static_cast<std::int64_t>(kMostYoloClasses),
             yaml_place(name, node.Mark()), ": the number of a class must be in 0..",
             kMostYoloClasses - 1, ", got ", yaml_text(node));
  return id;
}

/// A double-quoted scalar (YAML 1.2, 7.3.1). YAML::Emitter would write U+FFFD for a noncharacter such as U+FDD0.
std::string yaml_quoted(std::string_view text) {
  // Beside control characters, those that YAML (5.1, 5.2, 5.4) forbids, skips or takes for the end of a line.
  static const std::set<std::string_view> special{"\u2028", "\u2029", "\ufeff", "\xef\xbf\xbe",
                                                  "\xef\xbf\xbf"};
  std::string quoted = "\"";
  while (!text.empty()) {
    const auto character = first_characters(text, 1);
    const bool is_escaped = printable(character) != character || special.contains(character);
    // JSON's escapes are YAML's.
    const std::string json = nlohmann::json(character).dump(-1, ' ', is_escaped);
    quoted.append(json, 1, json.size() - 2);
    text.remove_prefix(character.size());
  }
  return quoted + '"';
}

void check_yolo_classes(std::vector<YoloClass>& classes, const std::string& name) {
  std::ranges::sort(classes, {}, &YoloClass::id);
  std::set<std::string> names;
  for (std::size_t i = 0; i < classes.size(); ++i) {
    CLEW_CHECK(i == 0 || classes[i].id != classes[i - 1].id, name, ": class ", classes[i].id,
               " must be there once");
    CLEW_CHECK(names.insert(classes[i].name).second, name,
               ": each class must have a name of its own, got '", excerpt(classes[i].name),
               "' twice");
  }
}

}  // namespace

std::vector<YoloClass> parse_yolo_yaml(const std::string& yaml, const std::string& name) {
  std::vector<YoloClass> classes;
  try {
    const YAML::Node root = YAML::Load(yaml);
    CLEW_CHECK(root.IsMap() && root["names"], name, ": must have 'names', the classes");
    const YAML::Node names = root["names"];
    CLEW_CHECK((names.IsSequence() || names.IsMap()) && names.size() > 0 &&
                   names.size() <= kMostYoloClasses,
               yaml_place(name, names.Mark()), ": 'names' must be a list of 1..", kMostYoloClasses,
               " classes, or a map from their numbers, got ", yaml_text(names));
    for (const auto& one : names) {
      if (names.IsSequence()) {
        classes.push_back({static_cast<std::int64_t>(classes.size()), class_name(one, name)});
      } else {
        classes.push_back({class_id(one.first, name), class_name(one.second, name)});
      }
    }
    if (const YAML::Node count = root["nc"]) {
      CLEW_CHECK(count.IsScalar() && count.Scalar() == std::to_string(classes.size()),
                 yaml_place(name, count.Mark()), ": 'nc' must be the number of names, ",
                 classes.size(), ", got ", yaml_text(count));
    }
  } catch (const YAML::Exception& error) {
    throw Error(concat(yaml_place(name, error.mark), ": is not YAML: ", excerpt(error.msg)));
  }
  check_yolo_classes(classes, name);
  return classes;
}

std::vector<YoloClass> parse_yolo_classes(std::string_view text, const std::string& name) {
  std::vector<YoloClass> classes;
  text = without_bom(text);
  std::size_t empty = 0;  // line, if any
  for (std::size_t line = 1; !text.empty(); ++line) {
    auto one = text.substr(0, text.find('\n'));
    text.remove_prefix(std::min(one.size() + 1, text.size()));
    while (!one.empty() && (one.back() == '\r' || one.back() == ' ')) one.remove_suffix(1);
    if (one.empty()) {
      if (empty == 0) empty = line;
      continue;
    }
    CLEW_CHECK(empty == 0, name, ":", empty, ": every line must be the name of a class");
    CLEW_CHECK(is_utf8(one) && classes.size() < kMostYoloClasses, name, ":", line,
               ": a class must have a name in UTF-8, and there can be ", kMostYoloClasses);
    classes.push_back({static_cast<std::int64_t>(classes.size()), std::string(one)});
  }
  CLEW_CHECK(!classes.empty(), name, ": must hold the name of a class in each line, got none");
  check_yolo_classes(classes, name);
  return classes;
}

std::string format_yolo_yaml(const std::vector<std::string>& classes,
                             const std::vector<std::string>& splits) {
  YAML::Emitter out;
  out << YAML::BeginMap;
  out << YAML::Key << "path" << YAML::Value << ".";
  for (const auto& split : splits) out << YAML::Key << split << YAML::Value << "images/" + split;
  out << YAML::Key << "nc" << YAML::Value << classes.size();
  out << YAML::EndMap;
  std::string text = concat(out.c_str(), "\nnames:\n");
  for (const auto& name : classes) text += concat("  - ", yaml_quoted(name), '\n');
  return text;
}

}  // namespace clew::data
