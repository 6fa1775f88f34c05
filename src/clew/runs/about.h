// SPDX-License-Identifier: Apache-2.0
// RUN/run.json: title, notes and plots of a run for the report.
#pragma once

#include <array>
#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "clew/core/names.h"
#include "clew/runs/evaluation.h"

namespace clew::runs {

enum class PlotPlace : std::uint8_t {
  kFirst,   // large, over steps and over minutes
  kSecond,  // beside others
  kHidden,  // collapsed
};

constexpr auto names(PlotPlace) {
  using enum PlotPlace;
  return std::to_array<Named<PlotPlace>>(
      {{kFirst, "first"}, {kSecond, "second"}, {kHidden, "hidden"}});
}

/// One plot of one or more columns of metrics.jsonl.
struct Plot {
  struct Line {
    std::string metric, name;
    bool is_rare = false;  // sparse: the line connects the values
    std::string weight{};  // metric with the count behind each mean, such as episodes
  };
  std::string title, unit;  // unit as a measure's
  std::vector<Line> lines;
  PlotPlace place = PlotPlace::kSecond;
  bool has_zero = true;  // the axis begins at 0
  std::vector<Reference> references{};
};

struct RunAbout {
  std::string title{};               // empty: the folder's name
  std::string step_name = "steps";   // such as "agent steps"
  std::vector<std::string> notes{};  // sentences about the data
  std::vector<Plot> plots;           // other columns get a collapsed plot each
};

/// Writes RUN/run.json atomically.
void write_about(const std::filesystem::path& run, const RunAbout& about);
/// Reads RUN/run.json; default without one. Malformed: clew::Error with the JSON path.
RunAbout read_about(const std::filesystem::path& run);

/// Default plots of a supervised training: `monitor` first, then the other `measures`, each on the
/// validation set (val_<name> in metrics.jsonl) and on training batches, then learning rate,
/// gradient norm and speed.
std::vector<Plot> learning_plots(const std::vector<Measure>& measures, const std::string& monitor);

}  // namespace clew::runs
