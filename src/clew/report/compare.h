// SPDX-License-Identifier: Apache-2.0
// Comparison of runs of one system: differing settings, and measures of their evaluations. Reads
// config.toml, eval.json and metrics.jsonl.
#pragma once

#include <filesystem>
#include <functional>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <vector>

namespace clew::report {

/// A measure, averaged over the runs of a setting.
struct ComparedMeasure {
  double mean = 0;
  double spread = 0;     // sample standard deviation; 0 for one run
  bool is_best = false;  // over all settings, unless all are equal
};

/// One setting: runs that differ only in their seed.
struct ComparedSetting {
  std::vector<std::filesystem::path> runs;
  std::map<std::string, std::string> values;  // of Comparison::keys, in TOML
  std::map<std::string, ComparedMeasure> measures;
  int evaluated = 0;                     // runs with an evaluation
  std::optional<double> steps, seconds;  // of training, mean
};

struct ComparisonMeasure {
  std::string name, unit;
  bool larger_is_better = false;
};

struct Comparison {
  std::string system;
  std::vector<std::string> keys;  // differing settings
  std::vector<ComparisonMeasure> measures;
  std::vector<ComparedSetting> settings;  // in the order of their first runs
};

/// True for keys that are settings of an experiment; others, such as the seed, are not compared.
using IsSetting = std::function<bool(const std::string& system, const std::string& key)>;

/// Runs of different systems, a folder that is not a run, fewer than two runs: clew::Error or
/// UsageError.
Comparison compare(std::span<const std::filesystem::path> runs, const IsSetting& is_setting);

/// Human-readable table, with an asterisk before the best of each measure.
std::string table_text(const Comparison& comparison);
/// The same as one JSON object, with its newline.
std::string comparison_json(const Comparison& comparison);

}  // namespace clew::report
