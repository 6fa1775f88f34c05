// SPDX-License-Identifier: Apache-2.0
#include "clew/report/report.h"

#include <algorithm>
#include <functional>
#include <map>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "clew/core/error.h"
#include "clew/core/files.h"
#include "clew/report/evaluation_text.h"
#include "clew/report/page_files.h"
#include "clew/report/page_text.h"
#include "clew/report/run_data.h"

namespace clew::report {
namespace {

using Json = nlohmann::json;

constexpr std::size_t kMostRuns = 8;  // distinguishable colours

Json references_json(const std::vector<runs::Reference>& references) {
  Json list = Json::array();
  for (const auto& reference : references)
    list.push_back(
        {{"metric", reference.metric}, {"name", reference.name}, {"y", reference.value}});
  return list;
}

Json plots_json(const std::vector<runs::Plot>& plots) {
  Json list = Json::array();
  for (const auto& plot : plots) {
    Json lines = Json::array();
    for (const auto& line : plot.lines)
      lines.push_back({{"key", line.metric},
                       {"name", line.name},
                       {"rare", line.is_rare},
                       {"weight", line.weight}});
    list.push_back({{"title", plot.title},
                    {"unit", plot.unit},
                    {"place", name_of(plot.place)},
                    {"zero", plot.has_zero},
                    {"columns", lines},
                    {"references", references_json(plot.references)}});
  }
  return list;
}

Json curves_json(const std::vector<runs::Curve>& curves) {
  Json list = Json::array();
  for (const auto& curve : curves) {
    Json lines = Json::array();
    for (const auto& line : curve.lines)
      lines.push_back({{"name", line.name}, {"x", line.x}, {"y", line.y}});
    list.push_back({{"title", curve.title},
                    {"caption", curve.caption},
                    {"x", curve.x_name},
                    {"y", curve.y_name},
                    {"share", curve.is_share},
                    {"lines", lines}});
  }
  return list;
}

// Data of page.js. Inside <script> only "<" can end the block, so only it is escaped.
std::string page_data(std::span<const RunData> runs) {
  std::string json = "{\"runs\":[";
  for (const RunData& run : runs) {
    Json columns = Json::object();
    for (const auto& [name, values] : run.metrics)
      columns[name] = values;  // NaN is written as null
    const runs::Evaluation evaluation = run.evaluation.value_or(runs::Evaluation());
    const Json head = {{"name", run.name},
                       {"steps", run.about.step_name},
                       {"plots", plots_json(run.about.plots)},
                       {"metrics", columns},
                       {"references", references_json(evaluation.references)},
                       {"curves", curves_json(evaluation.curves)}};
    std::string text = head.dump(-1, ' ', true, Json::error_handler_t::replace);
    text.back() = ',';
    json += (json.back() == '[' ? "" : ",") + text + "\"trace\":" + run.trace + "}";
  }
  json += "]}";
  std::string safe;
  safe.reserve(json.size());
  for (const char c : json) {
    if (c == '<') {
      safe += "\\u003c";
    } else {
      safe += c;
    }
  }
  return safe;
}

bool has_trace(std::span<const RunData> runs) {
  return std::any_of(runs.begin(), runs.end(), [](const RunData& run) { return run.has_trace(); });
}

// Replaces each {{name}} of the template, not recursively.
std::string fill(std::string_view text,
                 const std::map<std::string, std::string, std::less<>>& parts) {
  std::string page;
  while (true) {
    const std::size_t open = text.find("{{");
    page += text.substr(0, open);
    if (open == std::string_view::npos) return page;
    const std::size_t close = text.find("}}", open);
    const auto part = parts.find(text.substr(open + 2, close - open - 2));
    CLEW_ASSERT(close != std::string_view::npos && part != parts.end());
    page += part->second;
    text.remove_prefix(close + 2);
  }
}

}  // namespace

void write_html(std::span<const std::filesystem::path> folders, const std::filesystem::path& out) {
  CLEW_CHECK(!folders.empty() && folders.size() <= kMostRuns, "a report needs 1..", kMostRuns,
             " runs, got ", folders.size());
  Budget budget;
  std::vector<RunData> runs;
  for (const auto& folder : folders) runs.push_back(read_run(folder, budget));
  write_file_atomic(out, fill(kPageHtml, {{"title", escape(title(runs))},
                                          {"headline", headline(runs)},
                                          {"missing_metrics", missing_metrics(runs)},
                                          {"notes", notes(runs)},
                                          {"gallery", gallery_section(runs)},
                                          {"paths_hidden", has_trace(runs) ? "" : " hidden"},
                                          {"evaluation", evaluation_section(runs)},
                                          {"configs", configs(runs)},
                                          {"data", page_data(runs)},
                                          {"css", std::string(kPageCss)},
                                          {"plot_js", std::string(kPlotJs)},
                                          {"map_js", std::string(kMapJs)},
                                          {"page_js", std::string(kPageJs)}}));
}

void write_html(const std::filesystem::path& run, const std::filesystem::path& out) {
  write_html(std::span(&run, 1), out);
}

}  // namespace clew::report
