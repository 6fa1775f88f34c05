// SPDX-License-Identifier: Apache-2.0
// A run folder -> one HTML page that opens offline: headline, learning curves, maps with
// trajectories, what the agent sees, evaluation table, config. Reads files only; it knows neither
// mazes nor networks. Their contents are described in docs of the writers: metrics.jsonl
// (train/metrics.h), eval.json and trace.json (navigate).
#pragma once

#include <filesystem>
#include <span>

namespace clew::report {

/// Writes the page of one run to `out`. What the run has not made yet (no
/// evaluation, no trace) is left out, with a sentence that says how to make it; a malformed file is
/// an error with file and line.
void write_html(const std::filesystem::path& run, const std::filesystem::path& out);

/// One page that compares runs: curves overlaid, one colour a run. At least one run, at most 8.
void write_html(std::span<const std::filesystem::path> runs, const std::filesystem::path& out);

}  // namespace clew::report
