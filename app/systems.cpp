// SPDX-License-Identifier: Apache-2.0
#include "systems.h"

#include <memory>

#include "clew/classify/systems.h"
#include "clew/core/error.h"
#include "clew/detect/detect_system.h"
#include "clew/segment/segment_system.h"
#include "clew/train/run_folder.h"
#include "clew/warp/digit_system.h"
#include "clew/warp/locate_system.h"
#include "learning.h"
#include "navigate.h"

namespace clew::app {

const std::vector<System>& systems() {
  static const std::vector<System> table{
      navigate_system(),
      row_of(std::make_shared<const classify::TransferSystem>()),
      row_of(std::make_shared<const classify::MultilabelSystem>()),
      row_of(std::make_shared<const classify::LocaliseSystem>()),
      row_of(std::make_shared<const detect::DetectSystem>()),
      row_of(std::make_shared<const segment::SegmentSystem>()),
      row_of(std::make_shared<const warp::DigitSystem>()),
      row_of(std::make_shared<const warp::LocateSystem>()),
  };
  return table;
}

const System& system_of(const ConfigTree& tree) {
  const auto* entry = tree.find("system");
  if (entry == nullptr) return systems()[0];
  const auto* name =
      entry->values.size() == 1 ? std::get_if<std::string>(&entry->values[0]) : nullptr;
  std::vector<std::string> names;
  std::string list;
  for (const auto& system : systems()) {
    if (name != nullptr && system.name == *name) return system;
    names.emplace_back(system.name);
    list += (list.empty() ? "" : ", ") + names.back();
  }
  throw UsageError(concat(entry->where(), ": system must be one of ", list, ", got ", entry->text,
                          did_you_mean(name == nullptr ? "" : *name, names)));
}

const System& system_of_run(const std::filesystem::path& run) {
  return system_of(parse_toml(runs::read_config(run), (run / "config.toml").string()));
}

}  // namespace clew::app
