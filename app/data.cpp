// SPDX-License-Identifier: Apache-2.0
// clew data: lists, downloads, makes, checks, converts and shows data sets.
#include <CLI/CLI.hpp>
#include <algorithm>
#include <filesystem>
#include <iostream>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <thread>

#include "bench/bench.h"
#include "clew/core/error.h"
#include "clew/core/text.h"
#include "clew/data/box_check.h"
#include "clew/data/box_set.h"
#include "clew/data/catalogue.h"
#include "clew/data/check.h"
#include "clew/data/download.h"
#include "clew/data/mask_check.h"
#include "clew/data/sheet.h"
#include "clew/data/views.h"
#include "clew/image/files.h"
#include "command.h"
#include "progress.h"
#include "settings.h"
#include "terminal.h"

namespace clew::app {
namespace {

void define_list(CLI::App& command) {
  auto is_json = std::make_shared<bool>(false);
  command.add_flag("--json", *is_json, "print it as JSON");
  command.callback([is_json] {
    bench::Json sets = bench::Json::array(), rows = bench::Json::array();
    for (const auto& set : data::known_sets()) {
      sets.push_back({{"name", set.name},
                      {"size", set.size},
                      {"what", set.what},
                      {"licence", set.licence},
                      {"origin", set.origin},
                      {"get", set.get}});
      rows.push_back({{"set", set.name},
                      {"size", set.size},
                      {"what", set.what},
                      {"licence", set.licence},
                      {"from", set.origin}});
    }
    std::cout << (*is_json ? json_text(sets) : bench::table_text(rows));
  });
}

void define_get(CLI::App& command) {
  struct Arguments {
    std::string set, folder;
    std::optional<std::string> from;
  };
  auto arguments = std::make_shared<Arguments>();
  command
      .add_option("SET", arguments->set,
                  "a set of `clew data list`, or a .toml file that describes one")
      ->required();
  command.add_option("--data", arguments->folder, "where its files go")->required();
  command.add_option("--from", arguments->from,
                     "take them from this address instead of the set's own");
  command.callback([arguments] {
    auto set = data::find_remote_set(arguments->set);
    if (arguments->from) set.mirrors = {*arguments->from};
    CountLine line("KiB");
    const InterruptWatch watch;
    data::download(set, arguments->folder,
                   [&](const std::string& file, std::int64_t done, std::int64_t total) {
                     line.show(done / 1024, total / 1024, file);
                     return !watch.was_interrupted();
                   });
    line.end();
    print_name(arguments->folder);
  });
}

bench::Json json_of(const data::CheckReport& report) {
  bench::Json splits = bench::Json::array(), findings = bench::Json::array();
  for (const auto& one : report.splits)
    splits.push_back({{"name", one.name}, {"examples", one.examples}});
  for (const auto& one : report.findings)
    findings.push_back({{"kind", one.kind}, {"where", one.where}, {"text", one.text}});
  bench::Json sizes = bench::Json::array();
  for (const auto& [size, count] : report.sizes)
    sizes.push_back({{"width", size.first}, {"height", size.second}, {"pictures", count}});
  return {{"format", report.format}, {"classes", report.classes}, {"splits", splits},
          {"sizes", sizes},          {"ignored", report.ignored}, {"findings", findings}};
}

/// Ignored entries of a picture folder: "2 files .txt, 1 file without ending, extra/".
std::string passed_over_text(const std::map<std::string, std::int64_t>& ignored) {
  std::string text;
  for (const auto& [what, count] : ignored) {
    text += text.empty() ? "" : ", ";
    text += what.ends_with('/') ? what
                                : concat(count, count == 1 ? " file " : " files ",
                                         what.empty() ? "without ending" : what);
  }
  return text;
}

/// Picture sizes: "300 of 500x375, 13 others; sides from 40x30 to 640x480"; empty if all are equal.
std::string sizes_text(const std::map<std::pair<int, int>, std::int64_t>& sizes) {
  if (sizes.size() < 2) return {};
  const auto most = std::ranges::max_element(
      sizes, [](const auto& a, const auto& b) { return a.second < b.second; });
  std::int64_t others = 0;
  int least_width = most->first.first, least_height = most->first.second;
  int largest_width = least_width, largest_height = least_height;
  for (const auto& [size, count] : sizes) {
    if (size == most->first) continue;
    others += count;
    least_width = std::min(least_width, size.first);
    least_height = std::min(least_height, size.second);
    largest_width = std::max(largest_width, size.first);
    largest_height = std::max(largest_height, size.second);
  }
  return concat(most->second, " of ", most->first.first, "x", most->first.second, ", ", others,
                others == 1 ? " other" : " others", "; sides from ", least_width, "x", least_height,
                " to ", largest_width, "x", largest_height);
}

FieldOptions background_options() {
  return {.help = "behind transparent pictures; auto: white behind dark, black behind light"};
}

/// Folders of splits outside of the data folder.
struct OtherFolders {
  std::string validation, test;
  void fields(Fields& v) {
    v("validation", validation,
      {.path = PathKind::kPath, .help = "folder by class of that split, instead of DIR's own"});
    v("test", test, {.path = PathKind::kPath, .help = "the same of the test set"});
  }
};

struct CheckSettings {
  image::Background background = image::Background::kAuto;
  OtherFolders other;
  std::vector<std::string> classes;
  void fields(Fields& v) {
    v("background", background, background_options());
    other.fields(v);
    v("classes", classes,
      {.help = "names of the classes of masks by their number; empty: those of labels.txt"});
  }
};

/// Findings of boxes or masks by kind: number, first places, remedy.
std::string kinds_text(const std::vector<data::Finding>& findings,
                       std::string (*remedy_of)(const std::string& kind) = data::remedy_of) {
  constexpr std::size_t kMostPlaces = 3;
  std::vector<std::string> kinds;
  for (const auto& one : findings)
    if (std::ranges::count(kinds, one.kind) == 0) kinds.push_back(one.kind);
  bench::Json rows = bench::Json::array();
  std::string places;
  for (const auto& kind : kinds) {
    const auto count = std::ranges::count(findings, kind, &data::Finding::kind);
    rows.push_back({{"finding", kind}, {"count", count}, {"what to do", remedy_of(kind)}});
    std::size_t shown = 0;
    for (const auto& one : findings) {
      if (one.kind != kind || shown++ == kMostPlaces) continue;
      if (shown > kMostPlaces) break;
      places += concat(kind, ": ", one.where, ": ", one.text, '\n');
    }
  }
  return bench::table_text(rows) + places;
}

/// Runs `check --fix`: prints the copy's folder.
void fix(const std::string& folder, const std::string& out, const data::CheckOptions& options) {
  CountLine line("pictures");
  const InterruptWatch watch;
  const auto report = data::fix_boxes(
      folder, out,
      {.check = options,
       .progress = [&line](std::int64_t done,
                           std::int64_t total) { line.show(done, total, "copied"); },
       .should_stop = [&watch] { return watch.was_interrupted(); }});
  line.end();
  if (report.findings.empty()) {
    say("nothing wrong found; the copy is the same");
  } else {
    std::cout << kinds_text(report.findings);
  }
  std::cout.flush();
  print_name(out);
  const auto left = std::ranges::count(report.findings, "class", &data::Finding::kind);
  CLEW_CHECK(left == 0, out, ": ", left, left == 1 ? " class remains" : " classes remain",
             " in one split alone, or without boxes");
}

void define_check(CLI::App& command) {
  struct Arguments {
    std::string folder, out;
    bool is_json = false;
  };
  auto arguments = std::make_shared<Arguments>();
  command
      .add_option("DIR", arguments->folder,
                  "files as MNIST's, pictures in DIR/CLASS/ or DIR/{train,val,test}/CLASS/, or "
                  "pictures with boxes of Pascal VOC, COCO or YOLO, or with masks")
      ->required();
  auto* const json = command.add_flag("--json", arguments->is_json,
                                      "print all findings as JSON, also when there are many");
  command
      .add_option("--fix", arguments->out,
                  "write a mended copy of pictures with boxes into this folder; what is mended is "
                  "printed")
      ->excludes(json);
  const auto settings = add_settings<CheckSettings>(command);
  command.callback([arguments, settings] {
    const auto chosen = settings();
    CountLine line("files");
    const data::CheckOptions options = {
        .threads = static_cast<int>(std::max(1U, std::thread::hardware_concurrency())),
        .progress = [&line](std::int64_t done, std::int64_t total) { line.show(done, total); },
        .background = chosen.background,
        .validation = chosen.other.validation,
        .test = chosen.other.test,
        .classes = chosen.classes};
    if (!arguments->out.empty()) {
      fix(arguments->folder, arguments->out, options);
      return;
    }
    const auto report = data::check_data(arguments->folder, options);
    line.end();
    if (arguments->is_json) {
      std::cout << json_text(json_of(report));
    } else {
      constexpr std::size_t kMost = 20;
      for (const auto& one : report.splits)
        std::cout << one.name << ": " << one.examples << " examples\n";
      std::cout << report.classes << " classes\n";
      if (!report.ignored.empty())
        std::cout << "passed over: " << passed_over_text(report.ignored) << '\n';
      if (const auto sizes = sizes_text(report.sizes); !sizes.empty())
        std::cout << "sizes: " << sizes << '\n';
      const bool has_boxes = clew::find_named<data::BoxFormat>(report.format).has_value();
      const bool has_kinds = has_boxes || report.format == "masks";
      if (has_kinds && !report.findings.empty())
        std::cout << kinds_text(report.findings,
                                has_boxes ? data::remedy_of : data::mask_remedy_of);
      for (std::size_t i = 0; i < report.findings.size() && i < kMost && !has_kinds; ++i) {
        const auto& one = report.findings[i];
        std::cout << one.kind << ": " << one.where << ": " << one.text << '\n';
      }
      if (report.findings.size() > kMost && !has_kinds)
        std::cout << "and " << report.findings.size() - kMost << " more; --json lists all\n";
    }
    std::cout.flush();
    if (!report.findings.empty())
      throw Error(concat(arguments->folder, ": ", report.findings.size(),
                         report.findings.size() == 1 ? " thing is" : " things are", " wrong"));
    if (!arguments->is_json) std::cout << "nothing wrong found\n";
  });
}

struct ShowSettings {
  data::Split split = data::Split::kTrain;
  image::Background background = image::Background::kAuto;
  OtherFolders other;
  std::int64_t first = 0, count = 50, seed = 1;
  bool mixed = true, before = false;
  std::vector<std::string> views;
  int columns = 10, scale = 2, digit = 3;
  void fields(Fields& v) {
    v("split", split, {.help = "which part of the set"});
    v("mixed", mixed, {.help = "from all over the set, false: in its order"});
    v("first", first, {.min = 0, .help = "example to begin with, or in the mixed order"});
    v("count", count, {.min = 1, .max = 10'000, .help = "examples"});
    v("columns", columns, {.min = 1, .max = 1000, .help = "examples in a row"});
    v("scale", scale, {.min = 1, .max = 16, .help = "whole factor by which pictures grow"});
    v("seed", seed, {.min = 0, .help = "of everything random in them"});
    v("digit", digit, {.min = 0, .max = 9, .help = "the class that t84 and tc84 show"});
    v("background", background, background_options());
    other.fields(v);
    v("views", views,
      {.help = "what is done to them, in order, such as [\"resize_short=96\", \"flip\"]"});
    v("before", before, {.help = "each example before the views, too, left of the one after"});
  }
};

/// Table of views, for help.
std::string views_text() {
  std::size_t width = 0;
  for (const auto& kind : data::view_kinds())
    width = std::max(width, std::string(kind.form).size());
  std::string text = "Views:\n";
  for (const auto& kind : data::view_kinds()) {
    const std::string form = kind.form, ranges = kind.ranges;
    text += concat("  ", form, std::string(width + 2 - form.size(), ' '), kind.help,
                   ranges.empty() ? "" : " (" + ranges + ")", "\n");
  }
  return text;
}

void define_show(CLI::App& command) {
  struct Arguments {
    std::string set, folder, png;
  };
  auto arguments = std::make_shared<Arguments>();
  command
      .add_option(
          "SET", arguments->set,
          "a set of `clew data list`, or a folder: files as MNIST's, pictures by class, or with "
          "boxes")
      ->required();
  command.add_option("--data", arguments->folder, "folder of MNIST; without it digits are drawn");
  command.add_option("--png", arguments->png, "the picture to write")->required();
  const auto settings = add_settings<ShowSettings>(command);
  command.footer(command.get_footer() + "\n" + views_text());
  command.callback([arguments, settings] {
    if (!arguments->png.ends_with(".png")) {
      throw UsageError(
          concat("--png must name a file that ends in .png, got '", arguments->png, "'"));
    }
    const auto chosen = settings();
    const Key key{static_cast<std::uint64_t>(chosen.seed)};
    const std::shared_ptr<const data::Dataset> plain =
        data::open_set(arguments->set, {.mnist = arguments->folder,
                                        .split = chosen.split,
                                        .key = key,
                                        .digit = chosen.digit,
                                        .background = chosen.background,
                                        .validation = chosen.other.validation,
                                        .test = chosen.other.test});
    const data::ViewedSet set(plain, data::parse_views(chosen.views));
    image::write(arguments->png,
                 data::sample_sheet(set, {.first = chosen.first,
                                          .count = chosen.count,
                                          .is_mixed = chosen.mixed,
                                          .columns = chosen.columns * (chosen.before ? 2 : 1),
                                          .scale = chosen.scale,
                                          .key = key,
                                          .before = chosen.before ? plain.get() : nullptr}));
    print_name(arguments->png);
  });
}

constexpr Command kDataCommands[] = {
    {"list", "name the data sets, their size, terms and origin", define_list},
    {"get", "download the original files of a set; goes on where it was broken off", define_get},
    {"make", "draw digits, distorted ones or scenes into files of common forms", define_data_make},
    {"check", "find unreadable files, other shapes, wrong labels or boxes, examples in two splits",
     define_check},
    {"convert", "write pictures with boxes in another format: Pascal VOC, COCO or YOLO",
     define_data_convert},
    {"show", "write a picture of some examples with their labels", define_show},
};

}  // namespace

void define_data(CLI::App& command) { add_commands(command, kDataCommands); }

}  // namespace clew::app
