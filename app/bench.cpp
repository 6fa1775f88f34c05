// SPDX-License-Identifier: Apache-2.0
// clew bench NAME: settings in, rows out as a table or as {"machine": {...}, "rows": [...]}.
#include "bench/bench.h"

#include <CLI/CLI.hpp>
#include <algorithm>
#include <filesystem>
#include <functional>
#include <iostream>
#include <memory>
#include <sstream>
#include <string>
#include <vector>

#include "bench/boxes_bench.h"
#include "bench/classify_bench.h"
#include "bench/coco_bench.h"
#include "bench/detect_bench.h"
#include "bench/digits_bench.h"
#include "bench/navigate_bench.h"
#include "bench/segment_bench.h"
#include "bench/settings_bench.h"
#include "clew/core/error.h"
#include "clew/core/files.h"
#include "command.h"
#include "settings.h"

namespace clew::app {
namespace {

/// Command line of this process, without some words and with one more.
std::vector<std::string> own_command(const std::vector<std::string>& without, const char* more) {
  std::istringstream text(read_file("/proc/self/cmdline", 1 << 20));
  std::vector<std::string> words;
  for (std::string word; std::getline(text, word, '\0');)
    if (std::ranges::find(without, word) == without.end()) words.push_back(word);
  words[0] = std::filesystem::read_symlink("/proc/self/exe").string();
  words.emplace_back(more);
  return words;
}

/// Adds --json to a benchmark and prints its rows.
void print_rows_of(CLI::App& command, const std::function<bench::Json()>& rows) {
  auto is_json = std::make_shared<bool>(false);
  command.add_flag("--json", *is_json, "print {\"machine\": {...}, \"rows\": [...]}");
  command.callback([is_json, rows] {
    const bench::Json measured = rows();
    if (*is_json) {
      const bench::Json answer = {{"machine", bench::machine_json()}, {"rows", measured}};
      std::cout << json_text(answer);
    } else {
      std::cout << bench::table_text(measured);
    }
  });
}

void define_peak(CLI::App& command) {
  const auto settings = add_settings<bench::PeakOptions>(command);
  print_rows_of(command, [settings] { return bench::peak_rows(settings()); });
}

void define_data_bench(CLI::App& command) {
  const auto settings = add_settings<bench::DataOptions>(command);
  print_rows_of(command, [settings] { return bench::data_rows(settings()); });
}

void define_levels(CLI::App& command) {
  const auto settings = add_settings<bench::LevelOptions>(command);
  print_rows_of(command, [settings] { return bench::level_rows(settings()); });
}

void define_maze(CLI::App& command) {
  const auto settings = add_settings<bench::MazeOptions>(command);
  auto is_json = std::make_shared<bool>(false), is_check = std::make_shared<bool>(false);
  command.add_flag("--json", *is_json, "print {\"machine\": {...}, \"rows\": [...]}");
  command.add_flag("--check", *is_check, "print the golden signatures first");
  command.callback([settings, is_json, is_check] {
    const auto options = settings();
    const bench::Json signatures = *is_check ? bench::maze_signature_rows() : bench::Json::array();
    if (*is_check && !*is_json) std::cout << bench::table_text(signatures) << std::endl;
    const bench::Json rows = bench::maze_rows(options);
    if (!*is_json) {
      std::cout << bench::table_text(rows);
      return;
    }
    bench::Json answer = {{"machine", bench::machine_json()}};
    if (*is_check) answer["signatures"] = signatures;
    answer["rows"] = rows;
    std::cout << json_text(answer);
  });
}

void define_render(CLI::App& command) {
  const auto settings = add_settings<bench::RenderBenchOptions>(command);
  print_rows_of(command, [settings] { return bench::render_rows(settings()); });
}

/// Adds --peer.
template <typename Options>
void define_with_peer(CLI::App& command,
                      const std::function<bench::Json(const Options&, bool has_peer)>& rows) {
  auto has_peer = std::make_shared<bool>(false);
  command.add_flag("--peer", *has_peer,
                   "also run the same job in the Python library that people use");
  const auto settings = add_settings<Options>(command);
  print_rows_of(command, [rows, has_peer, settings] { return rows(settings(), *has_peer); });
}

/// Adds --settings: runs the command in a grid of settings and compares the rate `key`.
template <typename Options>
void define_with_settings(CLI::App& command, bench::Json (*rows)(const Options&, bool has_peer),
                          const char* key) {
  auto is_grid = std::make_shared<bool>(false);
  command.add_flag("--settings", *is_grid,
                   "compare the default with each precision, BLAS thread and kernel set by hand");
  define_with_peer<Options>(command, [rows, key, is_grid](const Options& options, bool has_peer) {
    if (!*is_grid) return rows(options, has_peer);
    if (has_peer) throw UsageError("--settings and --peer do not go together");
    return bench::settings_rows(own_command({"--settings", "--json"}, "--json"), key);
  });
}

void define_navigate(CLI::App& command) {
  define_with_settings(command, bench::navigate_rows, "agent_steps_per_second");
}
void define_digits(CLI::App& command) {
  define_with_settings(command, bench::digits_rows, "examples_per_second");
}

void define_boxes(CLI::App& command) {
  define_with_peer<bench::BoxesOptions>(command, bench::boxes_rows);
}

void define_classify(CLI::App& command) {
  define_with_peer<bench::ClassifyOptions>(command, bench::classify_rows);
}
void define_detect(CLI::App& command) {
  define_with_peer<bench::DetectOptions>(command, bench::detect_rows);
}

void define_segment(CLI::App& command) {
  define_with_peer<bench::SegmentOptions>(command, bench::segment_rows);
}

void define_coco(CLI::App& command) {
  define_with_peer<bench::CocoBenchOptions>(command, bench::coco_rows);
}

void define_ops(CLI::App& command) {
  const auto settings = add_settings<bench::OpsOptions>(command);
  print_rows_of(command, [settings] { return bench::ops_rows(settings()); });
}

void define_warp(CLI::App& command) {
  const auto settings = add_settings<bench::WarpOptions>(command);
  print_rows_of(command, [settings] { return bench::warp_rows(settings()); });
}

constexpr Command kBenches[] = {
    {"boxes", "the operators on boxes of detection, and torchvision's beside them", define_boxes},
    {"classify",
     "inference and training of backbones, loading pictures, and torchvision's beside them",
     define_classify},
    {"coco", "average precision of detections by COCO's rules, and pycocotools beside it",
     define_coco},
    {"data", "images a second out of the loader, plain and distorted digits", define_data_bench},
    {"detect", "inference and training of detectors, and torchvision's beside them", define_detect},
    {"levels", "drawing mazes and episodes, reading level files", define_levels},
    {"maze", "observations a second of the maze, and what its parts cost", define_maze},
    {"navigate", "acting and learning of the navigator, rendering included", define_navigate},
    {"ops", "the navigator's tensor functions, and LibTorch's beside them", define_ops},
    {"peak", "the machine's own limits: multiply-adds and bytes copied a second", define_peak},
    {"digits", "training of classifiers of distorted digits, with spatial transformers",
     define_digits},
    {"render", "one frame: every image, sizes, instruction sets", define_render},
    {"segment",
     "inference and training of segmentation, dilated convolutions, and torchvision's beside them",
     define_segment},
    {"warp", "the sampler of spatial transformers, and LibTorch's beside it", define_warp},
};

}  // namespace

void define_bench(CLI::App& command) { add_commands(command, kBenches); }

}  // namespace clew::app
