// SPDX-License-Identifier: Apache-2.0
// clew report: self-contained HTML page of one or more run folders.
#include "clew/report/report.h"

#include <CLI/CLI.hpp>
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "command.h"
#include "terminal.h"
#include "usage.h"

namespace clew::app {

void define_report(CLI::App& command) {
  struct Arguments {
    std::vector<std::string> runs;
    std::string out;
  };
  auto arguments = std::make_shared<Arguments>();
  command.add_option("RUN", arguments->runs, "run folders; several are compared on one page")
      ->required();
  command.add_option("--out", arguments->out,
                     "the page; default: report.html in the first run folder");
  command.callback([arguments] {
    const std::vector<std::filesystem::path> runs(arguments->runs.begin(), arguments->runs.end());
    const std::filesystem::path out =
        arguments->out.empty() ? runs[0] / "report.html" : std::filesystem::path(arguments->out);
    check_page("--out", out);
    report::write_html(runs, out);
    print_name(out);
  });
}

}  // namespace clew::app
