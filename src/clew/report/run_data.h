// SPDX-License-Identifier: Apache-2.0
// What the report reads from one run folder, checked and cut to a sane size. Private to the report
// room.
#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <vector>

namespace clew::report {

struct Player {
  std::string name;
  double score_mean = 0;
  std::map<std::string, double> numbers;  // the others that are there, by their name in eval.json
};

struct Evaluation {
  std::string level;
  int episodes = 0;
  std::string seed;
  std::vector<Player> players;

  const Player* player(const std::string& name) const;
};

struct RunData {
  std::filesystem::path folder;
  std::string name;    // how the page calls the run
  std::string config;  // the text of config.toml
  // Columns of metrics.jsonl, all of the same length, NaN where a line has nothing; empty when
  // there is no line.
  std::map<std::string, std::vector<double>> metrics;
  std::optional<Evaluation> evaluation;
  std::string trace = "null";  // JSON ready for the page
  std::string trace_level;
  std::vector<std::string> notes;  // what was left out, in whole sentences

  bool has_trace() const { return trace != "null"; }
};

/// How much of a page the pictures of all runs together may take.
struct Budget {
  std::int64_t picture_bytes = std::int64_t{24} << 20;
  std::size_t episodes = 24;
};

/// Reads RUN. Pictures take from `budget` what they need.
[[nodiscard]] RunData read_run(const std::filesystem::path& folder, Budget& budget);

/// The string that `key = "..."` sets in a TOML text, whatever its table; empty when no line does.
[[nodiscard]] std::string setting(const std::string& config, const std::string& key);

}  // namespace clew::report
