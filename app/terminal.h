// SPDX-License-Identifier: Apache-2.0
// The program's streams: results on stdout, all else on stderr. Escape codes from file or level
// names never reach a terminal, and failed messages never end the program.
#pragma once

#include <filesystem>
#include <memory>
#include <string>

namespace clew::app {

/// Scope guard: std::cout escapes control characters, SIGPIPE is ignored, and closed standard
/// streams are opened.
class Streams {
 public:
  Streams();
  ~Streams();
  Streams(const Streams&) = delete;
  Streams& operator=(const Streams&) = delete;

 private:
  class Readable;
  std::unique_ptr<Readable> out_;
};

/// Flushes the results. A closed pipe (clew help | head) ends the program as SIGPIPE does; another
/// failure, such as a full disk: clew::Error.
void close_results();

/// Prints a path as a line of stdout, byte for byte unless that is a terminal. Nothing if the file
/// is stdout itself.
void print_name(const std::filesystem::path& path);

/// Writes lines to stderr.
void say(const std::string& text);

/// Logs the library's info and warnings, and with `is_verbose` debug lines, to stderr.
void start_logging(bool is_verbose);

/// True if stderr is a terminal that can rewrite a line in place.
bool can_rewrite();
/// Rewrites the last line of the terminal, truncated to its width, and leaves it open.
void show_open_line(const std::string& text);
/// Ends it, if it is open. Everything above does so first.
void end_open_line();

}  // namespace clew::app
