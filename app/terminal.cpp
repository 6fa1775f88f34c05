// SPDX-License-Identifier: Apache-2.0
#include "terminal.h"

#include <fcntl.h>
#include <poll.h>
#include <spdlog/sinks/stdout_color_sinks.h>
#include <spdlog/spdlog.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <iostream>
#include <memory>
#include <mutex>
#include <streambuf>
#include <string>
#include <string_view>
#include <utility>

#include "clew/core/error.h"
#include "clew/core/log.h"
#include "clew/core/text.h"

namespace clew::app {
namespace {

std::mutex line_mutex;
bool is_line_open = false;

/// Ignores errors of stderr.
void write_error(const std::string& text) {
  std::fwrite(text.data(), 1, text.size(), stderr);
  std::fflush(stderr);
}

bool is_dumb() {
  const char* kind = std::getenv("TERM");
  return kind != nullptr && std::string_view(kind) == "dumb";
}

bool wants_no_colour() {
  const char* value = std::getenv("NO_COLOR");  // no-color.org
  return is_dumb() || (value != nullptr && *value != '\0');
}

std::size_t terminal_columns() {
  winsize size{};
  return ioctl(STDERR_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0 ? size.ws_col : 80;
}

bool has_no_reader(int file) {
  pollfd ready{.fd = file, .events = POLLOUT, .revents = 0};
  return ::poll(&ready, 1, 0) == 1 && (ready.revents & POLLERR) != 0;
}

std::string readable(std::string_view text) { return printable(text, "\n\t"); }

}  // namespace

/// Line-buffered, escapes control characters.
class Streams::Readable : public std::streambuf {
 public:
  explicit Readable(std::streambuf* below) : below_(below) {}
  std::streambuf* below() const { return below_; }

 protected:
  int_type overflow(int_type c) override {
    if (traits_type::eq_int_type(c, traits_type::eof())) return traits_type::not_eof(c);
    const char one = traits_type::to_char_type(c);
    return xsputn(&one, 1) == 1 ? c : traits_type::eof();
  }
  std::streamsize xsputn(const char* text, std::streamsize size) override {
    waiting_.append(text, static_cast<std::size_t>(size));
    const auto end = waiting_.rfind('\n');
    return end == std::string::npos || hand_on(end + 1) ? size : 0;
  }
  int sync() override { return hand_on(waiting_.size()) && below_->pubsync() == 0 ? 0 : -1; }

 private:
  bool hand_on(std::size_t count) {
    const auto text = readable(std::string_view(waiting_).substr(0, count));
    waiting_.erase(0, count);
    const auto size = static_cast<std::streamsize>(text.size());
    return below_->sputn(text.data(), size) == size;
  }

  std::streambuf* below_;
  std::string waiting_;
};

Streams::Streams() {
  // Files opened later would otherwise get their descriptors, and the messages.
  for (const int file : {STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO}) {
    if (::fcntl(file, F_GETFD) < 0 && errno == EBADF) (void)::open("/dev/null", O_RDWR);
  }
  std::signal(SIGPIPE, SIG_IGN);
  // A file beyond the user's limit (ulimit -f) is an error, not a signal.
  std::signal(SIGXFSZ, SIG_IGN);
  out_ = std::make_unique<Readable>(std::cout.rdbuf());
  std::cout.rdbuf(out_.get());
}

Streams::~Streams() {
  std::cout.flush();
  std::cout.rdbuf(out_->below());
}

void close_results() {
  if (std::cout.flush() && std::fflush(stdout) == 0 && std::ferror(stdout) == 0) return;
  const int code = errno;
  if (has_no_reader(STDOUT_FILENO)) {
    std::signal(SIGPIPE, SIG_DFL);
    (void)std::raise(SIGPIPE);
  }
  throw Error(concat("cannot write the results to stdout: ", std::strerror(code)));
}

void print_name(const std::filesystem::path& path) {
  struct stat out {
  }, named{};
  const bool is_stdout = ::fstat(STDOUT_FILENO, &out) == 0 && ::stat(path.c_str(), &named) == 0 &&
                         out.st_dev == named.st_dev && out.st_ino == named.st_ino;
  if (is_stdout) return;
  std::cout.flush();
  if (::isatty(STDOUT_FILENO) != 0) {
    std::cout << path.string() << '\n';
  } else {
    std::fputs((path.string() + '\n').c_str(), stdout);
    std::fflush(stdout);
  }
}

void end_open_line() {
  const std::lock_guard lock(line_mutex);
  if (std::exchange(is_line_open, false)) write_error("\n");
}

void say(const std::string& text) {
  end_open_line();
  write_error(readable(text) + (text.ends_with('\n') ? "" : "\n"));
}

bool can_rewrite() { return ::isatty(STDERR_FILENO) != 0 && !is_dumb(); }

void show_open_line(const std::string& text) {
  const auto line = printable(text);
  const std::lock_guard lock(line_mutex);
  is_line_open = true;
  // A line of full width would wrap on some terminals.
  write_error(
      concat("\r\033[K", first_characters(line, std::max<std::size_t>(terminal_columns(), 2) - 1)));
}

void start_logging(bool is_verbose) {
  auto sink = std::make_shared<spdlog::sinks::stderr_color_sink_mt>();
  if (wants_no_colour()) sink->set_color_mode(spdlog::color_mode::never);
  auto logger = std::make_shared<spdlog::logger>("clew", std::move(sink));
  logger->set_pattern(is_verbose ? "%H:%M:%S.%e %^%l%$ %v" : "%v");
  logger->set_level(is_verbose ? spdlog::level::debug : spdlog::level::info);
  logger->flush_on(spdlog::level::debug);
  set_log_sink([logger, is_verbose](LogLevel level, const std::string& line) {
    end_open_line();
    const std::string text = readable(line);
    switch (level) {
      case LogLevel::kDebug:
        logger->debug(text);
        break;
      case LogLevel::kInfo:
        logger->info(text);
        break;
      case LogLevel::kWarning:
        logger->warn(is_verbose ? text : "warning: " + text);
        break;
    }
  });
}

}  // namespace clew::app
