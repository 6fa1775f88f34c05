// SPDX-License-Identifier: Apache-2.0
// clew export: the trained network of a run as a file that other programs open.
#include "clew/nn/export/export.h"

#include <CLI/CLI.hpp>
#include <algorithm>
#include <filesystem>
#include <memory>
#include <string>

#include "clew/core/error.h"
#include "command.h"
#include "systems.h"
#include "terminal.h"

namespace clew::app {
namespace {

std::string ending_of(const std::string& format) {
  for (const auto& known : nn::export_formats())
    if (known.name == format) return known.ending;
  return {};
}

/// The format of a file's ending, one of the system's; safetensors without a file.
std::string format_of(const std::filesystem::path& out, const System& system) {
  if (out.empty()) return "safetensors";
  std::string list;
  for (const auto& format : system.formats) {
    if (out.extension() == ending_of(format)) return format;
    list += (list.empty() ? "" : ", ") + ending_of(format);
  }
  throw UsageError(concat("--out must end in one of ", list, ", got '", out.string(),
                          "' for a run of ", system.name));
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
      "safetensors, pth, torchscript or onnx; default: by the ending of --out, or safetensors");
  command.add_option("--out", arguments->out,
                     "the file; default: network.ENDING in the run folder");
  command.callback([arguments] {
    const auto& system = system_of_run(arguments->run);
    if (system.formats.empty())
      throw UsageError(concat("clew export does not offer runs of ", system.name));
    const auto format =
        arguments->format.empty() ? format_of(arguments->out, system) : arguments->format;
    if (std::find(system.formats.begin(), system.formats.end(), format) == system.formats.end()) {
      std::string list;
      for (const auto& known : system.formats) list += (list.empty() ? "" : ", ") + known;
      throw UsageError(concat("--format must be one of ", list, " for a run of ", system.name,
                              ", got '", format, "'", did_you_mean(format, system.formats)));
    }
    const auto out =
        arguments->out.empty() ? arguments->run / ("network" + ending_of(format)) : arguments->out;
    if (out.extension() != ending_of(format)) {
      throw UsageError(concat("--out must end in ", ending_of(format), " for ", format, ", got '",
                              out.string(), "'"));
    }
    system.export_run(arguments->run, out);
    print_name(out);
  });
}

}  // namespace clew::app
