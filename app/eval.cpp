// SPDX-License-Identifier: Apache-2.0
// clew eval: evaluation of a run's trained network, by its system's measures.
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <iostream>
#include <memory>
#include <string>
#include <system_error>
#include <vector>

#include "clew/core/error.h"
#include "clew/core/log.h"
#include "command.h"
#include "systems.h"

namespace clew::app {
namespace {

/// Summary, and the measures where there are several.
std::string text_of(const runs::Evaluation& evaluation) {
  auto text = evaluation.summary + "\n";
  if (evaluation.measures.size() < 2) return text;
  for (const auto& one : evaluation.measures) {
    char line[80];
    const bool is_share = one.unit == "share";
    std::snprintf(line, sizeof line, "%-12s %7.*f%s%s\n", one.name.c_str(), is_share ? 2 : 4,
                  is_share ? 100 * one.value : one.value, one.unit.empty() ? "" : " ",
                  is_share ? "%" : one.unit.c_str());
    text += line;
  }
  return text;
}

/// Evaluation of other programs' predictions: `clew eval SYSTEM predictions=FILE truth=FILE`.
void evaluate_predictions(const System& system, const std::vector<std::string>& settings,
                          bool is_json) {
  if (system.evaluate_predictions == nullptr)
    throw UsageError(concat(system.name, " judges no files of answers; name a run folder"));
  ConfigTree tree;
  for (const auto& setting : settings) apply_override(tree, setting);
  const auto evaluation = system.evaluate_predictions(tree);
  std::cout << (is_json ? runs::evaluation_json(evaluation) : text_of(evaluation)) << std::flush;
}

}  // namespace

void define_eval(CLI::App& command) {
  auto request = std::make_shared<EvalRequest>();
  command
      .add_option("RUN", request->run,
                  "a run folder; or a system, to judge answers of other programs by "
                  "predictions=FILE truth=FILE, for masks predictions=DIR truth=DIR")
      ->required();
  auto settings = std::make_shared<std::vector<std::string>>();
  command.add_option("SETTINGS", *settings, "settings of the evaluation")->type_name("KEY=VALUE");
  command.add_flag("--json", request->is_json, "print JSON");
  std::string footer;
  for (const auto& system : systems()) {
    footer += concat(footer.empty() ? "" : "\n", "Settings of ", system.name, ":",
                     system.eval_settings.empty() ? " none\n" : "\n" + system.eval_settings);
    if (!system.prediction_settings.empty())
      footer += concat("\nSettings of ", system.name, " beside predictions and truth:\n",
                       system.prediction_settings);
  }
  command.footer(footer);
  command.callback([request, settings] {
    std::error_code ignored;
    if (!std::filesystem::exists(request->run, ignored)) {
      for (const auto& system : systems())
        if (request->run == system.name)
          return evaluate_predictions(system, *settings, request->is_json);
    }
    const auto& system = system_of_run(request->run);
    for (const auto& setting : *settings) apply_override(request->settings, setting);
    if (system.eval_settings.empty() && !settings->empty()) {
      throw UsageError(concat("the evaluation of ", request->run.string(), ", a run of ",
                              system.name, ", has no settings, got '", settings->front(), "'"));
    }
    const auto answer = system.eval(*request);
    std::cout << answer.text << std::flush;
    if (::access(request->run.c_str(), W_OK) != 0) {
      log(LogLevel::kWarning, concat("the report will not show this: cannot write '",
                                     request->run.string(), "': ", std::strerror(errno)));
      return;
    }
    answer.keep();
  });
}

}  // namespace clew::app
