// SPDX-License-Identifier: Apache-2.0
// clew weights: lists and downloads published weights, shows and converts weights files.
#include "clew/nn/weights.h"

#include <CLI/CLI.hpp>
#include <algorithm>
#include <filesystem>
#include <iostream>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <system_error>
#include <vector>

#include "bench/bench.h"
#include "clew/core/error.h"
#include "clew/core/text.h"
#include "clew/nn/backbones/published.h"
#include "clew/nn/backbones/recognise.h"
#include "clew/train/start.h"
#include "clew/train/weights_download.h"
#include "command.h"
#include "progress.h"
#include "settings.h"
#include "terminal.h"

namespace clew::app {
namespace {

/// Folder of --dir, else the cache's.
std::filesystem::path weights_folder_of(const std::string& dir) {
  auto folder = dir.empty() ? nn::weights_folder() : std::filesystem::path(dir);
  if (folder.empty())
    throw UsageError("--dir must name a folder where neither XDG_CACHE_HOME nor HOME does");
  return folder;
}

std::string mib_text(std::int64_t bytes) {
  return fixed(static_cast<double>(bytes) / (1 << 20), 1) + " MiB";
}

/// Sources of a file, as text.
std::string sources_text(const nn::PublishedWeights& one) {
  auto host = one.address.substr(std::min(one.address.size(), one.address.find("//") + 2));
  host = host.substr(0, host.find('/'));
  return concat(host, host.empty() || one.package.empty() ? "" : ", ",
                one.package.empty() ? "" : "pip");
}

void define_weights_list(CLI::App& command) {
  struct ListArguments {
    std::string dir;
    bool is_json = false;
  };
  auto arguments = std::make_shared<ListArguments>();
  command.add_option("--dir", arguments->dir, "where they are looked for; default: the cache");
  command.add_flag("--json", arguments->is_json, "print it as JSON");
  command.callback([arguments] {
    const auto folder =
        arguments->dir.empty() ? nn::weights_folder() : std::filesystem::path(arguments->dir);
    bench::Json list = bench::Json::array(), rows = bench::Json::array();
    for (const auto& one : nn::published_weights()) {
      const auto path = nn::at_hand(one, folder);
      list.push_back({{"backbone", one.backbone},
                      {"file", one.file},
                      {"path", path ? bench::Json(path->string()) : bench::Json()},
                      {"bytes", one.bytes},
                      {"sha256", one.sha256},
                      {"address", one.address.empty() ? "" : one.address + one.file},
                      {"package", one.package},
                      {"licence", one.licence},
                      {"origin", one.origin},
                      {"top1", one.top1},
                      {"top5", one.top5 > 0 ? bench::Json(one.top5) : bench::Json()}});
      rows.push_back({{"backbone", one.backbone},
                      {"at hand", path ? "yes" : "no"},
                      {"size", mib_text(one.bytes)},
                      {"top-1 %", fixed(one.top1, 1)},
                      {"top-5 %", one.top5 > 0 ? fixed(one.top5, 1) : "-"},
                      {"from", sources_text(one)},
                      {"licence", one.licence}});
    }
    std::cout << (arguments->is_json ? json_text(list) : bench::table_text(rows));
  });
}

void define_weights_get(CLI::App& command) {
  struct GetArguments {
    std::string name, dir, from;
  };
  auto arguments = std::make_shared<GetArguments>();
  command.add_option("NAME", arguments->name, "a backbone of `clew weights list`")->required();
  command.add_option("--dir", arguments->dir,
                     "where the file goes; default: the cache, where start.weights=NAME finds it");
  command.add_option("--from", arguments->from,
                     "take it from this address, or from pip, instead of the listed ones in turn");
  command.callback([arguments] {
    const auto* weights = nn::find_published(arguments->name);
    if (weights == nullptr) {
      std::vector<std::string> names;
      for (const auto& one : nn::published_weights()) names.push_back(one.backbone);
      throw UsageError(concat("no weights of '", arguments->name,
                              "' are known; `clew weights list` names the backbones",
                              did_you_mean(arguments->name, names)));
    }
    CountLine line("KiB");
    const InterruptWatch watch;
    const auto path = train::download_weights(
        *weights, {.folder = weights_folder_of(arguments->dir),
                   .from = arguments->from,
                   .progress = [&](const std::string& file, std::int64_t done, std::int64_t total) {
                     line.show(done / 1024, total / 1024, file);
                     return !watch.was_interrupted();
                   }});
    line.end();
    print_name(path);
  });
}

struct PartSettings {
  std::string part;
  void fields(Fields& v) {
    v("part", part, {.help = "part of a .pth that holds the weights, such as state_dict"});
  }
};

/// Contents of a weights file, or of a run folder's best weights.
nn::WeightsInfo contents(const std::filesystem::path& file, const std::string& part) {
  std::error_code ignored;
  if (!std::filesystem::is_directory(file, ignored)) return nn::weights_info(file, part);
  auto info = nn::weights_info(train::read_start({.weights = file.string(), .part = part}).tensors);
  info.format = "run";
  return info;
}

/// Number of tensors by type: "float32 62, int64 20".
std::string types_text(const nn::WeightsInfo& info) {
  std::map<std::string, int> counts;
  for (const auto& one : info.tensors) ++counts[one.dtype];
  std::vector<std::string> words;
  for (const auto& [dtype, count] : counts) words.push_back(concat(count, " of ", dtype));
  return join(words);
}

bench::Json json_of(const nn::WeightsInfo& info, const std::optional<nn::BackboneFit>& fit) {
  bench::Json tensors = bench::Json::array();
  for (const auto& one : info.tensors)
    tensors.push_back({{"name", one.name}, {"type", one.dtype}, {"shape", one.shape}});
  bench::Json answer = {{"format", info.format},
                        {"tensors", tensors},
                        {"values", info.values},
                        {"metadata", info.metadata},
                        {"fits", bench::Json()}};
  if (fit)
    answer["fits"] = {
        {"backbone", fit->backbone}, {"classes", fit->classes}, {"prefix", fit->prefix}};
  return answer;
}

void define_weights_show(CLI::App& command) {
  struct ShowArguments {
    std::filesystem::path file;
    bool is_json = false;
  };
  auto arguments = std::make_shared<ShowArguments>();
  command
      .add_option("FILE", arguments->file,
                  "a .pth or .safetensors, or a run folder, whose best weights are shown")
      ->required();
  command.add_flag("--json", arguments->is_json, "print it as JSON");
  const auto settings = add_settings<PartSettings>(command);
  command.callback([arguments, settings] {
    const auto info = contents(arguments->file, settings().part);
    const auto fit = nn::fitting_backbone(info.tensors);
    if (arguments->is_json) {
      std::cout << json_text(json_of(info, fit));
      return;
    }
    bench::Json rows = bench::Json::array();
    double numbers = 0;
    for (const auto& one : info.tensors) {
      rows.push_back(
          {{"tensor", excerpt(one.name)}, {"type", one.dtype}, {"shape", excerpt(one.shape)}});
      numbers += static_cast<double>(one.count());
    }
    if (!info.tensors.empty()) std::cout << bench::table_text(rows) << '\n';
    std::cout << info.format << ", " << info.tensors.size() << " tensors (" << types_text(info)
              << "), " << count_text(numbers) << " numbers\n";
    if (!info.values.empty())
      std::cout << info.values.size() << " entries that are no tensors, such as "
                << excerpt(info.values[0]) << '\n';
    std::cout << "fits " << (fit ? fit->text() : "no backbone") << '\n';
  });
}

void define_weights_convert(CLI::App& command) {
  struct ConvertArguments {
    std::filesystem::path in, out;
  };
  auto arguments = std::make_shared<ConvertArguments>();
  command.add_option("IN", arguments->in, "a .pth or .safetensors")->required();
  command
      .add_option("OUT", arguments->out,
                  "the file to write; its ending, .pth or .safetensors, says the format")
      ->required();
  const auto settings = add_settings<PartSettings>(command);
  command.callback([arguments, settings] {
    const auto& [in, out] = *arguments;
    if (out.extension() != ".pth" && out.extension() != ".safetensors")
      throw UsageError(concat("OUT must end in .pth or .safetensors, got '", out.string(), "'"));
    std::error_code ignored;
    if (std::filesystem::equivalent(in, out, ignored))
      throw UsageError(
          concat("OUT must be another file than IN, got '", out.string(), "' for both"));
    const auto part = settings().part;
    const auto info = nn::weights_info(in, part);
    nn::write_tensors(out, nn::read_tensors(in, part));
    const auto left_out = info.values.size();
    if (left_out > 0)
      say(concat("left out: ", left_out, left_out == 1 ? " entry" : " entries",
                 " of no tensors, such as ", excerpt(info.values[0])));
    print_name(out);
  });
}

constexpr Command kWeightsCommands[] = {
    {"list", "name the published weights, their size, accuracy, terms and origin",
     define_weights_list},
    {"get", "download those of a backbone; goes on where it was broken off", define_weights_get},
    {"show", "say what a file of weights holds and which backbone it fits", define_weights_show},
    {"convert", "write a .pth as safetensors, or the other way", define_weights_convert},
};

}  // namespace

void define_weights(CLI::App& command) { add_commands(command, kWeightsCommands); }

}  // namespace clew::app
