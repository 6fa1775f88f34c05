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
#include "clew/report/class_text.h"
#include "clew/report/page_files.h"
#include "clew/report/page_text.h"
#include "clew/report/run_data.h"

namespace clew::report {
namespace {

using Json = nlohmann::json;

constexpr std::size_t kMostRuns = 8;  // as many colours as one can tell apart

// What page.js draws from. Inside <script> only "<" can end the block, so it alone is written as an
// escape.
std::string page_data(std::span<const RunData> runs) {
  std::string json = "{\"runs\":[";
  for (const RunData& run : runs) {
    Json columns = Json::object();
    for (const auto& [name, values] : run.metrics)
      columns[name] = values;  // NaN is written as null
    Json players = Json::array();
    if (run.evaluation)
      for (const Player& player : run.evaluation->players)
        players.push_back({{"name", player.name}, {"score", player.score_mean}});
    const Json head = {{"name", run.name},
                       {"navigator", run.is_navigator()},
                       {"metrics", columns},
                       {"players", players}};
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

bool has_navigator(std::span<const RunData> runs) {
  return std::any_of(runs.begin(), runs.end(),
                     [](const RunData& run) { return run.is_navigator(); });
}

// Replaces each {{name}} of the template once; what is put in is not looked at again.
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
                                          {"missing_metrics", missing(runs, "metrics")},
                                          {"gallery", gallery_section(runs)},
                                          {"paths_hidden", has_navigator(runs) ? "" : " hidden"},
                                          {"missing_trace", missing(runs, "trace")},
                                          {"evaluation", evaluation_table(runs)},
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
