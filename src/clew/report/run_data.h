// SPDX-License-Identifier: Apache-2.0
// Contents of a run folder, checked and limited in size. Not installed.
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

/// A group of pictures, such as a sequence over a training.
struct GalleryItem {
  std::string title, caption;
  std::vector<std::pair<std::string, std::string>> pictures;  // label, data URI; at least one
};

struct RunData {
  std::filesystem::path folder;
  std::string name;    // last two components of the folder's path
  std::string config;  // text of config.toml
  runs::RunAbout about;
  // Columns of metrics.jsonl, of equal length, NaN for missing values; empty without lines.
  std::map<std::string, std::vector<double>> metrics;
  std::optional<runs::Evaluation> evaluation;
  std::vector<GalleryItem> gallery;  // of the training, then of the evaluation
  std::string trace = "null";        // JSON for the page: episodes in a maze
  std::vector<std::string> notes;    // on omitted parts, in sentences

  bool has_trace() const { return trace != "null"; }
  /// Title of RUN/run.json, or `name`.
  const std::string& title() const { return about.title.empty() ? name : about.title; }
};

/// Size limit for the pictures of all runs on a page.
struct Budget {
  std::int64_t picture_bytes = std::int64_t{24} << 20;
  std::size_t episodes = 24;
};

/// Reads RUN. Pictures count towards `budget`.
[[nodiscard]] RunData read_run(const std::filesystem::path& folder, Budget& budget);

/// True for x-axis columns: steps, frames, seconds, epochs.
[[nodiscard]] bool is_position_column(const std::string& name);
/// Columns of RUN/metrics.jsonl, of equal length, NaN for missing values; empty without the file.
[[nodiscard]] std::map<std::string, std::vector<double>> read_columns(
    const std::filesystem::path& folder);

}  // namespace clew::report
