// SPDX-License-Identifier: Apache-2.0
// The reader of tables of labels: any bytes give either a table whose rows fit its classes or a clew::Error of one
// short line.
#include <cstdint>
#include <set>
#include <string>

#include "clew/core/error.h"
#include "clew/data/formats/label_table.h"
#include "message.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  try {
    const auto table = clew::data::parse_label_table(
        std::string(reinterpret_cast<const char*>(data), size), "input");
    check(!table.classes.empty() && !table.rows.empty());
    std::set<std::string> files;
    for (const auto& row : table.rows) {
      check(row.labels.size() == table.classes.size());
      check(!row.file.empty() && row.file[0] != '/');
      check(files.insert(row.file).second);
    }
  } catch (const clew::Error& error) {
    check_message(error.what());
  }
  return 0;
}
