// SPDX-License-Identifier: Apache-2.0
#include "clew/runs/evaluation.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <nlohmann/json.hpp>

#include "clew/core/error.h"
#include "clew/core/files.h"
#include "clew/runs/gallery.h"
#include "clew/runs/gallery_json.h"
#include "clew/runs/json_file.h"

namespace clew::runs {
namespace {

using OrderedJson = nlohmann::ordered_json;

constexpr std::uint64_t kLongestEvaluation = std::uint64_t{1} << 28;

OrderedJson numbers_json(const std::vector<double>& values) {
  OrderedJson list = OrderedJson::array();
  for (const double value : values)
    list.push_back(std::isfinite(value) ? OrderedJson(value) : OrderedJson());
  return list;
}

OrderedJson maybe_json(const std::optional<std::int64_t>& value) {
  return value ? OrderedJson(*value) : OrderedJson();
}

OrderedJson table_json(const Table& table) {
  OrderedJson columns = OrderedJson::array(), rows = OrderedJson::array();
  for (const auto& column : table.columns)
    columns.push_back({{"name", column.name}, {"unit", column.unit}});
  for (const auto& row : table.rows) {
    OrderedJson item = {{"name", row.name}, {"values", numbers_json(row.values)}};
    if (!row.errors.empty()) item["errors"] = numbers_json(row.errors);
    rows.push_back(std::move(item));
  }
  return {{"title", table.title},         {"caption", table.caption},
          {"row_title", table.row_title}, {"style", name_of(table.style)},
          {"columns", columns},           {"rows", rows}};
}

Table read_table(const Value& value) {
  Table table{.title = value.at("title").string(),
              .caption = value.maybe_string("caption"),
              .row_title = value.maybe_string("row_title")};
  table.style = value.at("style").choice<TableStyle>();
  for (const auto& column : value.at("columns").items())
    table.columns.push_back({column.at("name").string(), column.maybe_string("unit")});
  const auto count = table.columns.size();
  for (const auto& row : value.at("rows").items()) {
    table.rows.push_back(
        {.name = row.at("name").string(), .values = row.at("values").numbers(count)});
    if (const auto errors = row.find("errors")) table.rows.back().errors = errors->numbers(count);
  }
  if (table.style == TableStyle::kConfusion && table.rows.size() != count)
    value.at("rows").fail(concat("a list of ", count, ", one a column"));
  return table;
}

OrderedJson curve_json(const Curve& curve) {
  OrderedJson lines = OrderedJson::array();
  for (const auto& line : curve.lines)
    lines.push_back(
        {{"name", line.name}, {"x", numbers_json(line.x)}, {"y", numbers_json(line.y)}});
  return {{"title", curve.title},   {"caption", curve.caption},   {"x_name", curve.x_name},
          {"y_name", curve.y_name}, {"is_share", curve.is_share}, {"lines", lines}};
}

Curve read_curve(const Value& value) {
  Curve curve{.title = value.at("title").string(),
              .caption = value.maybe_string("caption"),
              .x_name = value.maybe_string("x_name"),
              .y_name = value.maybe_string("y_name"),
              .is_share = value.maybe_flag("is_share")};
  for (const auto& line : value.at("lines").items()) {
    const auto x = line.at("x").numbers(std::nullopt);
    curve.lines.push_back({line.at("name").string(), x, line.at("y").numbers(x.size())});
  }
  return curve;
}

std::optional<std::int64_t> maybe_step(const Value& root, std::string_view key) {
  const auto step = root.maybe_number(key, {0, 1e15});
  return step ? std::optional(static_cast<std::int64_t>(*step)) : std::nullopt;
}

bool is_direction(const std::string& text) { return text == "larger" || text == "smaller"; }

}  // namespace

const Measure* find_measure(const std::vector<Measure>& measures, std::string_view name) {
  const auto found = std::ranges::find(measures, name, &Measure::name);
  return found == measures.end() ? nullptr : &*found;
}

std::string evaluation_json(const Evaluation& evaluation) {
  OrderedJson measures = OrderedJson::array(), tables = OrderedJson::array(),
              curves = OrderedJson::array(), references = OrderedJson::array();
  for (const auto& measure : evaluation.measures) {
    measures.push_back(
        {{"name", measure.name},
         {"value", std::isfinite(measure.value) ? OrderedJson(measure.value) : OrderedJson()},
         {"unit", measure.unit},
         {"better", measure.larger_is_better ? "larger" : "smaller"}});
  }
  for (const auto& table : evaluation.tables) tables.push_back(table_json(table));
  for (const auto& curve : evaluation.curves) curves.push_back(curve_json(curve));
  for (const auto& reference : evaluation.references) {
    references.push_back(
        {{"metric", reference.metric}, {"name", reference.name}, {"value", reference.value}});
  }
  const OrderedJson root = {{"system", evaluation.system},
                            {"summary", evaluation.summary},
                            {"step", maybe_json(evaluation.step)},
                            {"run_step", maybe_json(evaluation.run_step)},
                            {"measures", measures},
                            {"tables", tables},
                            {"curves", curves},
                            {"pictures", OrderedJson::parse(pictures_json(evaluation.pictures))},
                            {"references", references},
                            {"details", OrderedJson::parse(evaluation.details)}};
  return root.dump(2, ' ', false, OrderedJson::error_handler_t::replace) + "\n";
}

void write_evaluation(const std::filesystem::path& run, const Evaluation& evaluation) {
  write_file_atomic(run / "eval.json", evaluation_json(evaluation));
}

std::optional<Evaluation> read_evaluation(const std::filesystem::path& run) {
  const auto path = run / "eval.json";
  if (!path_exists(path)) return std::nullopt;
  const auto file = parse_json(path.string(), read_file(path, kLongestEvaluation));
  const Value root(file);
  CLEW_CHECK(root.find("measures"), path.string(), ": is of an older version; `clew eval ",
             run.string(), "` writes it anew");
  Evaluation evaluation{.system = root.maybe_string("system"),
                        .summary = root.maybe_string("summary"),
                        .step = maybe_step(root, "step"),
                        .run_step = maybe_step(root, "run_step")};
  for (const auto& item : root.at("measures").items()) {
    evaluation.measures.push_back(
        {.name = item.at("name").string(),
         .value = item.maybe_number("value").value_or(std::numeric_limits<double>::quiet_NaN()),
         .unit = item.maybe_string("unit"),
         .larger_is_better =
             item.at("better").string(is_direction, "larger or smaller") == "larger"});
  }
  for (const auto& item : root.maybe_items("tables")) evaluation.tables.push_back(read_table(item));
  for (const auto& item : root.maybe_items("curves")) evaluation.curves.push_back(read_curve(item));
  evaluation.pictures = read_pictures(root.maybe_items("pictures"));
  for (const auto& item : root.maybe_items("references")) {
    evaluation.references.push_back(
        {item.at("metric").string(), item.at("name").string(), item.at("value").number()});
  }
  if (const auto details = root.find("details")) evaluation.details = details->dump();
  return evaluation;
}

}  // namespace clew::runs
