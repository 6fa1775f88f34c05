// SPDX-License-Identifier: Apache-2.0
// One line about work that takes long: it rewrites itself on a terminal and prints plainly, now and
// then, in a pipe.
#pragma once

#include <chrono>
#include <string>

namespace clew::app {

class ProgressLine {
 public:
  ProgressLine();
  ~ProgressLine();  // ends the line on a terminal
  ProgressLine(const ProgressLine&) = delete;
  ProgressLine& operator=(const ProgressLine&) = delete;

  /// Shows `text` on stderr: on a terminal at once and in place (at most ten times a second); in a
  /// pipe only when `is_milestone`, as a line of its own.
  void show(const std::string& text, bool is_milestone);
  /// Ends the present line, so that other output starts on a new one.
  void end();

  bool is_terminal() const { return is_terminal_; }

 private:
  bool is_terminal_;
  bool is_open_ = false;
  std::chrono::steady_clock::time_point shown_;
};

/// "12 s", "3 min 20 s", "2 h 5 min".
std::string duration_text(double seconds);
/// "950", "12.3 k", "4.56 M".
std::string count_text(double count);

/// While it lives, Ctrl-C (or SIGTERM) only asks for a clean stop; the second ends the program at
/// once, unless torchrun has started it.
class InterruptWatch {
 public:
  InterruptWatch();
  ~InterruptWatch();
  InterruptWatch(const InterruptWatch&) = delete;
  InterruptWatch& operator=(const InterruptWatch&) = delete;

  /// True from the first Ctrl-C on.
  bool was_interrupted() const;
};

}  // namespace clew::app
