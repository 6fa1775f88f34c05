// SPDX-License-Identifier: Apache-2.0
// The program's streams: results on stdout, all else on stderr. No escape code of a file's or level's name reaches a
// terminal, and no message ends the program.
#pragma once

#include <filesystem>
#include <memory>
#include <string>

namespace clew::app {

/// While it lives, std::cout writes readable text, a reader that leaves sends no signal, and what the
/// parent had closed is open.
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

/// Ends the results. A reader that has seen enough (clew help | head) ends the program as SIGPIPE
/// does; another fault, such as a full disk: clew::Error.
void close_results();

/// The name of a file or folder as a result: a line of stdout, byte for byte unless that is a
/// terminal. Says nothing where the file is stdout itself.
void print_name(const std::filesystem::path& path);

/// Lines on stderr.
void say(const std::string& text);

/// Sends info and warnings of the library, and with `is_verbose` debug lines, to stderr.
void start_logging(bool is_verbose);

/// True when stderr is a terminal that can rewrite a line in place.
bool can_rewrite();
/// Rewrites the last line of the terminal, cut to its width, and leaves it open.
void show_open_line(const std::string& text);
/// Ends it, if it is open. Everything above does so first.
void end_open_line();

}  // namespace clew::app
