// SPDX-License-Identifier: Apache-2.0
// RUN/eval.json: results of an evaluation, in one schema for all systems: summary, measures,
// tables, curves, pictures. Drawn by the report; `clew compare` reads its measures.
#pragma once

#include <array>
#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "clew/core/names.h"

namespace clew::runs {

/// A metric of an evaluation.
struct Measure {
  std::string name;               // "error"
  double value = 0;               // NaN: none
  std::string unit;               // "nats", "share" (shown as per cent), empty for a plain number
  bool larger_is_better = false;  // accuracy: true; error: false
};

/// Measure by name; null for none.
const Measure* find_measure(const std::vector<Measure>& measures, std::string_view name);

enum class TableStyle : std::uint8_t {
  kPlain,
  kBars,       // with a bar in the first column, proportional to its value
  kConfusion,  // confusion matrix, rows: targets, columns: predictions; off-diagonal cells shaded
};

constexpr auto names(TableStyle) {
  using enum TableStyle;
  return std::to_array<Named<TableStyle>>(
      {{kPlain, "plain"}, {kBars, "bars"}, {kConfusion, "confusion"}});
}

struct Table {
  struct Column {
    std::string name, unit{};  // unit as a measure's
  };
  struct Row {
    std::string name;
    std::vector<double> values;    // by column; NaN: none
    std::vector<double> errors{};  // standard errors by column, or empty; NaN: none
  };
  std::string title, caption, row_title{};  // row_title: header of the row names
  std::vector<Column> columns;
  std::vector<Row> rows;
  TableStyle style = TableStyle::kPlain;
};

/// Lines over one axis, such as precision over recall.
struct Curve {
  struct Line {
    std::string name;
    std::vector<double> x, y;  // of equal length; NaN in y: a gap
  };
  std::string title, caption, x_name, y_name;
  std::vector<Line> lines;
  bool is_share = false;  // y in 0..1
};

/// A group of pictures, such as a sequence over a training.
struct Pictures {
  std::string title, caption;
  std::vector<std::string> files, labels;  // of equal length; paths relative to the run folder
};

/// A horizontal reference line for a metric, such as a random player's score.
struct Reference {
  std::string metric, name;
  double value = 0;
};

struct Evaluation {
  std::string system, summary;                 // summary: one or a few sentences
  std::optional<std::int64_t> step, run_step;  // of the weights; of the run at that time
  std::vector<Measure> measures;
  std::vector<Table> tables;
  std::vector<Curve> curves;
  std::vector<Pictures> pictures;
  std::vector<Reference> references;
  std::string details = "{}";  // system-specific JSON object, for other programs
};

/// Text of eval.json, with a final newline. Non-finite numbers become null.
std::string evaluation_json(const Evaluation& evaluation);
/// Writes RUN/eval.json atomically.
void write_evaluation(const std::filesystem::path& run, const Evaluation& evaluation);
/// Reads RUN/eval.json; absent without one. Malformed, or of an older version: clew::Error with the
/// JSON path.
std::optional<Evaluation> read_evaluation(const std::filesystem::path& run);

}  // namespace clew::runs
