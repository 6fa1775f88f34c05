// SPDX-License-Identifier: Apache-2.0
// RUN/run.json: what the report calls a run, and how it draws the columns of its metrics.jsonl.
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
  kHidden,  // folded away
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
    bool is_rare = false;  // measured now and then: the line goes on from one to the next
    std::string weight{};  // a metric that counts what each mean is over, such as episodes
  };
  std::string title, unit;  // unit as a measure's
  std::vector<Line> lines;
  PlotPlace place = PlotPlace::kSecond;
  bool has_zero = true;  // whether the axis begins at 0
  std::vector<Reference> references{};
};

struct RunAbout {
  std::string title{};               // empty: the run is called by its folder
  std::string step_name = "steps";   // such as "agent steps"
  std::vector<std::string> notes{};  // sentences about its data
  std::vector<Plot> plots;           // columns that no plot names get one each, folded away
};

/// Writes RUN/run.json atomically.
void write_about(const std::filesystem::path& run, const RunAbout& about);
/// RUN/run.json; a default one where there is none. Another file than write_about writes: clew::Error with the
/// place of the fault.
RunAbout read_about(const std::filesystem::path& run);

/// Plots of a training that is measured by `measures`: `monitor` first, each with its value on the
/// validation set ("val_" before its name in metrics.jsonl) and on training batches, then learning rate,
/// gradient and speed.
std::vector<Plot> learning_plots(const std::vector<Measure>& measures, const std::string& monitor);

}  // namespace clew::runs
