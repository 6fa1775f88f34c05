// SPDX-License-Identifier: Apache-2.0
#include "clew/report/compare.h"

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <nlohmann/json.hpp>
#include <set>

#include "clew/core/config.h"
#include "clew/core/error.h"
#include "clew/core/files.h"
#include "clew/report/run_data.h"
#include "clew/runs/evaluation.h"

namespace clew::report {
namespace {

namespace fs = std::filesystem;

constexpr std::uint64_t kLongestText = std::uint64_t{1} << 26;
/// Settings and measures of one run.
struct ComparedRun {
  fs::path folder;
  std::string system;
  std::map<std::string, std::string> settings;
  std::vector<ComparisonMeasure> measures;
  std::map<std::string, double> values;  // of them
  bool is_evaluated = false;
  std::optional<double> steps, seconds;
};

ComparedRun read_compared(const fs::path& folder, const IsSetting& is_setting) {
  ComparedRun run{.folder = folder};
  const auto config = folder / "config.toml";
  CLEW_CHECK(path_exists(config), folder.string(), " is not a run folder: it has no config.toml");
  run.system = "navigate";  // not written by its older runs
  for (const auto& entry : parse_toml(read_file(config, kLongestText), config.string()).entries) {
    if (entry.key == "system" && entry.values.size() == 1) {
      if (const auto* name = std::get_if<std::string>(&entry.values[0])) run.system = *name;
    } else {
      run.settings[entry.key] = entry.text;
    }
  }
  std::erase_if(run.settings,
                [&](const auto& setting) { return !is_setting(run.system, setting.first); });
  if (const auto evaluation = runs::read_evaluation(folder)) {
    for (const auto& measure : evaluation->measures) {
      run.measures.push_back({.name = measure.name,
                              .unit = measure.unit,
                              .larger_is_better = measure.larger_is_better});
      if (std::isfinite(measure.value)) run.values[measure.name] = measure.value;
    }
    run.is_evaluated = true;
  }
  const auto columns = read_columns(folder);
  const auto last = [&](const char* name) -> std::optional<double> {
    const auto found = columns.find(name);
    if (found == columns.end() || found->second.empty()) return {};
    return found->second.back();
  };
  run.steps = last("step");
  run.seconds = last("seconds");
  return run;
}

std::optional<double> mean_of(const std::vector<double>& values) {
  if (values.empty()) return {};
  double sum = 0;
  for (const double value : values) sum += value;
  return sum / static_cast<double>(values.size());
}

/// Three or four significant digits; shares as percent.
std::string number_text(double value, const std::string& unit) {
  char text[40];
  if (unit == "share") {
    std::snprintf(text, sizeof text, "%.2f %%", 100 * value);
  } else {
    std::snprintf(text, sizeof text, "%.4g", value);
  }
  return text;
}

}  // namespace

Comparison compare(std::span<const fs::path> runs, const IsSetting& is_setting) {
  if (runs.size() < 2)
    throw UsageError(concat("at least two runs are compared, got ", runs.size()));
  std::vector<ComparedRun> all;
  for (const auto& folder : runs) {
    all.push_back(read_compared(folder, is_setting));
    if (all.back().system != all[0].system) {
      throw UsageError(concat("only runs of one system can be compared, got ", all[0].system,
                              " in ", all[0].folder.string(), " and ", all.back().system, " in ",
                              folder.string()));
    }
  }
  Comparison comparison{.system = all[0].system};
  std::set<std::string> keys;
  for (const auto& run : all)
    for (const auto& [key, value] : run.settings) keys.insert(key);
  const auto text_of = [](const ComparedRun& run, const std::string& key) {
    const auto found = run.settings.find(key);
    return found == run.settings.end() ? std::string("not set") : found->second;
  };
  for (const auto& key : keys) {
    if (std::ranges::any_of(
            all, [&](const auto& run) { return text_of(run, key) != text_of(all[0], key); }))
      comparison.keys.push_back(key);
  }
  for (const auto& run : all) {
    for (const auto& measure : run.measures) {
      if (std::ranges::find(comparison.measures, measure.name, &ComparisonMeasure::name) ==
          comparison.measures.end())
        comparison.measures.push_back(measure);
    }
  }
  std::vector<std::vector<const ComparedRun*>> groups;
  for (const auto& run : all) {
    const auto found = std::ranges::find_if(
        groups, [&](const auto& group) { return group[0]->settings == run.settings; });
    if (found == groups.end()) {
      groups.push_back({&run});
    } else {
      found->push_back(&run);
    }
  }
  for (const auto& group : groups) {
    ComparedSetting setting;
    std::vector<double> steps, seconds;
    for (const auto* run : group) {
      setting.runs.push_back(run->folder);
      setting.evaluated += run->is_evaluated ? 1 : 0;
      if (run->steps) steps.push_back(*run->steps);
      if (run->seconds) seconds.push_back(*run->seconds);
    }
    for (const auto& key : comparison.keys) setting.values[key] = text_of(*group[0], key);
    for (const auto& measure : comparison.measures) {
      std::vector<double> values;
      for (const auto* run : group) {
        const auto found = run->values.find(measure.name);
        if (found != run->values.end() && std::isfinite(found->second))
          values.push_back(found->second);
      }
      const auto mean = mean_of(values);
      if (!mean) continue;
      double squares = 0;
      for (const double value : values) squares += (value - *mean) * (value - *mean);
      setting.measures[measure.name] = {
          .mean = *mean,
          .spread =
              values.size() < 2 ? 0 : std::sqrt(squares / static_cast<double>(values.size() - 1))};
    }
    setting.steps = mean_of(steps);
    setting.seconds = mean_of(seconds);
    comparison.settings.push_back(std::move(setting));
  }
  for (const auto& measure : comparison.measures) {
    std::vector<double> means;
    for (const auto& setting : comparison.settings) {
      const auto found = setting.measures.find(measure.name);
      if (found != setting.measures.end()) means.push_back(found->second.mean);
    }
    const auto [least, most] = std::ranges::minmax_element(means);
    if (means.empty() || *least == *most) continue;  // all equal
    const double best = measure.larger_is_better ? *most : *least;
    for (auto& setting : comparison.settings) {
      const auto found = setting.measures.find(measure.name);
      if (found != setting.measures.end()) found->second.is_best = found->second.mean == best;
    }
  }
  return comparison;
}

std::string table_text(const Comparison& comparison) {
  struct Cell {
    std::string text;
    bool is_best = false;
  };
  std::vector<std::vector<Cell>> rows(1);
  const auto head = [&](const std::string& text) { rows[0].push_back({text}); };
  head("run");
  for (const auto& key : comparison.keys) head(key);
  for (const auto& measure : comparison.measures) head(measure.name);
  head("steps");
  head("minutes");
  for (const auto& setting : comparison.settings) {
    auto& row = rows.emplace_back();
    auto name = setting.runs[0].string();
    if (setting.runs.size() > 1) name += concat(" and ", setting.runs.size() - 1, " more");
    row.push_back({name});
    for (const auto& key : comparison.keys) row.push_back({setting.values.at(key)});
    for (const auto& measure : comparison.measures) {
      const auto found = setting.measures.find(measure.name);
      if (found == setting.measures.end()) {
        row.push_back({"-"});
        continue;
      }
      auto text = number_text(found->second.mean, measure.unit);
      if (setting.runs.size() > 1) text += " +- " + number_text(found->second.spread, measure.unit);
      row.push_back({text, found->second.is_best});
    }
    row.push_back({setting.steps ? number_text(*setting.steps, "") : "-"});
    row.push_back({setting.seconds ? number_text(*setting.seconds / 60, "") : "-"});
  }
  std::vector<std::size_t> widths(rows[0].size());
  for (const auto& row : rows)
    for (std::size_t i = 0; i < row.size(); ++i)
      widths[i] = std::max(widths[i], row[i].text.size() + 1);
  std::string text;
  for (const auto& row : rows) {
    std::string line;
    for (std::size_t i = 0; i < row.size(); ++i) {
      line += concat(i == 0 ? "" : "  ", row[i].is_best ? '*' : ' ', row[i].text,
                     std::string(widths[i] - row[i].text.size() - 1, ' '));
    }
    text += line.substr(0, line.find_last_not_of(' ') + 1) + "\n";
  }
  return text;
}

std::string comparison_json(const Comparison& comparison) {
  auto settings = nlohmann::ordered_json::array();
  for (const auto& setting : comparison.settings) {
    auto runs = nlohmann::ordered_json::array();
    for (const auto& run : setting.runs) runs.push_back(run.string());
    nlohmann::ordered_json measures = nlohmann::ordered_json::object();
    for (const auto& measure : comparison.measures) {
      const auto found = setting.measures.find(measure.name);
      if (found == setting.measures.end()) continue;
      measures[measure.name] = {{"mean", found->second.mean},
                                {"spread", found->second.spread},
                                {"is_best", found->second.is_best}};
    }
    const auto maybe = [](const std::optional<double>& value) {
      return value ? nlohmann::ordered_json(*value) : nlohmann::ordered_json();
    };
    settings.push_back({{"runs", runs},
                        {"evaluated", setting.evaluated},
                        {"settings", setting.values},
                        {"measures", measures},
                        {"steps", maybe(setting.steps)},
                        {"seconds", maybe(setting.seconds)}});
  }
  auto measures = nlohmann::ordered_json::array();
  for (const auto& measure : comparison.measures)
    measures.push_back({{"name", measure.name},
                        {"unit", measure.unit},
                        {"better", measure.larger_is_better ? "larger" : "smaller"}});
  const nlohmann::ordered_json root = {{"system", comparison.system},
                                       {"differing", comparison.keys},
                                       {"measures", measures},
                                       {"rows", settings}};
  return root.dump(2) + "\n";
}

}  // namespace clew::report
