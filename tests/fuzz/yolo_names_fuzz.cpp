// SPDX-License-Identifier: Apache-2.0
// The readers of YOLO's class names: any bytes give either different names or a clew::Error of one short
// line, and what was read survives being written and read again.
#include <cstdint>
#include <set>
#include <string>
#include <vector>

#include "clew/core/error.h"
#include "clew/data/formats/yolo.h"
#include "message.h"

namespace {

template <class Parse>
void read(const Parse& parse) {
  std::vector<clew::data::YoloClass> classes;
  try {
    classes = parse();
  } catch (const clew::Error& error) {
    check_message(error.what());
    return;
  }
  std::vector<std::string> names;
  std::set<std::string> different;
  for (const auto& one : classes) {
    check(one.id >= 0 && different.insert(one.name).second);
    names.push_back(one.name);
  }
  check(!names.empty());
  const auto again =
      clew::data::parse_yolo_yaml(clew::data::format_yolo_yaml(names, {"train"}), "written");
  check(again.size() == names.size());
  for (std::size_t i = 0; i < names.size(); ++i) check(again[i].name == names[i]);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string text(reinterpret_cast<const char*>(data), size);
  read([&] { return clew::data::parse_yolo_yaml(text, "input"); });
  read([&] { return clew::data::parse_yolo_classes(text, "input"); });
  return 0;
}
