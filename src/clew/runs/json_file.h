// SPDX-License-Identifier: Apache-2.0
// Checked access to JSON files: a wrong type or size is a clew::Error with file and JSON path. Not
// installed.
#pragma once

#include <cstddef>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "clew/core/names.h"

namespace clew::runs {

/// A parsed file; must outlive its Values.
struct JsonFile {
  std::string name;                  // as shown in errors
  std::shared_ptr<const void> root;  // nlohmann::json, which only .cpp files include
};

/// Parses `text`; malformed: clew::Error.
[[nodiscard]] JsonFile parse_json(std::string name, std::string_view text);

struct Range {
  double min = -1e300, max = 1e300;
};

/// A value of a file and its JSON path. References a JsonFile.
class Value {
 public:
  explicit Value(const JsonFile& file) : file_(&file), json_(file.root.get()) {}

  /// Required member `key`.
  [[nodiscard]] Value at(std::string_view key) const;
  /// Optional member `key`; absent if missing or null.
  [[nodiscard]] std::optional<Value> find(std::string_view key) const;
  /// Elements of a list.
  [[nodiscard]] std::vector<Value> items() const;
  /// Elements of a list of exactly `count`.
  [[nodiscard]] std::vector<Value> items(std::size_t count) const;

  [[nodiscard]] double number(Range range = {}) const;
  [[nodiscard]] int integer(int min, int max) const;
  [[nodiscard]] std::string string() const;
  /// A string accepted by `accepts`; `wanted`: its description, for errors.
  [[nodiscard]] std::string string(bool (*accepts)(const std::string&),
                                   const std::string& wanted) const;
  /// An enumerator's name.
  template <NamedEnum E>
  [[nodiscard]] E choice() const {
    const auto value = find_named<E>(string());
    if (!value) fail(alternatives(names_of<E>()));
    return *value;
  }
  /// A list of numbers; null becomes NaN.
  [[nodiscard]] std::vector<double> numbers(std::optional<std::size_t> count,
                                            Range range = {}) const;

  /// Keys of an object, sorted.
  [[nodiscard]] std::vector<std::string> keys() const;
  /// JSON text.
  [[nodiscard]] std::string dump() const;

  /// `number` of an optional member.
  [[nodiscard]] std::optional<double> maybe_number(std::string_view key, Range range = {}) const;
  [[nodiscard]] std::string maybe_string(std::string_view key) const;
  /// false, or no elements, if missing.
  [[nodiscard]] bool maybe_flag(std::string_view key) const;
  [[nodiscard]] std::vector<Value> maybe_items(std::string_view key) const;

  /// "first, second or hidden".
  [[nodiscard]] static std::string alternatives(const std::vector<std::string>& names);
  /// Throws "file: place must be `wanted`, got ...".
  [[noreturn]] void fail(const std::string& wanted) const;

 private:
  Value(const JsonFile* file, const void* json, std::string place)
      : file_(file), json_(json), place_(std::move(place)) {}

  const JsonFile* file_;
  const void* json_;   // in file_->root
  std::string place_;  // such as players[1].score_mean
};

}  // namespace clew::runs
