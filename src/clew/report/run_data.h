// SPDX-License-Identifier: Apache-2.0
// What the report reads from one run folder, checked and cut to a sane size. Private to the report
// room.
#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <utility>
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

/// The evaluation of a network that sorts examples into classes.
struct Classes {
  std::vector<std::string> names;
  double examples = 0, error = 0, loss = 0;  // error: share of the examples
  double parameters = 0;                     // 0: not said
  std::vector<double> confusion;  // [C,C], row: what it is, column: what it was taken for
};

/// Pictures that belong together, such as one of each moment of a training.
struct GalleryItem {
  std::string title, caption;
  std::vector<std::pair<std::string, std::string>> pictures;  // label, data URI; at least one
};

struct RunData {
  std::filesystem::path folder;
  std::string name;    // how the page calls the run
  std::string config;  // the text of config.toml
  // Columns of metrics.jsonl, all of the same length, NaN where a line has nothing; empty when
  // there is no line.
  std::map<std::string, std::vector<double>> metrics;
  std::optional<Evaluation> evaluation;
  std::optional<Classes> classes;
  // Of which step the evaluated weights are, and how far the run was then; older files do not say.
  std::optional<double> evaluated_step, evaluated_run_step;
  std::string summary;  // how well it does, in a sentence of the room's own; plain text
  std::vector<GalleryItem> gallery;
  std::string trace = "null";  // JSON ready for the page
  std::string trace_level;
  std::vector<std::string> notes;  // what was left out, in whole sentences

  bool has_trace() const { return trace != "null"; }
  bool is_navigator() const;  // episodes in a maze, not examples of a data set
};

/// How much of a page the pictures of all runs together may take.
struct Budget {
  std::int64_t picture_bytes = std::int64_t{24} << 20;
  std::size_t episodes = 24;
};

/// Reads RUN. Pictures take from `budget` what they need.
[[nodiscard]] RunData read_run(const std::filesystem::path& folder, Budget& budget);

/// Columns of RUN/metrics.jsonl, all of the same length, NaN where a line has nothing; none where there
/// is no file.
[[nodiscard]] std::map<std::string, std::vector<double>> read_columns(
    const std::filesystem::path& folder);

/// The string that `key = "..."` sets in a TOML text, whatever its table; empty when no line does.
[[nodiscard]] std::string setting(const std::string& config, const std::string& key);

}  // namespace clew::report
