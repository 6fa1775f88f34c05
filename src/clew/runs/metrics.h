// SPDX-License-Identifier: Apache-2.0
// RUN/metrics.jsonl: what training measured, a JSON object a line, in the order of steps.
// A run that is killed loses at most its last, half-written line; a resumed run cuts the file back
// to its checkpoint first, so that the file equals that of a run never stopped. Not the TensorBoard
// events.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace clew::runs {

/// One measured number; absent, NaN and infinite ones are written as null.
struct Metric {
  std::string name;
  std::optional<double> value;
};

/// One line of the file.
struct MetricsLine {
  std::int64_t step = 0;        // agent steps
  std::vector<Metric> metrics;  // in the order of the file, without "step"

  /// The number called `name`; nothing when it is absent or not finite.
  [[nodiscard]] std::optional<double> get(std::string_view name) const;
};

/// Appends lines. Each is handed to the system whole, in one write, before append returns.
class MetricsWriter {
 public:
  /// Opens or creates `path`. Lines of a step after `last_step` (the checkpoint's) and a torn last
  /// line are cut off.
  explicit MetricsWriter(std::filesystem::path path, std::int64_t last_step = INT64_MAX);
  ~MetricsWriter();
  MetricsWriter(const MetricsWriter&) = delete;
  MetricsWriter& operator=(const MetricsWriter&) = delete;

  /// Adds one line; `step` must not be smaller than that of the line before. A failed write leaves
  /// no half line.
  void append(std::int64_t step, std::span<const Metric> metrics);
  /// Returns when the lines are on the disk; call it before a checkpoint counts as written. Blocks.
  void sync();

 private:
  std::filesystem::path path_;
  int file_ = -1;
  std::int64_t size_ = 0;  // bytes of whole lines
  std::int64_t last_step_ = 0;
};

/// Every whole line of `path`; a torn last line is left out, any other malformed line is an error
/// with its number.
[[nodiscard]] std::vector<MetricsLine> read_metrics(const std::filesystem::path& path);

/// `step` and `metrics` as one line of JSON, with its newline. Numbers read back as the same
/// double.
[[nodiscard]] std::string metrics_line(std::int64_t step, std::span<const Metric> metrics);

}  // namespace clew::runs
