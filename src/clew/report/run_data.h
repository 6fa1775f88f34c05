// SPDX-License-Identifier: Apache-2.0
// Contents of one run folder, checked and cut to a sane size. Not installed.
#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "clew/runs/about.h"
#include "clew/runs/evaluation.h"

namespace clew::report {

/// Pictures that belong together, such as one of each moment of a training.
struct GalleryItem {
  std::string title, caption;
  std::vector<std::pair<std::string, std::string>> pictures;  // label, data URI; at least one
};

struct RunData {
  std::filesystem::path folder;
  std::string name;    // the last two parts of its folder
  std::string config;  // the text of config.toml
  runs::RunAbout about;
  // Columns of metrics.jsonl, all of the same length, NaN where a line has nothing; empty when
  // there is no line.
  std::map<std::string, std::vector<double>> metrics;
  std::optional<runs::Evaluation> evaluation;
  std::vector<GalleryItem> gallery;  // of the training, then of the evaluation
  std::string trace = "null";        // JSON ready for the page: episodes in a maze
  std::vector<std::string> notes;    // what was left out, in whole sentences

  bool has_trace() const { return trace != "null"; }
  /// The title of RUN/run.json, or `name`.
  const std::string& title() const { return about.title.empty() ? name : about.title; }
};

/// How much of a page the pictures of all runs together may take.
struct Budget {
  std::int64_t picture_bytes = std::int64_t{24} << 20;
  std::size_t episodes = 24;
};

/// Reads RUN. Pictures take from `budget` what they need.
[[nodiscard]] RunData read_run(const std::filesystem::path& folder, Budget& budget);

/// Steps, frames, seconds, epochs: what metrics are drawn against.
[[nodiscard]] bool is_position_column(const std::string& name);
/// Columns of RUN/metrics.jsonl, all of the same length, NaN where a line has nothing; none where there
/// is no file.
[[nodiscard]] std::map<std::string, std::vector<double>> read_columns(
    const std::filesystem::path& folder);

}  // namespace clew::report
