// SPDX-License-Identifier: Apache-2.0
// Multi-label tables of picture folders: labels.csv.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace clew::data {

/// CSV with a header, in one of two forms: "file" and a 0/1 column for each class; or "file,labels"
/// with class names separated by ';' or spaces.
struct LabelTable {
  struct Row {
    std::string file;                  // relative to the table's folder
    std::vector<std::uint8_t> labels;  // multi-hot, [C]
  };
  std::vector<std::string> classes;  // in column order; sorted in the second form
  std::vector<Row> rows;
};
/// Parses a table; `name` is for errors. Values may be quoted (RFC 4180). No rows, no class, a file
/// twice or outside the folder, values other than 0 and 1: clew::Error with the line.
LabelTable parse_label_table(const std::string& text, const std::string& name);

}  // namespace clew::data
