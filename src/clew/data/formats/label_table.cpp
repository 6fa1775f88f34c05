// SPDX-License-Identifier: Apache-2.0
#include "clew/data/formats/label_table.h"

#include <algorithm>
#include <filesystem>
#include <set>
#include <utility>

#include "clew/core/error.h"
#include "clew/core/text.h"

namespace clew::data {
namespace {

constexpr std::size_t kMostClasses = 100'000;

/// Values of the record at `at`; advances `at` and `line`.
std::vector<std::string> next_record(const std::string& text, std::size_t& at, std::size_t& line,
                                     const std::string& name) {
  std::vector<std::string> values(1);
  const std::size_t first_line = line;
  bool is_quoted = false;
  for (; at < text.size(); ++at) {
    const char c = text[at];
    if (is_quoted) {
      if (c == '\n') ++line;
      if (c != '"') {
        values.back() += c;
      } else if (at + 1 < text.size() && text[at + 1] == '"') {
        values.back() += '"';
        ++at;
      } else {
        is_quoted = false;
      }
    } else if (c == '"' && values.back().empty()) {
      is_quoted = true;
    } else if (c == ',') {
      values.emplace_back();
    } else if (c == '\n') {
      ++at;
      break;
    } else if (c != '\r') {
      values.back() += c;
    }
  }
  CLEW_CHECK(!is_quoted, name, ":", first_line, ": a quoted value must end with a quote");
  ++line;
  return values;
}

bool is_below_folder(const std::string& file) {
  const std::filesystem::path path(file);
  return !file.empty() && path.is_relative() &&
         std::none_of(path.begin(), path.end(), [](const auto& part) { return part == ".."; });
}

std::vector<std::string> label_names(const std::string& text) {
  std::vector<std::string> names(1);
  for (const char c : text) {
    if (c == ';' || c == ' ') {
      if (!names.back().empty()) names.emplace_back();
    } else {
      names.back() += c;
    }
  }
  if (names.back().empty()) names.pop_back();
  return names;
}

}  // namespace

LabelTable parse_label_table(const std::string& text, const std::string& name) {
  LabelTable table;
  std::size_t at = 0, line = 1;
  const auto head = next_record(text, at, line, name);
  CLEW_CHECK(head.size() >= 2 && head[0] == "file", name,
             ":1: the first line must be 'file,CLASS,CLASS,...' or 'file,labels', got '",
             excerpt(std::string_view(text).substr(0, text.find('\n'))), "'");
  CLEW_CHECK(std::ranges::all_of(head, is_utf8), name, ":1: names of classes must be UTF-8");
  const bool is_list = head.size() == 2 && head[1] == "labels";
  CLEW_CHECK(head.size() - 1 <= kMostClasses, name, ":1: a table can have ", kMostClasses,
             " classes, got ", head.size() - 1);
  if (!is_list) table.classes.assign(head.begin() + 1, head.end());
  std::vector<std::vector<std::string>> lists;
  std::set<std::string> files, classes(table.classes.begin(), table.classes.end());
  CLEW_CHECK(classes.size() == table.classes.size() && !classes.contains(""), name,
             ":1: each class must have a name of its own");
  while (at < text.size()) {
    const std::size_t where = line;
    auto values = next_record(text, at, line, name);
    if (values.size() == 1 && values[0].empty()) continue;
    CLEW_CHECK(values.size() == head.size(), name, ":", where, ": a line must have ", head.size(),
               " values, got ", values.size());
    CLEW_CHECK(is_below_folder(values[0]), name, ":", where,
               ": a file must be a path below the table's folder, got '", excerpt(values[0]), "'");
    CLEW_CHECK(files.insert(values[0]).second, name, ":", where, ": '", excerpt(values[0]),
               "' is there twice");
    LabelTable::Row row{.file = values[0], .labels = {}};
    if (is_list) {
      lists.push_back(label_names(values[1]));
      CLEW_CHECK(is_utf8(values[1]), name, ":", where, ": names of classes must be UTF-8");
      classes.insert(lists.back().begin(), lists.back().end());
      CLEW_CHECK(classes.size() <= kMostClasses, name, ":", where, ": a table can have ",
                 kMostClasses, " classes");
    } else {
      for (std::size_t i = 1; i < values.size(); ++i) {
        CLEW_CHECK(values[i] == "0" || values[i] == "1", name, ":", where, ": label '",
                   excerpt(head[i]), "' must be 0 or 1, got '", excerpt(values[i]), "'");
        row.labels.push_back(values[i] == "1");
      }
    }
    table.rows.push_back(std::move(row));
  }
  CLEW_CHECK(!table.rows.empty(), name, ": must name at least one picture");
  if (is_list) {
    table.classes.assign(classes.begin(), classes.end());
    CLEW_CHECK(!table.classes.empty(), name, ": must name at least one label");
    for (std::size_t i = 0; i < lists.size(); ++i) {
      auto& labels = table.rows[i].labels;
      labels.assign(table.classes.size(), 0);
      for (const auto& label : lists[i])
        labels[static_cast<std::size_t>(std::ranges::lower_bound(table.classes, label) -
                                        table.classes.begin())] = 1;
    }
  }
  return table;
}

}  // namespace clew::data
