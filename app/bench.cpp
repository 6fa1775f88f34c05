// SPDX-License-Identifier: Apache-2.0
// clew bench NAME: settings in, rows out as a table or as {"machine": {...}, "rows": [...]}.
#include "bench/bench.h"

#include <CLI/CLI.hpp>
#include <functional>
#include <iostream>
#include <memory>

#include "command.h"
#include "settings.h"

namespace clew::app {
namespace {

/// Adds --json to a benchmark and prints what `rows` gives.
void print_rows_of(CLI::App& command, const std::function<bench::Json()>& rows) {
  auto is_json = std::make_shared<bool>(false);
  command.add_flag("--json", *is_json, "print {\"machine\": {...}, \"rows\": [...]}");
  command.callback([is_json, rows] {
    const bench::Json measured = rows();
    if (*is_json) {
      const bench::Json answer = {{"machine", bench::machine_json()}, {"rows", measured}};
      std::cout << answer.dump(2) << '\n';
    } else {
      std::cout << bench::table_text(measured);
    }
  });
}

void define_peak(CLI::App& command) {
  const auto settings = add_settings<bench::PeakOptions>(command);
  print_rows_of(command, [settings] { return bench::peak_rows(settings()); });
}

void define_levels(CLI::App& command) {
  const auto settings = add_settings<bench::LevelOptions>(command);
  print_rows_of(command, [settings] { return bench::level_rows(settings()); });
}

constexpr Command kBenches[] = {
    {"levels", "drawing mazes and episodes, reading level files", define_levels},
    {"peak", "the machine's own limits: multiply-adds and bytes copied a second", define_peak},
};

}  // namespace

void define_bench(CLI::App& command) { add_commands(command, kBenches); }

}  // namespace clew::app
