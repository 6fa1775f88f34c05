// SPDX-License-Identifier: Apache-2.0
// Runs of one system side by side: what differs in their settings, and what their evaluations say. Reads
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

/// A measure over the runs of a setting.
struct ComparedMeasure {
  double mean = 0;
  double spread = 0;     // standard deviation of a sample; 0 for one run
  bool is_best = false;  // of all settings, unless all are equal
};

/// One setting: the runs that differ in nothing but their seed.
struct ComparedSetting {
  std::vector<std::filesystem::path> runs;
  std::map<std::string, std::string> values;  // of Comparison::keys, as TOML writes them
  std::map<std::string, ComparedMeasure> measures;
  int evaluated = 0;                     // how many of the runs have an evaluation
  std::optional<double> steps, seconds;  // of training, the mean
};

struct ComparisonMeasure {
  std::string name, unit;
  bool larger_is_better = false;
};

struct Comparison {
  std::string system;
  std::vector<std::string> keys;  // settings that differ
  std::vector<ComparisonMeasure> measures;
  std::vector<ComparedSetting> settings;  // in the order of their first runs
};

/// True for keys of a system's config that make a difference to an experiment; others, such as the seed,
/// are left out of comparisons.
using IsSetting = std::function<bool(const std::string& system, const std::string& key)>;

/// Runs of two systems, a folder that is no run, fewer than two runs: clew::Error or UsageError.
Comparison compare(std::span<const std::filesystem::path> runs, const IsSetting& is_setting);

/// A table for people, with an asterisk before the best of each measure.
std::string table_text(const Comparison& comparison);
/// The same as one JSON object, with its newline.
std::string comparison_json(const Comparison& comparison);

}  // namespace clew::report
