// SPDX-License-Identifier: Apache-2.0
// clew export: a run's trained network as a file for other programs.
#include "clew/nn/export/export.h"

#include <CLI/CLI.hpp>
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "clew/core/error.h"
#include "clew/core/text.h"
#include "command.h"
#include "systems.h"
#include "terminal.h"

namespace clew::app {
namespace {

/// Format by file extension, one of the system's; safetensors without a file.
nn::ExportFormat format_of(const std::filesystem::path& out, const System& system) {
  if (out.empty()) return nn::ExportFormat::kSafetensors;
  std::vector<std::string> endings;
  for (const auto format : system.formats) {
    endings.push_back(ending_of(format));
    if (out.extension() == endings.back()) return format;
  }
  throw UsageError(concat("--out must end in one of ", join(endings), ", got '", out.string(),
                          "' for a run of ", system.name));
}

/// Format by name, one of the system's.
nn::ExportFormat format_named(const std::string& name, const System& system) {
  std::vector<std::string> choices;
  for (const auto format : system.formats) {
    choices.emplace_back(name_of(format));
    if (choices.back() == name) return format;
  }
  throw UsageError(concat("--format must be one of ", join(choices), " for a run of ", system.name,
                          ", got '", name, "'", did_you_mean(name, choices)));
}

}  // namespace

void define_export(CLI::App& command) {
  struct Arguments {
    std::filesystem::path run, out;
    std::string format;
  };
  auto arguments = std::make_shared<Arguments>();
  command.add_option("RUN", arguments->run, "a run folder")->required();
  command.add_option(
      "--format", arguments->format,
      join(names_of<nn::ExportFormat>()) + "; default: by the ending of --out, or safetensors");
  command.add_option("--out", arguments->out,
                     "the file; default: network.ENDING in the run folder");
  command.callback([arguments] {
    const auto& system = system_of_run(arguments->run);
    if (system.formats.empty())
      throw UsageError(concat("clew export does not offer runs of ", system.name));
    const auto format = arguments->format.empty() ? format_of(arguments->out, system)
                                                  : format_named(arguments->format, system);
    const auto ending = ending_of(format);
    const auto out =
        arguments->out.empty() ? arguments->run / ("network" + ending) : arguments->out;
    if (out.extension() != ending) {
      throw UsageError(concat("--out must end in ", ending, " for ", name_of(format), ", got '",
                              out.string(), "'"));
    }
    system.export_run(arguments->run, out);
    print_name(out);
  });
}

}  // namespace clew::app
