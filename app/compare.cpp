// SPDX-License-Identifier: Apache-2.0
// clew compare: comparison of runs of one system, as a table and as a page with curves.
#include "clew/report/compare.h"

#include <CLI/CLI.hpp>
#include <algorithm>
#include <filesystem>
#include <iostream>
#include <memory>
#include <string>
#include <vector>

#include "clew/core/error.h"
#include "clew/core/log.h"
#include "clew/report/report.h"
#include "command.h"
#include "systems.h"
#include "usage.h"

namespace clew::app {

void define_compare(CLI::App& command) {
  struct Arguments {
    std::vector<std::string> runs;
    std::string page;
    bool is_json = false;
  };
  auto arguments = std::make_shared<Arguments>();
  command.add_option("RUN", arguments->runs, "run folders of one system")->required();
  command.add_option("--page", arguments->page,
                     "also write a page with the curves over each other, FILE.html");
  command.add_flag("--json", arguments->is_json, "print JSON");
  command.callback([arguments] {
    const std::vector<std::filesystem::path> runs(arguments->runs.begin(), arguments->runs.end());
    if (!arguments->page.empty()) check_page("--page", arguments->page);
    const auto comparison =
        report::compare(runs, [](const std::string& name, const std::string& key) {
          const auto row = std::ranges::find(systems(), name, &System::name);
          return row == systems().end() || !row->no_settings.contains(key);
        });
    if (!arguments->page.empty()) report::write_html(runs, arguments->page);
    if (arguments->is_json) {
      std::cout << report::comparison_json(comparison);
    } else {
      std::cout << report::table_text(comparison);
    }
    for (const auto& setting : comparison.settings) {
      if (setting.evaluated < static_cast<int>(setting.runs.size())) {
        log(LogLevel::kWarning, concat("not every run like ", setting.runs[0].string(),
                                       " is evaluated; `clew eval RUN` does that"));
        break;
      }
    }
  });
}

}  // namespace clew::app
