// SPDX-License-Identifier: Apache-2.0
// A run folder -> one self-contained HTML page: headline, learning curves, maps with trajectories,
// agent views, evaluation tables, config. Reads files only, independent of mazes and networks.
// Formats: runs/metrics.h, runs/evaluation.h, navigate/evaluate.h (trace.json).
#pragma once

#include <filesystem>
#include <span>

namespace clew::report {

/// Writes the page of one run to `out`. Missing parts (no evaluation, no trace) are replaced by the
/// command that makes them; a malformed file is an error with file and line.
void write_html(const std::filesystem::path& run, const std::filesystem::path& out);

/// Page that compares 1 to 8 runs: overlaid curves, one colour per run.
void write_html(std::span<const std::filesystem::path> runs, const std::filesystem::path& out);

}  // namespace clew::report
