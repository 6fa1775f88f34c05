// SPDX-License-Identifier: Apache-2.0
// A synthetic run folder for the report's tests: plausible curves, a small maze, a trajectory with
// frames. The trainer's real output is covered by the command-line tests.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>

namespace clew::report {

struct SyntheticOptions {
  std::string level = "static_small";
  std::uint64_t seed = 1;
  int lines = 120;   // of metrics.jsonl
  int episodes = 3;  // of the trace
  int steps = 240;   // of an episode
  bool has_eval = true;
  bool has_trace = true;
  bool has_depth = true;  // depth and loop closure
};

/// Creates the run folder; the test removes it.
class SyntheticRun {
 public:
  explicit SyntheticRun(std::filesystem::path folder, SyntheticOptions options = {});

  /// Replaces one file of the folder.
  void put(const std::string& name, const std::string& text) const;
  /// The text of its eval.json.
  std::string evaluation() const;

 private:
  std::filesystem::path folder_;
  SyntheticOptions options_;
};

}  // namespace clew::report
