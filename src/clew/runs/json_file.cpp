// SPDX-License-Identifier: Apache-2.0
#include "clew/runs/json_file.h"

#include <cmath>
#include <limits>
#include <nlohmann/json.hpp>
#include <utility>

#include "clew/core/error.h"

namespace clew::runs {
namespace {

using Json = nlohmann::json;

const Json& json_of(const void* value) { return *static_cast<const Json*>(value); }

// "[json.exception.parse_error.101] parse error at line 3, column 5: syntax error ..." from "line" on;
// from "column" on for a text of one line.
std::string without_prefix(const std::string& text, bool has_lines) {
  const std::size_t at = text.find(has_lines ? "line " : "column ");
  if (at != std::string::npos) return text.substr(at);
  const std::size_t bracket = text.find("] ");
  return bracket == std::string::npos ? text : text.substr(bracket + 2);
}

std::string excerpt_of(const Json& json) {
  if (json.is_array()) return concat("a list of ", json.size());
  if (json.is_object()) return "an object";
  std::string text = json.dump(-1, ' ', true, Json::error_handler_t::replace);
  constexpr std::size_t kLongest = 40;
  if (text.size() > kLongest) text = text.substr(0, kLongest) + "...";
  return text;
}

}  // namespace

JsonFile parse_json(std::string name, std::string_view text) {
  JsonFile file{std::move(name), nullptr};
  try {
    file.root = std::make_shared<const Json>(Json::parse(text));
  } catch (const Json::exception& error) {
    throw Error(concat(file.name, ": malformed JSON: ",
                       without_prefix(error.what(), text.find('\n') != text.npos)));
  }
  return file;
}

std::string Value::alternatives(const std::vector<std::string>& names) {
  std::string text;
  for (std::size_t i = 0; i < names.size(); ++i)
    text += concat(i == 0 ? "" : i + 1 < names.size() ? ", " : " or ", names[i]);
  return text;
}

void Value::fail(const std::string& wanted) const {
  throw Error(concat(file_->name, ": ", place_.empty() ? "the file" : place_, " must be ", wanted,
                     ", got ", excerpt_of(json_of(json_))));
}

Value Value::at(std::string_view key) const {
  if (!json_of(json_).is_object()) fail("an object");
  const auto found = json_of(json_).find(key);
  if (found == json_of(json_).end()) fail(concat("an object with \"", key, "\""));
  return {file_, &*found, concat(place_, place_.empty() ? "" : ".", key)};
}

std::optional<Value> Value::find(std::string_view key) const {
  if (!json_of(json_).is_object()) fail("an object");
  const auto found = json_of(json_).find(key);
  if (found == json_of(json_).end() || found->is_null()) return std::nullopt;
  return at(key);
}

std::vector<Value> Value::items() const {
  if (!json_of(json_).is_array()) fail("a list");
  std::vector<Value> values;
  values.reserve(json_of(json_).size());
  for (std::size_t i = 0; i < json_of(json_).size(); ++i)
    values.push_back(Value(file_, &json_of(json_)[i], concat(place_, "[", i, "]")));
  return values;
}

std::vector<Value> Value::items(std::size_t count) const {
  if (!json_of(json_).is_array() || json_of(json_).size() != count)
    fail(concat("a list of ", count));
  return items();
}

double Value::number(Range range) const {
  const bool is_open = range.min <= -1e300 && range.max >= 1e300;
  const auto wanted = [&] {
    return is_open ? std::string("a number") : concat("a number in ", range.min, "..", range.max);
  };
  if (!json_of(json_).is_number()) fail(wanted());
  const double number = json_of(json_).get<double>();
  if (!(number >= range.min && number <= range.max)) fail(wanted());
  return number;
}

int Value::integer(int min, int max) const {
  const auto is_good = [&] {
    return json_of(json_).is_number_integer() && json_of(json_).get<double>() >= min &&
           json_of(json_).get<double>() <= max;
  };
  if (!is_good()) fail(concat("a whole number in ", min, "..", max));
  return json_of(json_).get<int>();
}

std::string Value::string() const {
  if (!json_of(json_).is_string()) fail("a string");
  return json_of(json_).get<std::string>();
}

std::string Value::string(bool (*accepts)(const std::string&), const std::string& wanted) const {
  if (!json_of(json_).is_string() || !accepts(string())) fail(wanted);
  return string();
}

std::vector<double> Value::numbers(std::optional<std::size_t> count, Range range) const {
  if (!json_of(json_).is_array()) fail("a list of numbers");
  if (count && json_of(json_).size() != *count) fail(concat("a list of ", *count, " numbers"));
  std::vector<double> values;
  values.reserve(json_of(json_).size());
  for (std::size_t i = 0; i < json_of(json_).size(); ++i) {
    const Json& item = json_of(json_)[i];
    if (item.is_null()) {
      values.push_back(std::numeric_limits<double>::quiet_NaN());
    } else {
      const double number = item.is_number() ? item.get<double>() : range.min - 1;
      if (!item.is_number() || !(number >= range.min && number <= range.max))
        (void)Value(file_, &item, concat(place_, "[", i, "]")).number(range);
      values.push_back(number);
    }
  }
  return values;
}

std::vector<std::string> Value::keys() const {
  if (!json_of(json_).is_object()) fail("an object");
  std::vector<std::string> names;
  for (const auto& [name, value] : json_of(json_).items()) names.push_back(name);
  return names;
}

std::string Value::dump() const { return json_of(json_).dump(); }

std::optional<double> Value::maybe_number(std::string_view key, Range range) const {
  const auto value = find(key);
  return value ? std::optional(value->number(range)) : std::nullopt;
}

bool Value::maybe_flag(std::string_view key) const {
  const auto value = find(key);
  if (value && !json_of(value->json_).is_boolean()) value->fail("true or false");
  return value && json_of(value->json_).get<bool>();
}

std::vector<Value> Value::maybe_items(std::string_view key) const {
  const auto value = find(key);
  return value ? value->items() : std::vector<Value>();
}

std::string Value::maybe_string(std::string_view key) const {
  const auto value = find(key);
  return value ? value->string() : std::string();
}

}  // namespace clew::runs
