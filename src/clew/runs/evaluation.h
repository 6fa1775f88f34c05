// SPDX-License-Identifier: Apache-2.0
// RUN/eval.json: one schema for what an evaluation says, whatever the system: a sentence, measures,
// tables, curves, pictures. Systems write it, the report draws it, `clew compare` reads its measures.
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

/// One number that an evaluation gives.
struct Measure {
  std::string name;               // "error"
  double value = 0;               // NaN where there is none
  std::string unit;               // "nats", "share" (shown as per cent), empty for a plain number
  bool larger_is_better = false;  // accuracy: true; error: false
};

/// The measure of this name; null where there is none.
const Measure* find_measure(const std::vector<Measure>& measures, std::string_view name);

enum class TableStyle : std::uint8_t {
  kPlain,
  kBars,  // a bar in the first column, as long as its number is large
  kConfusion,  // square: rows the true classes, columns the predicted ones; what is off the diagonal is shaded
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
    std::vector<double> values;  // one a column, NaN where there is none
    std::vector<double>
        errors{};  // standard errors, one a column or none at all; NaN where there is none
  };
  std::string title, caption, row_title{};  // row_title stands over the names of rows
  std::vector<Column> columns;
  std::vector<Row> rows;
  TableStyle style = TableStyle::kPlain;
};

/// Lines over one axis, such as precision over recall.
struct Curve {
  struct Line {
    std::string name;
    std::vector<double> x, y;  // of one length; NaN in y: a gap
  };
  std::string title, caption, x_name, y_name;
  std::vector<Line> lines;
  bool is_share = false;  // y in 0..1
};

/// Pictures that belong together, such as one of each moment of a training.
struct Pictures {
  std::string title, caption;
  std::vector<std::string> files, labels;  // of one length; paths inside the run folder
};

/// A level to hold the curve of a metric against, such as a random player's score.
struct Reference {
  std::string metric, name;
  double value = 0;
};

struct Evaluation {
  std::string system, summary;                 // summary: a sentence, or a few
  std::optional<std::int64_t> step, run_step;  // of the weights; how far the run was then
  std::vector<Measure> measures;
  std::vector<Table> tables;
  std::vector<Curve> curves;
  std::vector<Pictures> pictures;
  std::vector<Reference> references;
  std::string details = "{}";  // a JSON object of the system's own, for other programs
};

/// The text of eval.json, with its newline. Numbers that are not finite become null.
std::string evaluation_json(const Evaluation& evaluation);
/// Writes RUN/eval.json atomically.
void write_evaluation(const std::filesystem::path& run, const Evaluation& evaluation);
/// RUN/eval.json; nothing where there is none. Another file than write_evaluation writes: clew::Error with
/// the place of the fault, such as one of an older version.
std::optional<Evaluation> read_evaluation(const std::filesystem::path& run);

}  // namespace clew::runs
