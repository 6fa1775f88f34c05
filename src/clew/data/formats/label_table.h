// SPDX-License-Identifier: Apache-2.0
// Tables of labels beside pictures, several a picture: labels.csv.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace clew::data {

/// A table of comma-separated values whose first line names the columns, in one of two forms: "file" and a column
/// for each class with 1 or 0; or "file,labels" with the names of classes, separated by ';' or spaces.
struct LabelTable {
  struct Row {
    std::string file;                  // a path below the table's folder
    std::vector<std::uint8_t> labels;  // 1 or 0 for each class
  };
  std::vector<std::string> classes;  // in the order of the columns; of the second form sorted
  std::vector<Row> rows;
};
/// The table that `text` holds; `name` is for errors. Values may stand in double quotes (RFC 4180). No
/// rows, no class, a file twice or outside the folder, other values than 0 and 1: clew::Error with the
/// line.
LabelTable parse_label_table(const std::string& text, const std::string& name);

}  // namespace clew::data
