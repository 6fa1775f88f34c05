// SPDX-License-Identifier: Apache-2.0
// Progress lines: rewritten in place on a terminal, occasional plain lines in a pipe.
#pragma once

#include <array>
#include <chrono>
#include <csignal>
#include <cstdint>
#include <string>
#include <utility>

namespace clew::app {

class ProgressLine {
 public:
  ProgressLine();
  ~ProgressLine();  // ends the line on a terminal
  ProgressLine(const ProgressLine&) = delete;
  ProgressLine& operator=(const ProgressLine&) = delete;

  /// Shows `text` on stderr: in place on a terminal (at most ten times a second); in a pipe only if
  /// `is_milestone`, as a separate line.
  void show(const std::string& text, bool is_milestone);
  /// Ends the current line, so that other output starts on a new one.
  void end();

 private:
  bool is_rewritten_;
  std::chrono::steady_clock::time_point shown_;
};

/// Progress of counted work: "a.zip: 120 of 292 KiB, 40 KiB/s, 4 s left", or, without a unit,
/// "evaluating: 41 %, 4 s left". In a pipe: every tenth of work longer than two seconds, and the
/// end of named work.
class CountLine {
 public:
  explicit CountLine(std::string unit = "") : unit_(std::move(unit)) {}

  /// `total` -1: not known. A new name restarts the progress. Work done before the first call, as of a resumed download,
  /// does not count for the rate.
  void show(std::int64_t done, std::int64_t total, const std::string& name = "");
  /// The same for a fraction in [0,1].
  void show_share(double share, const std::string& name) {
    show(static_cast<std::int64_t>(share * 1000), 1000, name);
  }
  void end() { line_.end(); }

 private:
  ProgressLine line_;
  std::string unit_, name_;
  std::int64_t first_ = -1, last_ = 0;
  bool is_ended_ = false;
  std::chrono::steady_clock::time_point start_, shown_;
};

/// "12 s", "3 min 20 s", "2 h 5 min".
std::string duration_text(double seconds);
/// "950", "12.3 k", "4.56 M".
std::string count_text(double count);

/// Scope guard that turns Ctrl-C, SIGTERM and SIGHUP into a request to stop; the second Ctrl-C or
/// SIGTERM ends the program at once, unless torchrun has started it. Signals ignored at the start
/// (nohup, a background job of a script) stay ignored.
class InterruptWatch {
 public:
  InterruptWatch();
  ~InterruptWatch();
  InterruptWatch(const InterruptWatch&) = delete;
  InterruptWatch& operator=(const InterruptWatch&) = delete;

  /// True from the first Ctrl-C on.
  bool was_interrupted() const;

  static constexpr std::array kSignals = {SIGINT, SIGTERM, SIGHUP};

 private:
  std::array<struct sigaction, kSignals.size()> before_{};
};

}  // namespace clew::app
