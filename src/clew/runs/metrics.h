// SPDX-License-Identifier: Apache-2.0
// RUN/metrics.jsonl: training metrics, one JSON object per line, by ascending step. A killed run
// loses at most its last, partial line; a resumed run first truncates the file to its checkpoint,
// so that it equals that of a run never stopped. TensorBoard's events: train/tensorboard.h.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace clew::runs {

/// A metric; absent, NaN and infinite ones are written as null.
struct Metric {
  std::string name;
  std::optional<double> value;
};

/// One line of the file.
struct MetricsLine {
  std::int64_t step = 0;        // agent steps or optimiser steps
  std::vector<Metric> metrics;  // in the order of the file, without "step"

  /// Metric by name; absent if missing or not finite.
  [[nodiscard]] std::optional<double> get(std::string_view name) const;
};

/// Appends lines, each in one unbuffered write.
class MetricsWriter {
 public:
  /// Opens or creates `path`; truncates lines after `last_step` (the checkpoint's) and a partial
  /// last line.
  explicit MetricsWriter(std::filesystem::path path, std::int64_t last_step = INT64_MAX);
  ~MetricsWriter();
  MetricsWriter(const MetricsWriter&) = delete;
  MetricsWriter& operator=(const MetricsWriter&) = delete;

  /// Appends a line; `step` must not decrease. A failed write leaves no partial line.
  void append(std::int64_t step, std::span<const Metric> metrics);
  /// fsync; call before a checkpoint is written. Blocks.
  void sync();

 private:
  std::filesystem::path path_;
  int file_ = -1;
  std::int64_t size_ = 0;  // bytes of complete lines
  std::int64_t last_step_ = 0;
};

/// All complete lines of `path`; a partial last line is skipped, any other malformed line is a
/// clew::Error with its number.
[[nodiscard]] std::vector<MetricsLine> read_metrics(const std::filesystem::path& path);

/// One line of JSON, with its newline. Numbers round-trip exactly.
[[nodiscard]] std::string metrics_line(std::int64_t step, std::span<const Metric> metrics);

}  // namespace clew::runs
