// SPDX-License-Identifier: Apache-2.0
#include "clew/report/evaluation_text.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <vector>

#include "clew/core/error.h"
#include "clew/core/text.h"
#include "clew/report/page_text.h"

namespace clew::report {
namespace {

constexpr std::size_t kMostRows = 200;  // per table

std::string unit_text(const std::string& unit) {
  return unit.empty() || unit == "share"
             ? std::string()
             : concat("<span class=\"unit\">", escape(unit == "s" ? "seconds" : unit), "</span>");
}

std::string cell_text(double value, const std::string& unit) {
  if (!std::isfinite(value)) return "–";
  return unit == "share" ? with_unit(value, unit) : figure(value);
}

/// "Players of static_small/one. 100 episodes ..."
std::string caption_of(const runs::Table& table, const std::string& run_name) {
  return concat("<caption><b>", escape(table.title), "</b>",
                run_name.empty() ? "" : concat(" of ", escape(run_name)), ". ",
                escape(table.caption), "</caption>\n");
}

std::string head_of(const runs::Table& table, const std::vector<bool>& is_used) {
  auto text = concat("<thead><tr><th scope=\"col\">", escape(table.row_title), "</th>");
  for (std::size_t i = 0; i < table.columns.size(); ++i)
    if (is_used[i])
      text += concat("<th scope=\"col\">", escape(table.columns[i].name),
                     unit_text(table.columns[i].unit), "</th>");
  return text + "</tr></thead>\n";
}

std::string rows_left_out(const runs::Table& table) {
  return table.rows.size() <= kMostRows
             ? std::string()
             : concat("<p class=\"missing\">", table.rows.size() - kMostRows,
                      " rows of the table are left out; they stand in eval.json.</p>\n");
}

/// Columns without values are omitted.
std::string plain_table(const runs::Table& table, const std::string& run_name) {
  std::vector<bool> is_used(table.columns.size());
  double longest = 0;
  for (const auto& row : table.rows) {
    for (std::size_t i = 0; i < row.values.size(); ++i)
      if (std::isfinite(row.values[i])) is_used[i] = true;
    if (!row.values.empty() && std::isfinite(row.values[0]))
      longest = std::max(longest, row.values[0]);
  }
  const bool has_bars = table.style == runs::TableStyle::kBars;
  auto text = concat("<div class=\"scroll\"><table>\n", caption_of(table, run_name),
                     head_of(table, is_used), "<tbody>\n");
  for (std::size_t r = 0; r < std::min(table.rows.size(), kMostRows); ++r) {
    const auto& row = table.rows[r];
    text += concat("<tr", has_bars && r == 0 ? " class=\"first\"" : "", "><th scope=\"row\">",
                   escape(row.name), "</th>");
    for (std::size_t i = 0; i < row.values.size(); ++i) {
      if (!is_used[i]) continue;
      auto cell = cell_text(row.values[i], table.columns[i].unit);
      if (!row.errors.empty() && std::isfinite(row.errors[i]))
        cell += concat(" <small>± ", cell_text(row.errors[i], table.columns[i].unit), "</small>");
      if (has_bars && i == 0) {
        const double share = longest > 0 && std::isfinite(row.values[0])
                                 ? std::clamp(row.values[0] / longest, 0.0, 1.0)
                                 : 0;
        text +=
            concat("<td class=\"score\"><span class=\"bar\" style=\"width:", fixed(100 * share, 1),
                   "%\"></span><span>", cell, "</span></td>");
      } else {
        text += concat("<td>", cell, "</td>");
      }
    }
    text += "</tr>\n";
  }
  return concat(text, "</tbody></table></div>\n", rows_left_out(table));
}

/// Confusion matrix, with the error rate of each class.
std::string confusion_table(const runs::Table& table, const std::string& run_name) {
  const std::size_t count = table.columns.size();
  double most = 1;  // off the diagonal
  for (std::size_t row = 0; row < count; ++row)
    for (std::size_t column = 0; column < count; ++column)
      if (row != column && std::isfinite(table.rows[row].values[column]))
        most = std::max(most, table.rows[row].values[column]);
  auto text = concat("<div class=\"scroll\"><table class=\"confusion\">\n",
                     caption_of(table, run_name), "<thead><tr><th></th>");
  for (const auto& column : table.columns)
    text += concat("<th scope=\"col\">", escape(column.name), "</th>");
  text += "<th scope=\"col\">wrong</th></tr></thead>\n<tbody>\n";
  for (std::size_t row = 0; row < std::min(count, kMostRows); ++row) {
    text += concat("<tr><th scope=\"row\">", escape(table.rows[row].name), "</th>");
    double all = 0, right = 0;
    for (std::size_t column = 0; column < count; ++column) {
      const double value = table.rows[row].values[column];
      const double n = std::isfinite(value) ? value : 0;
      all += n;
      if (row == column) {
        right = n;
        text += concat("<td class=\"right\">", fixed(n, 0), "</td>");
      } else if (n == 0) {
        text += "<td></td>";
      } else {
        text += concat("<td class=\"wrong\" style=\"--share:", fixed(n / most, 3), "\">",
                       fixed(n, 0), "</td>");
      }
    }
    text +=
        concat("<td>", all > 0 ? fixed(100 * (all - right) / all, 2) + " %" : "–", "</td></tr>\n");
  }
  return concat(text, "</tbody></table></div>\n", rows_left_out(table));
}

/// Rows: runs; columns: measures; the best of several runs in bold.
std::string measures_table(std::span<const RunData> runs) {
  std::vector<runs::Measure> measures;
  for (const RunData& run : runs) {
    if (!run.evaluation) continue;
    for (const auto& measure : run.evaluation->measures)
      if (runs::find_measure(measures, measure.name) == nullptr) measures.push_back(measure);
  }
  if (measures.empty()) return {};
  const double none = std::numeric_limits<double>::quiet_NaN();
  const auto value_of = [&](const RunData& run, const std::string& name) {
    const auto* measure =
        run.evaluation ? runs::find_measure(run.evaluation->measures, name) : nullptr;
    return measure == nullptr ? none : measure->value;
  };
  std::string head = "<tr><th scope=\"col\">run</th>";
  std::vector<double> best(measures.size(), none);
  for (std::size_t i = 0; i < measures.size(); ++i) {
    head += concat("<th scope=\"col\">", escape(measures[i].name), unit_text(measures[i].unit),
                   "</th>");
    for (const RunData& run : runs) {
      const double value = value_of(run, measures[i].name);
      if (!std::isfinite(value)) continue;
      if (std::isnan(best[i]) || (measures[i].larger_is_better ? value > best[i] : value < best[i]))
        best[i] = value;
    }
  }
  std::string rows;
  for (const RunData& run : runs) {
    rows += concat("<tr><th scope=\"row\">", escape(run.name), "</th>");
    for (std::size_t i = 0; i < measures.size(); ++i) {
      const double value = value_of(run, measures[i].name);
      const auto text = cell_text(value, measures[i].unit);
      rows +=
          concat("<td>", runs.size() > 1 && value == best[i] ? concat("<b>", text, "</b>") : text,
                 "</td>");
    }
    rows += "</tr>\n";
  }
  return concat("<div class=\"scroll\"><table>\n<thead>", head, "</tr></thead>\n<tbody>\n", rows,
                "</tbody></table></div>\n");
}

/// Step of the evaluated weights, and of the run since.
std::string age_of_weights(const RunData& run, bool has_several) {
  if (!run.evaluation || !run.evaluation->step) return {};
  auto text =
      concat("<p class=\"note\">", has_several ? escape(run.name) + ": evaluated" : "Evaluated",
             " at step ", *run.evaluation->step, ".");
  const auto column = run.metrics.find("step");
  const double step =
      column == run.metrics.end() || column->second.empty() ? 0 : column->second.back();
  if (run.evaluation->run_step && step > static_cast<double>(*run.evaluation->run_step))
    text += concat(" The run has gone on since, to step ", fixed(step, 0), ": <code>clew eval ",
                   escape(run.folder.string()), "</code> looks at what it has learned.");
  return text + "</p>\n";
}

/// `name` of the run; empty: none.
std::string figure_of(const GalleryItem& item, const std::string& name) {
  auto text = concat("<figure class=\"pictures\"><figcaption><b>", escape(item.title), "</b>",
                     name.empty() ? "" : concat(" <span class=\"unit\">", escape(name), "</span>"),
                     "<br><span class=\"about\">", escape(item.caption), "</span></figcaption>\n");
  // The last one is visible; the slider selects.
  for (std::size_t i = 0; i < item.pictures.size(); ++i) {
    const auto& [label, uri] = item.pictures[i];
    text += concat("<img src=\"", uri, "\" alt=\"", escape(item.title + ", " + label), "\"",
                   i + 1 < item.pictures.size() ? " hidden" : "", " data-label=\"", escape(label),
                   "\">\n");
  }
  if (item.pictures.size() > 1) {
    text += concat(
        "<div class=\"transport\"><button type=\"button\" aria-label=\"play\">▶</button><input "
        "type=\"range\" min=\"0\" max=\"",
        item.pictures.size() - 1, "\" value=\"", item.pictures.size() - 1,
        "\" step=\"1\" aria-label=\"time in the training\"><output>",
        escape(item.pictures.back().first), "</output></div>\n");
  }
  return text + "</figure>\n";
}

}  // namespace

std::string evaluation_section(std::span<const RunData> runs) {
  auto text = measures_table(runs);
  for (const RunData& run : runs) {
    const auto name = runs.size() > 1 ? run.name : "";
    if (!run.evaluation) {
      text += concat("<p class=\"missing\">", runs.size() > 1 ? escape(run.name) + ": not" : "Not",
                     " evaluated yet: <code>clew eval ", escape(run.folder.string()),
                     "</code> does it, on what no weights were chosen by.</p>\n");
      continue;
    }
    for (const auto& table : run.evaluation->tables)
      text += table.style == runs::TableStyle::kConfusion ? confusion_table(table, name)
                                                          : plain_table(table, name);
    text += age_of_weights(run, runs.size() > 1);
  }
  return text;
}

std::string gallery_section(std::span<const RunData> runs) {
  // The same pictures of several runs stand beside each other.
  std::vector<std::string> titles;
  for (const RunData& run : runs)
    for (const GalleryItem& item : run.gallery)
      if (std::ranges::find(titles, item.title) == titles.end()) titles.push_back(item.title);
  std::string text;
  for (const auto& title : titles) {
    std::string figures;
    for (const RunData& run : runs)
      for (const GalleryItem& item : run.gallery)
        if (item.title == title)
          figures += figure_of(item, runs.size() > 1 ? concat(run.title(), ", ", run.name) : "");
    text += concat("<div class=\"beside\">\n", figures, "</div>\n");
  }
  if (text.empty()) return text;
  return concat("<section id=\"pictures\">\n<h2>What it learned to do</h2>\n", text,
                "</section>\n");
}

}  // namespace clew::report
